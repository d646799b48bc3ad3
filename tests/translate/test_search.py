"""The search against a plain enumeration of all paths."""

import itertools

import numpy as np
import pytest

from ramospeech.translate import NgramTranslator, search
from ramospeech.translate.lexicon import Candidates, Lexicon
from ramospeech.translate.ngram import BOUNDARY, ID_BITS, NgramModel
from ramospeech.translate.search import EDGE

SIZE = 12  # characters, the boundary included
NO_LEXICON = Lexicon((), np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32))


def random_model(rng: np.random.Generator) -> NgramModel:
    """Dense enough that explicit trigrams decide most paths."""
    pairs = np.sort(rng.choice(SIZE * SIZE, size=90, replace=False))
    b, c = pairs // SIZE, pairs % SIZE
    first = np.searchsorted(b, np.arange(SIZE + 1))
    keys = [
        (i << ID_BITS) | rank
        for i in range(len(pairs))
        if c[i] != BOUNDARY
        for rank in range(first[c[i] + 1] - first[c[i]])
        if rng.random() < 0.4
    ]
    return NgramModel(
        "".join(map(chr, range(0x4E00, 0x4E00 + SIZE))),
        rng.normal(-5, 1, SIZE).astype(np.float32),
        rng.normal(-1, 0.3, SIZE).astype(np.float32),
        ((b << ID_BITS) | c).astype(np.int32),
        rng.integers(0, 40, len(pairs), dtype=np.uint8),
        rng.integers(0, 20, len(pairs), dtype=np.uint8) * (c != BOUNDARY),
        np.array(keys, np.int64),
        rng.integers(1, 40, len(keys), dtype=np.uint8),
        0.1,
        NO_LEXICON,
    )


def random_sentence(rng: np.random.Generator, length: int) -> list[Candidates]:
    sentence = []
    for _ in range(length):
        ids = np.sort(rng.choice(np.arange(1, SIZE), size=rng.integers(1, 5), replace=False))
        sentence.append(Candidates(ids.astype(np.int32), rng.normal(-1, 1, len(ids)).astype(np.float32)))
    return sentence


def all_paths(model: NgramModel, sentence: list[Candidates]) -> list[tuple[float, list[int]]]:
    paths = []
    for path in itertools.product(*(range(len(position)) for position in sentence)):
        ids = [int(position.ids[n]) for position, n in zip(sentence, path, strict=True)]
        score = sum(float(position.log_probs[n]) for position, n in zip(sentence, path, strict=True))
        score += model.log_prob(BOUNDARY, BOUNDARY, ids[0]) if ids else 0.0  # no trigram begins with two boundaries
        whole = [BOUNDARY, *ids, BOUNDARY]
        score += sum(model.log_prob(*whole[i : i + 3]) for i in range(len(whole) - 2))
        paths.append((score, list(path)))
    return sorted(paths, reverse=True)


@pytest.mark.parametrize("pairs_at_once", [1, 25, 10**6])
@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_nbest_is_what_enumeration_finds(rng: np.random.Generator, length: int, pairs_at_once: int) -> None:
    explicit = 0
    for _ in range(5):
        model = random_model(rng)
        opening = model.find_bigrams(np.array([0]), np.array([0]))  # the reference pays no back-off for it
        if opening[0] >= 0:
            model.bigram_backoffs[opening] = 0
        sentences = [random_sentence(rng, length) for _ in range(3)]
        stream = [EDGE]
        for sentence in sentences:
            stream += [*sentence, EDGE]
        steps = search.connect(model, stream, pairs_at_once)
        explicit += sum(len(step.bc) for step in steps)
        for i, sentence in enumerate(sentences):
            own = steps[i * (length + 1) : (i + 1) * (length + 1)]
            expected = all_paths(model, sentence)
            found = search.best_paths(own, 7)
            np.testing.assert_allclose([s for s, _ in found], [s for s, _ in expected[:7]], rtol=1e-5)
            assert [p for _, p in found] == [p for _, p in expected[:7]]
            assert search.best_paths(own, 1)[0][1] == found[0][1]
            assert len(search.best_paths(own, 10**4)) == len(expected)
    assert explicit > 20 or length < 2


def test_a_batch_gives_what_single_sentences_give(small_translator: NgramTranslator) -> None:
    sentences = [["ni3", "hao3"], [], ["jin1", "tian1"], ["wo3"], ["wo3", "men", "qu4", "shang4", "hai3"]]
    batch = list(small_translator.translate_batch(sentences, 3))
    assert batch == [small_translator.translate(sentence, 3) for sentence in sentences]
    assert list(small_translator.translate_batch([])) == []


def test_long_input(small_translator: NgramTranslator) -> None:
    sentence = ["wo3", "men", "jin1", "tian1", "qu4", "bei3", "jing1"]
    (translation,) = small_translator.translate(sentence * 700)
    assert translation.hanzi == "我们今天去北京" * 700
