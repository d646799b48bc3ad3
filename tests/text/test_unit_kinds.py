"""Initials and finals, Hangul and jamo, pieces of words, and syllables mixed with these."""

import random
from argparse import Namespace

import numpy as np
import pytest

from ramospeech.errors import UnitError, UsageError
from ramospeech.programs.decoding import make_decoder
from ramospeech.text import HotwordReadings, Vocabulary, in_parts, parts
from ramospeech.text.units import (
    UNITS,
    labels_of,
    main,
    units_of_lists,
    units_of_model,
    vocabulary_of,
    word_spans,
)
from ramospeech.text.units.pieces import Pieces, learn_pieces

INITIALS_FINALS, HANGUL, JAMO = UNITS["initials_finals"], UNITS["hangul"], UNITS["jamo"]
WORDS = (
    "the",
    "cat",
    "sat",
    "on",
    "that",
    "mat",
    "and",
    "this",
    "bat",
    "ate",
    "those",
    "hats",
    "thought",
    "it",
    "through",
)


def sentences(count, seed=0):
    chance = random.Random(seed)
    return [chance.choices(WORDS, k=8) for _ in range(count)]


def items(units, tokens):
    return [item for item, *_ in units.spans(tokens)]


def test_every_syllable_is_an_initial_and_a_final_and_back():
    inventory = Vocabulary.inventory().units[2:]
    assert items(INITIALS_FINALS, INITIALS_FINALS.parse(" ".join(inventory))) == list(inventory)
    for syllable in inventory:
        tokens = INITIALS_FINALS.parse(syllable)
        assert len(tokens) == (1 if parts.split(syllable).initial == parts.ZERO else 2)
    units = INITIALS_FINALS.inventory()
    assert not units.unknown(INITIALS_FINALS.parse(" ".join(inventory))) and len(units) == 248


@pytest.mark.parametrize(
    ("column", "tokens"),
    [
        ("ni3 hao3 ma5", "n i3 h ao3 m a5"),
        ("xi1 an1 xian1 yo1 o1 er2", "x i1 an1 x ian1 yo1 o1 er2"),
        ("Nǐ <UNK> zhi1 ju4 yuan2", "n i3 <UNK> zh -i1 j v4 van2"),
        ("n i3 h ao3", "n i3 h ao3"),
    ],
)
def test_initials_and_finals_of_a_column(column, tokens):
    assert INITIALS_FINALS.parse(column) == tokens.split()


@pytest.mark.parametrize(
    ("tokens", "syllables"),
    [
        ("n i3 h", "ni3 <UNK>"),
        ("f i3 -i4 a1", "<UNK> <UNK> a1"),
        ("zh ch ang2", "<UNK> chang2"),
        ("<UNK> ian1 n n i3", "<UNK> yan1 n ni3"),
        ("", ""),
    ],
)
def test_parts_that_make_no_syllable_are_unknown(tokens, syllables):
    assert items(INITIALS_FINALS, tokens.split()) == syllables.split()


def test_initials_and_finals_are_judged_as_syllables():
    scores = {m.name: m.items(["n", "i3", "h", "ao3"], ()) for m in INITIALS_FINALS.metrics}
    assert scores["ser"] == ("ni3", "hao3") and scores["ser_toneless"] == ("ni", "hao")
    assert scores["per"] == ("n", "i3", "h", "ao3")


@pytest.mark.parametrize(
    ("text", "syllables"),
    [
        ("안녕하세요, 세계!", "안 녕 하 세 요 ▁ 세 계"),
        ("2024년 KBS 뉴스", "2 0 2 4 년 ▁ k b s ▁ 뉴 스"),
        ("값을 읽었다", "값 을 ▁ 읽 었 다"),
        ("네 <UNK> 네", "네 ▁ <UNK> ▁ 네"),
        ("", ""),
    ],
)
def test_hangul_and_jamo_and_back(text, syllables):
    tokens = HANGUL.from_text(text)
    assert tokens == syllables.split() and HANGUL.parse(syllables) == tokens
    jamo = JAMO.from_text(text)
    assert not any("가" <= token <= "힣" for token in jamo) and JAMO.parse(" ".join(jamo)) == jamo
    assert JAMO.parse(syllables) == jamo
    assert JAMO.to_text(jamo) == HANGUL.to_text(tokens) == "".join(tokens).replace("▁", " ").replace("<UNK>", "□")
    assert [word for word, *_ in word_spans(jamo)] == [word for word, *_ in word_spans(tokens)]


def test_korean_is_judged_by_characters_with_and_without_spaces():
    found = {m.name: m.items(JAMO.from_text("안녕 하세요"), ()) for m in JAMO.metrics}
    assert found["cer"] == tuple("안녕하세요") and found["cer_spaces"] == tuple("안녕▁하세요")
    assert found["wer"] == ("안녕", "하세요") and len(found["jer"]) == 3 + 3 + 2 + 2 + 2
    assert [m.recognition for m in HANGUL.metrics] == ["CRR", "CRR with spaces", ""]
    with pytest.raises(UnitError, match="token 1: '，'"):
        HANGUL.parse("， 네")


@pytest.mark.parametrize("count", [25, 40, 70])
def test_words_are_cut_as_sentencepiece_cuts_them(count):
    import io

    import sentencepiece

    texts = sentences(200)
    learned = learn_pieces([[f"▁{word}" for word in text] for text in texts], count)
    assert len(learned) == count
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(" ".join(text) for text in texts),
        model_writer=model,
        model_type="bpe",
        vocab_size=count + 1,
        character_coverage=1.0,
        normalization_rule_name="identity",
        bos_id=-1,
        eos_id=-1,
        minloglevel=3,
    )
    reference = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    cut = Pieces(learned)
    chance = random.Random(count)
    letters = sorted(set("".join(WORDS)))
    invented = ["".join(chance.choices(letters, k=chance.randint(1, 9))) for _ in range(200)]
    for word in [*WORDS, *invented]:
        assert list(cut(word)) == reference.encode(word, out_type=str)


def test_as_many_pieces_as_there_are_and_too_few():
    texts = [[f"▁{word}" for word in text] for text in sentences(50)]
    everything = learn_pieces(texts, 5000)
    assert 80 < len(everything) < 200 and learn_pieces(texts, 5000) == everything
    with pytest.raises(UsageError, match=r"--pieces 3: .*give more"):
        learn_pieces(texts, 3)
    assert learn_pieces([[]], 10) == []


def write(path, texts):
    path.write_text("".join(f"{n}.wav\tma1\t{text}\n" for n, text in enumerate(texts)), encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ["bpe", "mixed"])
def test_a_unit_list_is_all_that_a_model_needs(kind, tmp_path, capsys):
    texts = [" ".join(text) + "，好的" for text in sentences(60)]
    lists = write(tmp_path / "a.txt", texts)
    assert main([str(lists), "--units", kind, "--pieces", "40", "--output", str(tmp_path / "units.txt")]) == 0
    vocabulary = Vocabulary.load(tmp_path / "units.txt")
    assert vocabulary == units_of_lists(UNITS[kind], [lists], pieces=40)
    assert len(vocabulary) == 2 + 40 + (2 if kind == "bpe" else len(Vocabulary.inventory()) - 2)
    units = units_of_model(kind, vocabulary.units)
    for label, text in zip(labels_of(lists, units), texts, strict=True):
        assert len(label) >= 10 and not vocabulary.unknown(label)
        words = [item.removeprefix("▁") for item, *_ in units.spans(label)]
        assert words == [*text[:-3].split(), *(["好", "的"] if kind == "bpe" else ["hao3", "de"])]
        assert units.to_text(label) == ("" if kind == "mixed" else text.replace("，", ""))


def test_a_list_is_not_overwritten_by_its_units(tmp_path, capsys):
    lists = write(tmp_path / "a.txt", ["你好"])
    before = lists.read_bytes()
    assert main([str(lists), "--output", str(tmp_path / "." / "a.txt")]) == 2
    assert "is one of the lists; choose another name" in capsys.readouterr().err and lists.read_bytes() == before


@pytest.mark.parametrize("kind", ["hangul", "jamo"])
def test_units_of_korean_need_korean(kind, tmp_path, capsys):
    """Mandarin would train quietly on hanzi."""
    lists = write(tmp_path / "a.txt", ["你好", "OK"])
    assert main([str(lists), "--units", kind, "--output", str(tmp_path / "units.txt")]) == 2
    assert f"--units {kind}: the texts of the lists have no Hangul" in capsys.readouterr().err
    write(lists, ["你好", "안"])
    assert main([str(lists), "--units", kind, "--output", str(tmp_path / "units.txt")]) == 0


def test_pieces_that_look_like_syllables_are_none():
    units = units_of_model("mixed", ("<blank>", "<UNK>", "ma", "da1", "▁", "##m", "##a", "##ma", "##d", "▁d", "##i"))
    tokens = units.from_text("妈妈 mama吗")
    assert tokens == ["ma1", "ma1", "▁", "##ma", "##ma", "ma"]
    assert items(units, tokens) == ["ma1", "ma1", "▁mama", "ma"]
    assert {m.name: m.items(tokens, ()) for m in units.metrics} == {
        "mer": ("ma1", "ma1", "▁mama", "ma"),
        "ser": ("ma1", "ma1", "ma"),
        "wer": ("mama",),
    }
    assert units.parse("Nǐ ▁d ##i") == ["ni3", "▁d", "##i"]
    assert items(units, ["##ma", "▁", "ma", "##a"]) == ["▁ma", "<UNK>", "ma", "▁a"]
    assert units.parts("zhuang4")["final"] == "uang"
    with pytest.raises(UnitError, match="token 2: 'fnord' is not pinyin"):
        units.parse("ma1 fnord")


@pytest.mark.parametrize("kind", sorted(UNITS))
def test_digits_and_words_of_letters(kind):
    tokens = UNITS[kind].from_text("We have 3")
    assert "三" not in tokens or kind in ("pinyin", "initials_finals", "mixed")
    assert vocabulary_of([tokens]).encode(tokens)


def test_bpe_is_judged_by_words_and_their_letters():
    units = units_of_model("bpe", ("<blank>", "<UNK>", "▁c", "▁ca", "t", "a", "▁"))
    tokens = units.from_text("Cat, at 好!")
    assert tokens == ["▁ca", "t", "▁", "a", "t", "好"]
    scores = {m.name: m.items(tokens, ()) for m in units.metrics}
    assert scores == {"wer": ("cat", "at", "好"), "cer": tuple("catat好")}
    assert units.parse("▁ca t <UNK>") == ["▁ca", "t", "<UNK>"]
    with pytest.raises(UnitError, match="token 1: ','"):
        units.parse(",")


def test_hotwords_of_a_model_of_initials_and_finals():
    hotwords = HotwordReadings()
    hotwords.add("安娜", 6.0)
    assert in_parts(hotwords) == {"an1 n a4": 6.0, "an1 n uo2": 6.0}  # two readings
    args = Namespace(decoder="beam", hotwords_near=False, beam_width=4, lm=None, top_k=8, nbest=1, model="m",
                     lm_weight=0.5, length_bonus=0.0, length_penalty=0.0, threads=1, ctc_weight=None)  # fmt: skip
    units = INITIALS_FINALS.inventory().units
    rows = np.full((7, len(units)), 1e-3)
    for frame, unit in ((1, "an1"), (3, "n"), (5, "a1")):
        rows[frame, units.index(unit)] = 1.0
    rows[[0, 2, 4, 6], 0] = 1.0
    rows[5, units.index("a4")] = 0.9
    rows = np.log(rows / rows.sum(1, keepdims=True)).astype(np.float32)
    for given, last in ((HotwordReadings(), "a1"), (hotwords, "a4")):
        [[best, *_]] = make_decoder(args, given, units).decode(rows[None], np.array([7]))
        assert best.tokens == ("an1", "n", last)
