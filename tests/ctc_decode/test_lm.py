"""Language models: what is read and scored, as an array and as an automaton, is what plain back-off scoring gives."""

import gzip
import math
import sys
import time
import types
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctc_decode import BeamSearchDecoder, NgramModel

LN10 = math.log(10)
Gram = tuple[str, ...]
Table = dict[Gram, tuple[float, float]]  # decimal logarithms of the probability and of the back-off weight

SMALL = """\\data\\
ngram 1=5
ngram 2=4
ngram 3=2

\\1-grams:
-1.5\t<unk>
-99\t<s>\t-0.5
-1\t</s>
-0.5\tni3\t-0.25
-0.75\thao3\t-0.125

\\2-grams:
-0.25\t<s> ni3\t-0.0625
-0.375\tni3 hao3\t-0.5
-0.625\thao3 </s>
-0.4\thao3 ni3

\\3-grams:
-0.2\t<s> ni3 hao3
-0.1\tni3 hao3 </s>

\\end\\
"""


def plain_score(table: Table, order: int, tokens: list[str], start: Gram = ("<s>",)) -> float:
    """A sentence by the definition of back-off, decimal logarithms in and natural ones out."""
    unknown = ("<unk>",) in table

    def log_prob(history: Gram, word: str) -> float:
        if (*history, word) in table:
            return table[(*history, word)][0]
        if not history:
            return table[("<unk>",)][0] if unknown else -100.0
        return table.get(history, (0.0, 0.0))[1] + log_prob(history[1:], word)

    total, history = 0.0, start
    for token in [*tokens, "</s>"]:
        word = token if (token,) in table else "<unk>"
        history = history[-(order - 1) :] if order > 1 else ()
        total += log_prob(history, word)
        history = (*history, word)
    return total * LN10


def automaton_score(model: NgramModel, vocabulary: list[str], tokens: list[str]) -> float:
    automaton = model.automaton(vocabulary)
    state, total = automaton.start, 0.0
    for token in tokens:
        state, added = automaton.step(state, vocabulary.index(token))
        total += added
    return total + float(automaton.final[state])


def arpa_text(table: Table, order: int) -> str:
    lines = ["\\data\\"]
    grams = [[gram for gram in table if len(gram) == n] for n in range(1, order + 1)]
    lines += [f"ngram {n}={len(each)}" for n, each in enumerate(grams, 1)]
    for n, each in enumerate(grams, 1):
        lines += ["", f"\\{n}-grams:"]
        for gram in each:
            weight = f"\t{table[gram][1]!r}" if n < order and table[gram][1] else ""
            lines.append(f"{table[gram][0]!r}\t{' '.join(gram)}{weight}")
    return "\n".join([*lines, "", "\\end\\", ""])


def random_table(rng: np.random.Generator, words: list[str], order: int, unknown: bool) -> Table:
    """Any numbers will do: what is tested is the bookkeeping. Endings of n-grams may be missing, beginnings not."""
    table: Table = {(word,): (-rng.random() * 3, -rng.random()) for word in [*words, "</s>"]}
    table[("<s>",)] = (-99.0, -rng.random())
    if unknown:
        table[("<unk>",)] = (-4.0, -rng.random() if rng.random() < 0.5 else 0.0)
    lower = [gram for gram in table if gram != ("</s>",)]
    for n in range(2, order + 1):
        longer = []
        for gram in lower:
            for word in [*words, "</s>", *(["<unk>"] if unknown else [])]:
                if rng.random() < 0.3:
                    backoff = -rng.random() if n < order and word != "</s>" and rng.random() < 0.6 else 0.0
                    table[(*gram, word)] = (-rng.random() * 3, backoff)
                    longer.append((*gram, word))
        if (*lower[0], words[0]) not in table:  # one at least that can be continued
            table[(*lower[0], words[0])] = (-1.0, 0.0)
            longer.append((*lower[0], words[0]))
        lower = [gram for gram in longer if gram[-1] != "</s>"]
    return table


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.arpa"
    path.write_text(SMALL)
    return path


def test_scores_by_hand(small: Path) -> None:
    model = NgramModel.read(small)
    assert (model.order, len(model), model.words[3:]) == (3, 11, ("ni3", "hao3"))
    assert model.score(["ni3", "hao3"]) == pytest.approx(-(0.25 + 0.2 + 0.1) * LN10, rel=1e-6)
    # hao3 after <s>: back-off of <s>; ni3 hao3 without <s>: its own trigram end; an unknown word forgets.
    assert model.score(["hao3"]) == pytest.approx(-(0.5 + 0.75 + 0.625) * LN10, rel=1e-6)
    assert model.score(["zzz"]) == pytest.approx(-(0.5 + 1.5 + 1) * LN10, rel=1e-6)
    assert model.score([]) == pytest.approx(-(0.5 + 1) * LN10, rel=1e-6)
    assert model.scores([["hao3"], [], ["ni3", "hao3"]]) == pytest.approx(
        [model.score(["hao3"]), model.score([]), model.score(["ni3", "hao3"])]
    )


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), order=st.integers(1, 5), unknown=st.booleans())
def test_scores_and_automaton_against_plain_backoff(
    tmp_path_factory: pytest.TempPathFactory, seed: int, order: int, unknown: bool
) -> None:
    rng = np.random.default_rng(seed)
    words = ["a", "b", "c"]
    table = random_table(rng, words, order, unknown)
    path = tmp_path_factory.mktemp("lm") / "random.arpa"
    items = list(table.items())
    rng.shuffle(items)  # type: ignore[arg-type]
    path.write_text(arpa_text(dict(items), order))
    model = NgramModel.read(path)
    vocabulary = ["<blank>", "c", "x", "a", "y", "b"]
    sentences = [[str(t) for t in rng.choice(vocabulary[1:], rng.integers(0, 7))] for _ in range(12)]
    expected = [plain_score(table, order, sentence) for sentence in sentences]
    np.testing.assert_allclose(model.scores(sentences), expected, rtol=1e-4, atol=1e-4)
    by_automaton = [automaton_score(model, vocabulary, sentence) for sentence in sentences]
    np.testing.assert_allclose(by_automaton, expected, rtol=1e-4, atol=1e-4)
    # A vocabulary without some of the words: their histories are gone, all else is as before.
    fewer = ["<blank>", "b", "x", "a"]
    for sentence, score in zip(sentences, expected, strict=True):
        if set(sentence) <= set(fewer):
            assert automaton_score(model, fewer, sentence) == pytest.approx(score, rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("name", ["again.arpa", "again.arpa.gz"])
def test_what_is_written_is_read_again(small: Path, tmp_path: Path, name: str) -> None:
    model = NgramModel.read(small)
    model.write(tmp_path / name)
    again = NgramModel.read(tmp_path / name)
    assert again.words == model.words
    for field in ("levels", "context", "word"):
        np.testing.assert_array_equal(getattr(again, field), getattr(model, field))
    for field in ("log_prob", "backoff"):
        np.testing.assert_allclose(getattr(again, field), getattr(model, field), rtol=1e-6)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([name, "small.arpa"])


def test_states_that_say_nothing_of_their_own_are_left_out(small: Path) -> None:
    """`hao3 ni3` has no continuations and no back-off weight: it is the same as `ni3`."""
    automaton = NgramModel.read(small).automaton(["<blank>", "ni3", "hao3"])
    assert automaton.states == 6  # empty, <s>, ni3, hao3, <s> ni3, ni3 hao3
    state, _ = automaton.step(automaton.step(0, 2)[0], 1)
    assert state == automaton.step(0, 1)[0]


def test_units_outside_the_model(small: Path) -> None:
    model = NgramModel.read(small)
    with pytest.raises(
        ValueError, match=r"none of the 3 units \('<blank>', '你', '好', ...\) is a word .*'ni3', 'hao3'"
    ):
        model.automaton(["<blank>", "你", "好"])
    assert automaton_score(model, ["<blank>", "x", "ni3"], ["x"]) == pytest.approx(model.score(["x"]), rel=1e-6)
    # A decoder cannot output the marks of the ends.
    assert automaton_score(model, ["<blank>", "</s>", "<s>", "ni3"], ["</s>", "<s>"]) == pytest.approx(
        model.score(["x", "y"]), rel=1e-6
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("\\data\\", "data", ":1: not an ARPA file: it must begin with \\data\\, and begins with 'data'"),
        (SMALL, "", ":0: not an ARPA file"),
        ("ngram 2=4", "ngram 3=4", ":3: expected the number of 2-grams"),
        ("ngram 2=4", "ngram 2=3", ":17: expected \\3-grams: and found '-0.4 hao3 ni3'"),
        ("ngram 2=4", "ngram 2=5", ":18: the 2-grams end after 4 of 5"),
        ("-0.5\tni3\t-0.25", "-0.5\tni3\t-0.25\t1", ":10: expected a logarithm, 1 words and perhaps another"),
        ("-0.5\tni3\t-0.25", "0.5\tni3\t-0.25", ":10: '0.5 ni3 -0.25': not logarithms"),
        ("-0.5\tni3\t-0.25", "-0.5\tni3\tnan", ":10: '-0.5 ni3 nan': not logarithms"),
        ("-0.5\tni3\t-0.25", "-0.5\tni3\tten", ":10: '-0.5 ni3 ten': not logarithms"),
        ("-0.5\tni3\t-0.25", "-0.5\thao3", ":11: this 1-gram occurs twice"),
        ("<s> ni3 hao3", "<s> ni3 ma", ":20: 'ma' is not among the 1-grams"),
        ("<s> ni3 hao3", "<s> hao3 ni3", ":20: the first 2 words of this 3-gram are not a 2-gram"),
        ("hao3 ni3\n", "ni3 hao3\n", ":17: this 2-gram occurs twice"),
        ("\\end\\", "", ":23: expected \\end\\ and found the end of the file: the file is cut off; copy it again"),
        (SMALL[SMALL.index("-0.1\tni3 hao3 </s>") :], "", ":20: the file is cut off after 1 of 2 3-grams"),
    ],
)
def test_a_bad_file_is_named_with_its_line(tmp_path: Path, old: str, new: str, message: str) -> None:
    path = tmp_path / "bad.arpa"
    assert old in SMALL
    path.write_text(SMALL.replace(old, new))
    with pytest.raises(ValueError, match=r".") as raised:
        NgramModel.read(path)
    assert str(raised.value).startswith(f"{path}{message}")


@pytest.mark.parametrize("version", [4, 5])
@pytest.mark.parametrize("installed", [True, False])
def test_a_binary_of_kenlm_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int, installed: bool
) -> None:
    """Also where its package is installed, which does not list the n-grams."""
    monkeypatch.setitem(sys.modules, "kenlm", types.ModuleType("kenlm") if installed else None)
    path = tmp_path / "lm.klm"
    path.write_bytes(f"mmap lm http://kheafield.com/code format version {version}\n\0".encode() + bytes(range(256)))
    for read in (NgramModel.read, lambda name: BeamSearchDecoder(["-", "ni3"], lm=name)):
        with pytest.raises(ValueError, match=r"lm\.klm: a binary file of KenLM.* give the ARPA file") as raised:
            read(path)
        assert "\n" not in str(raised.value)


def test_other_files_that_are_not_a_model(tmp_path: Path) -> None:
    path = tmp_path / "lm.bin"
    path.write_bytes(gzip.compress(SMALL.encode())[:100])
    with pytest.raises(ValueError, match=r"lm.bin:\d+: the compressed file is cut off"):
        NgramModel.read(path)
    path.write_bytes(SMALL.replace("ni3", "\udc80").encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match=r"lm.bin:10: b'\\x80' is not UTF-8"):
        NgramModel.read(path)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_damaged_files_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    raw = bytearray(SMALL.encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=4))
    path = tmp_path_factory.mktemp("lm") / "damaged.arpa"
    path.write_bytes(bytes(raw))
    try:
        model = NgramModel.read(path)
    except ValueError as error:
        assert str(error).startswith(f"{path}:")
    else:
        assert np.isfinite(model.score(["ni3", "hao3", "ni3"]))


def test_a_large_model_is_read_quickly(tmp_path: Path, rng: np.random.Generator) -> None:
    words = [f"w{i}" for i in range(1000)]
    lines = ["\\data\\", "ngram 1=1002", "ngram 2=200000", "", "\\1-grams:", "-99\t<s>\t-0.5", "-1\t</s>"]
    lines += [f"-3\t{word}\t-0.5" for word in words]
    pairs = rng.choice(1_000_000, 200_000, replace=False).tolist()
    lines += ["", "\\2-grams:", *(f"-1.25\t{words[p // 1000]} {words[p % 1000]}" for p in pairs), "", "\\end\\"]
    path = tmp_path / "large.arpa"
    path.write_text("\n".join(lines))
    began = time.process_time()
    automaton = NgramModel.read(path).automaton(["<blank>", *words])
    assert time.process_time() - began < 5  # about 0.4 s on an idle machine
    assert len(automaton.unit) == 201_000
