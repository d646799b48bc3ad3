"""A model mixed with a user's own text."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from ramospeech.errors import ListError
from ramospeech.translate import NgramTranslator
from ramospeech.translate.ngram.adapt import adapted
from ramospeech.translate.ngram.model import NgramModel

SYLLABLES = ("zhan3", "lan3", "guan3", "hen3", "hao3")


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mine.txt"
    path.write_text(text, encoding="utf-8")
    return path


def probability(model: NgramModel, text: str) -> float:
    ids = [0, *map(model.characters.index, text), 0]
    return sum(model.log_prob(*ids[i : i + 3]) for i in range(len(ids) - 2))


@pytest.mark.parametrize("text", ["北京很好", "他想去北京学习", "我我我", "水"])
def test_what_the_text_has_becomes_more_likely(small_translator: NgramTranslator, tmp_path: Path, text: str) -> None:
    model = small_translator.model
    mixed = adapted(model, [written(tmp_path, f"{text}\n" * 3)])
    assert probability(mixed, text) > probability(model, text)
    assert (np.diff(mixed.bigrams) > 0).all() and (np.diff(mixed.trigrams.unpacked()) > 0).all()
    assert len(mixed.bigram_boosts) == len(mixed.bigram_backoffs) == len(mixed.bigrams)
    assert len(mixed.trigram_boosts) == len(mixed.trigrams)


def arrays(model: NgramModel) -> list[np.ndarray]:
    return [model.bigrams, model.bigram_boosts, model.trigrams.unpacked(), model.trigram_boosts]


def test_all_else_stays_as_it_is(small_translator: NgramTranslator, tmp_path: Path) -> None:
    """Every trigram of characters that the text has not, and the model itself."""
    model = small_translator.model
    before = [array.copy() for array in arrays(model)]
    mixed = adapted(model, [written(tmp_path, "北京很好\n")])
    own = set(map(model.characters.index, "北京很好")) | {0}
    a, b, c = np.random.default_rng(0).integers(2, min(200, len(model.characters)), (3, 4000))
    other = ~np.isin(b, list(own))
    np.testing.assert_array_equal(model.log_probs(a, b, c)[other], mixed.log_probs(a, b, c)[other])
    for text in ("你好吗", "明天我们去上海"):
        assert probability(mixed, text) == pytest.approx(probability(model, text), abs=1.0)
    for old, now in zip(before, arrays(model), strict=True):
        np.testing.assert_array_equal(old, now)


def test_a_homophone_of_the_text_is_written(small_translator: NgramTranslator, tmp_path: Path) -> None:
    wanted = "湛蓝馆很好"
    assert small_translator.translate(SYLLABLES)[0].hanzi != wanted
    mixed = NgramTranslator(adapted(small_translator.model, [written(tmp_path, "展缆馆很好\n" * 5)]))
    assert mixed.translate(SYLLABLES)[0].hanzi == "展缆馆很好"


def test_packed_text_and_text_without_hanzi(small_translator: NgramTranslator, tmp_path: Path) -> None:
    packed = tmp_path / "mine.txt.gz"
    packed.write_bytes(gzip.compress("北京很好\n".encode()))
    plain = adapted(small_translator.model, [written(tmp_path, "北京很好\n")])
    np.testing.assert_array_equal(arrays(adapted(small_translator.model, [packed]))[2], arrays(plain)[2])
    with pytest.raises(ListError, match=r"mine\.txt: no hanzi in it"):
        adapted(small_translator.model, [written(tmp_path, "only letters\n")])
    with pytest.raises(ListError, match=r"none\.txt: cannot be read"):
        adapted(small_translator.model, [tmp_path / "none.txt"])
