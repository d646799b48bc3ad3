"""The search compared with an enumeration of all paths."""

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from ramospeech.translate import NgramTranslator
from ramospeech.translate.lexicon import Candidates, Lexicon
from ramospeech.translate.ngram import engine, lattice, translator
from ramospeech.translate.ngram.keys import SortedKeys
from ramospeech.translate.ngram.lattice import BOUNDARY_SLOT
from ramospeech.translate.ngram.model import BOUNDARY, ID_BITS, NgramModel

SIZE = 12  # characters, the boundary included
NO_LEXICON = Lexicon((), np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32))


def random_model(rng: np.random.Generator, size: int = SIZE, bigrams: int = 90) -> NgramModel:
    """A model dense enough for explicit trigrams to decide most paths."""
    pairs = np.sort(rng.choice(size * size, size=bigrams, replace=False))
    b, c = pairs // size, pairs % size
    first = np.searchsorted(b, np.arange(size + 1))
    keys = [
        (i << ID_BITS) | rank
        for i in range(len(pairs))
        if c[i] != BOUNDARY
        for rank in range(first[c[i] + 1] - first[c[i]])
        if rng.random() < 0.4
    ]
    return NgramModel(
        "".join(map(chr, range(0x4E00, 0x4E00 + size))),
        rng.normal(-5, 1, size).astype(np.float32),
        rng.normal(-1, 0.3, size).astype(np.float32),
        ((b << ID_BITS) | c).astype(np.int32),
        rng.integers(0, 40, len(pairs), dtype=np.uint8),
        rng.integers(0, 20, len(pairs), dtype=np.uint8) * (c != BOUNDARY),
        SortedKeys(np.array(keys, np.int64)),
        rng.integers(1, 40, len(keys), dtype=np.uint8),
        0.1,
        NO_LEXICON,
    )


def random_sentence(rng: np.random.Generator, length: int, size: int = SIZE, most: int = 4) -> list[Candidates]:
    sentence = []
    for _ in range(length):
        ids = np.sort(rng.choice(np.arange(1, size), size=rng.integers(1, most + 1), replace=False))
        sentence.append(Candidates(ids.astype(np.int32), rng.normal(-1, 1, len(ids)).astype(np.float32)))
    return sentence


def all_paths(model: NgramModel, sentence: list[Candidates], empty: np.ndarray) -> list[lattice.Path]:
    choices = [
        [*range(len(slot_candidates)), *([None] if none > -np.inf else [])]
        for slot_candidates, none in zip(sentence, empty, strict=True)
    ]
    paths = []
    for path in itertools.product(*choices):
        spoken = [(slot_candidates, n) for slot_candidates, n in zip(sentence, path, strict=True) if n is not None]
        ids = [int(slot_candidates.ids[n]) for slot_candidates, n in spoken]
        score = sum(float(slot_candidates.log_probs[n]) for slot_candidates, n in spoken)
        score += sum(float(none) for n, none in zip(path, empty, strict=True) if n is None)
        whole = [BOUNDARY, *ids, BOUNDARY]
        score += model.log_prob(BOUNDARY, BOUNDARY, whole[1])  # no trigram begins with two boundaries
        score += sum(model.log_prob(*whole[i : i + 3]) for i in range(len(whole) - 2))
        paths.append((score, list(path)))
    return sorted(paths, key=lambda path: -path[0])


@pytest.mark.parametrize("triples_at_once", [1, 25, 10**6])
@pytest.mark.parametrize("length", [1, 2, 3, 5])
@pytest.mark.parametrize("empty_fraction", [0.0, 0.5, 1.0])
def test_nbest_is_what_enumeration_finds(
    rng: np.random.Generator,
    lattices: Callable,
    monkeypatch: pytest.MonkeyPatch,
    length: int,
    triples_at_once: int,
    empty_fraction: float,
) -> None:
    """Also with positions that may be empty, including all of a sentence."""
    monkeypatch.setattr(engine, "BATCH_TRIPLES", triples_at_once)
    decided = 0
    for _ in range(5):
        model = random_model(rng)
        opening = model.find_bigrams(np.array([0]), np.array([0]))  # the reference pays no back-off for it
        if opening[0] >= 0:
            model.bigram_backoffs[opening] = 0
        sentences = [random_sentence(rng, length) for _ in range(3)]
        nothing = np.where(rng.random((3, length)) < empty_fraction, rng.uniform(-2.5, 1.0, (3, length)), -np.inf)
        searched = lattices(model, list(zip(sentences, nothing, strict=True)))
        for i, (sentence, own) in enumerate(zip(sentences, searched, strict=True)):
            expected = all_paths(model, sentence, nothing[i])
            found = own.best_paths(7)
            np.testing.assert_allclose([s for s, _ in found], [s for s, _ in expected[:7]], rtol=1e-5)
            assert [p for _, p in found] == [p for _, p in expected[:7]]
            assert own.best_paths(1)[0][1] == found[0][1]
            assert len(own.best_paths(10**4)) == len(expected)
            total = np.logaddexp.reduce([score for score, _ in expected])
            np.testing.assert_allclose(own.log_total(), total, rtol=1e-5, atol=1e-5)
            plain = replace(model, trigrams=SortedKeys(np.zeros(0, np.int64)), trigram_boosts=np.zeros(0, np.uint8))
            [without] = lattices(plain, [(sentence, nothing[i])])
            decided += without.score < own.score
    assert decided or length < 2


@pytest.mark.parametrize("most", [1, 3, 60])
def test_both_searches_find_the_same(rng: np.random.Generator, most: int) -> None:
    """To the bit, for few and for many candidates, with phrases and with positions that may be empty."""
    pytest.importorskip("ramospeech.translate.ngram._search")
    model = random_model(rng, 150, 9000)
    sentences = []
    for length in (0, 1, 4, 30):
        sentence = random_sentence(rng, length, 150, most)
        if length > 1:
            sentence[1] = sentence[1].extended(np.array([7, 3], np.int32), np.zeros(2, np.float32), 0, 1, True)
            sentence[2] = sentence[2].extended(np.array([5], np.int32), np.zeros(1, np.float32), 1, 0, length == 4)
        empty = np.where(rng.random(length) < 0.3, rng.uniform(-2.5, 1.0, length), -np.inf)
        sentences.append((sentence, empty.tolist()))
    pairs = (engine.numpy_lattices(model, sentences), engine.compiled_lattices(model, sentences))
    for plain, compiled in zip(*pairs, strict=True):
        assert (plain.positions, plain.score, plain.best) == (compiled.positions, compiled.score, compiled.best)
        assert plain.best_paths(1) == compiled.best_paths(1) and plain.best_paths(9) == compiled.best_paths(9)
        assert compiled.log_total() == pytest.approx(plain.log_total(), abs=1e-5)
        for max_loss, limit in ((3.0, 5), (20.0, 10**4)):
            assert plain.changes(max_loss, limit) == compiled.changes(max_loss, limit)


def test_what_the_compiled_search_refuses(rng: np.random.Generator) -> None:
    """It reads memory as it is told to, so all that does not fit together is an error and never read."""
    search = pytest.importorskip("ramospeech.translate.ngram._search")
    model = random_model(rng)
    good = [0, 1, 3, 4], np.array([0, 2, 3, 0], np.int32), np.zeros(4, np.float32), np.full(3, -np.inf), None
    assert np.isfinite(search.Lattice(model.compiled, *good).score)
    short = np.zeros(3, np.int32), np.zeros(4, np.int32), np.zeros(4, bool)
    for place, wrong, reason in (
        (0, [0], "positions"),
        (0, [0, 4], "positions"),
        (0, [1, 2, 3, 4], "positions"),
        (0, [0, 1, 3, 5], "positions"),
        (0, [0, 1, 1, 4], "no candidates"),
        (0, [0, 3, 1, 4], "no candidates"),
        (0, [0, 1, 2, 4], "boundary"),
        (1, np.array([0, 2, SIZE, 0], np.int32), "not a character"),
        (1, np.array([0, -1, 2, 0], np.int32), "not a character"),
        (2, np.zeros(3, np.float32), "differ"),
        (3, np.zeros(2), "differ"),
        (4, short, "ports"),
    ):
        given = list(good)
        given[place] = wrong
        with pytest.raises(ValueError, match=reason):
            search.Lattice(model.compiled, *given)
    for name in ("unigram_backoff", "bigram_boosts", "bigram_backoffs", "trigram_boosts"):
        broken = replace(model, **{name: getattr(model, name)[:-1]})
        with pytest.raises(ValueError, match="do not fit together"):
            _ = broken.compiled


def test_translations_do_not_depend_on_the_search(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ramospeech.translate.ngram._search")
    lines = [
        "jin1 tian1 tian1 qi4 hen3 hao3",
        "wo3 men shi4 xue2 sheng1",
        "ni3",
        "zhong1 guo2 ren2 min2 yin2 hang2",
        "ab",
    ]
    shipped = NgramTranslator.load()
    shipped.log_probs = True
    found = []
    for lattices in (engine.numpy_lattices, engine.compiled_lattices):
        monkeypatch.setattr(translator, "lattices", lattices)
        found.append(list(shipped.translate_batch([line.split() for line in lines], 5)))
    for plain, compiled in zip(*(itertools.chain(*each) for each in found), strict=True):
        assert replace(plain, log_prob=None) == replace(compiled, log_prob=None)
        assert plain.log_prob == pytest.approx(compiled.log_prob, abs=1e-5)


def test_arcs_over_skipped_positions_are_bounded(rng: np.random.Generator) -> None:
    """Of a thousand positions that are unlikely to be empty, no more than two are skipped at a time."""
    stream = [BOUNDARY_SLOT, *random_sentence(rng, 1000), BOUNDARY_SLOT]
    arcs = lattice.connect(random_model(rng), stream, np.array([-np.inf, *[-5.0] * 1000, -np.inf]), 10**6)
    assert {arc.end - arc.start for arc in arcs} == {1, 2, 3} and len(arcs) == 1001 + 1000 + 999


def test_a_batch_gives_what_single_sentences_give(small_translator: NgramTranslator) -> None:
    sentences = [["ni3", "hao3"], [], ["jin1", "tian1"], ["wo3"], ["wo3", "men", "qu4", "shang4", "hai3"]]
    batch = list(small_translator.translate_batch(sentences, 3))
    assert batch == [small_translator.translate(sentence, 3) for sentence in sentences]
    assert list(small_translator.translate_batch([])) == []


def test_long_input(small_translator: NgramTranslator) -> None:
    sentence = ["wo3", "men", "jin1", "tian1", "qu4", "bei3", "jing1"]
    (translation,) = small_translator.translate(sentence * 700)
    assert translation.hanzi == "我们今天去北京" * 700
