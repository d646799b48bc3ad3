"""Training pairs from text."""

import gzip
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from ramospeech.lm.text import TextFile
from ramospeech.translate import NgramTranslator
from ramospeech.translate.seq2seq.dataset import MAX_LENGTH, PinyinLabeller, TextStream


@pytest.fixture(scope="module")
def labeller(small_translator: NgramTranslator) -> PinyinLabeller:
    return PinyinLabeller(small_translator.model.characters, small_translator.model.lexicon)


def stream(translator: NgramTranslator, texts: list[TextFile], exclude: frozenset[str] = frozenset()) -> TextStream:
    return TextStream(texts, translator.model.characters, batch_characters=60, seed=3, exclude=exclude)


def test_a_pass_gives_every_sentence_once(text_file: Path, small_translator: NgramTranslator, tmp_path: Path) -> None:
    packed = tmp_path / "b.gz"
    packed.write_bytes(gzip.compress("你好，世界！一\n今天ABC明天\n".encode()))
    source = stream(small_translator, [TextFile(text_file), TextFile(packed)], frozenset({"今天天气很好"}))
    batches = list(source.batches(0))
    assert all(len({len(sentence) for sentence in batch}) == 1 for batch in batches)
    assert all(len(batch) * len(batch[0]) <= 60 for batch in batches)
    lines = [line for line in text_file.read_text("utf-8").split() if line != "今天天气很好"]
    assert Counter(s for batch in batches for s in batch) == Counter([*lines, "你好", "世界", "今天", "明天"])
    assert batches == list(source.batches(0)) != list(source.batches(1))


def test_weights_and_long_lines(small_translator: NgramTranslator, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("你好\n" * 4000 + "你好" * 100 + "\n", encoding="utf-8")
    sentences = [s for batch in stream(small_translator, [TextFile(path)]).batches(0) for s in batch]
    assert max(map(len, sentences)) == MAX_LENGTH and "".join(sentences).count("你") == 4100
    some = [s for batch in stream(small_translator, [TextFile(path, 0.1)]).batches(0) for s in batch]
    assert 300 < len(some) < 500


def test_reading(labeller: PinyinLabeller) -> None:
    observed, hanzi = labeller.read(["银行在哪里", "今天天气好"])
    names = [[labeller.syllables.name(i) for i in row] for row in observed.tolist()]
    assert names == [["yin2", "hang2", "zai4", "na3", "li3"], ["jin1", "tian1", "tian1", "qi4", "hao3"]]
    assert hanzi.shape == observed.shape and hanzi[1, 1] == hanzi[1, 2]


def test_sandhi(labeller: PinyinLabeller) -> None:
    observed, hanzi = labeller.read(["你好主意", "不是一个", "一直不好"])
    spoken = labeller.sandhi(observed, hanzi)
    names = [" ".join(labeller.syllables.name(i) for i in row) for row in spoken.tolist()]
    assert names[0].startswith("ni2 hao2 zhu3") and names[1].startswith("bu2 shi4 yi2")
    assert names[2] == "yi4 zhi2 bu4 hao3"


def test_training_batches_are_noisy_and_repeatable(labeller: PinyinLabeller) -> None:
    sentences = ["我们今天去北京", "这是一个好主意"] * 400
    one, two = (labeller.batch(sentences, np.random.default_rng(5)) for _ in range(2))
    assert (one.syllables == two.syllables).all() and one.amount == one.padded_amount == 800 * 7
    observed, hanzi = labeller.read(sentences)
    assert (one.hanzi.numpy() == hanzi).all()
    wrong = (one.syllables.numpy() != observed).mean(1)
    assert 0.2 < (wrong == 0).mean() < 0.6 and 0.05 < wrong.mean() < 0.25
