"""Trained models against modified Kneser-Ney written out with dictionaries, and pruning against its definition."""

import math
from collections import Counter, defaultdict
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctc_decode import NgramModel
from ramospeech.lm import NgramTrainer, kneser_ney
from ramospeech.lm.kneser_ney import discounts

Gram = tuple[str, ...]


def plain_kneser_ney(sentences: list[list[str]], order: int) -> dict[Gram, float]:
    """p(last word | words before) of each n-gram seen, and of each word after nothing: {n-gram: probability}."""
    counts: Counter[Gram] = Counter()
    for sentence in sentences:
        padded = ["<s>", *sentence, "</s>"]
        for n in range(1, order + 1):
            counts.update(tuple(padded[i : i + n]) for i in range(len(padded) - n + 1))
    left: defaultdict[Gram, set[str]] = defaultdict(set)
    for gram in counts:
        if len(gram) > 1:
            left[gram[1:]].add(gram[0])
    vocabulary = {gram[0] for gram in counts if len(gram) == 1} - {"<s>"} | {"<unk>"}

    def kinds(gram: Gram) -> int:
        return counts[gram] if len(gram) == order or gram[0] == "<s>" else len(left[gram])

    p: dict[Gram, float] = {}
    lower = {(): 1 / len(vocabulary)}
    for n in range(1, order + 1):
        grams = {gram: kinds(gram) for gram in counts if len(gram) == n and gram != ("<s>",)}
        d = discounts(np.array(list(grams.values())))
        total: Counter[Gram] = Counter()
        freed: Counter[Gram] = Counter()
        for gram, count in grams.items():
            total[gram[:-1]] += count
            freed[gram[:-1]] += d[min(count, 3)]  # type: ignore[assignment]
        every = {*grams, *((word,) for word in vocabulary)} if n == 1 else grams
        for gram in every:
            count = grams.get(gram, 0)
            below = lower[()] if n == 1 else p[gram[1:]]
            discounted = count - d[min(count, 3)] if count else 0.0
            p[gram] = (discounted + freed[gram[:-1]] * below) / total[gram[:-1]]
    return p


def by_ngram(model: NgramModel) -> dict[Gram, float]:
    """{n-gram: probability}, read from the trie."""
    texts: list[Gram] = [()]
    table = {}
    for context, word, log_prob in zip(model.context, model.word, model.log_prob, strict=True):
        texts.append((*texts[context], model.words[word]))
        table[texts[-1]] = math.exp(log_prob)
    return table


def totals(model: NgramModel) -> np.ndarray:
    """The sum of the probabilities of all words after each history; <s> does not follow any word."""
    words = np.array([i for i, word in enumerate(model.words) if word != "<s>"])
    states = np.arange(len(model.backoff) + 1)
    _, log_probs = model.lookup(np.repeat(states, len(words)), np.tile(words, len(states)))
    return np.exp(log_probs).reshape(len(states), len(words)).sum(axis=1)


def zipfian(rng: np.random.Generator, sentences: int, words: int) -> list[list[str]]:
    """Text in which words depend on the word before, and some are rare."""
    p = 1 / np.arange(1, words + 1)
    steps = [rng.choice(words, rng.integers(1, 9), p=p / p.sum()) for _ in range(sentences)]
    return [[f"w{i % words}" for i in np.cumsum(step) % words] for step in steps]


def trained(sentences: list[list[str]], order: int) -> NgramTrainer:
    trainer = NgramTrainer(order)
    trainer.add(sentences)
    return trainer


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), order=st.integers(1, 5), words=st.sampled_from([3, 20, 200]))
def test_against_dictionaries(seed: int, order: int, words: int) -> None:
    sentences = [*zipfian(np.random.default_rng(seed), 60, words), []]
    model = trained(sentences, order).model()
    expected = plain_kneser_ney(sentences, order)
    found = by_ngram(model)
    assert found.pop(("<s>",)) < 1e-90
    assert found.keys() == expected.keys()
    for gram, probability in expected.items():
        assert found[gram] == pytest.approx(probability, rel=1e-5), gram
    np.testing.assert_allclose(totals(model), 1, rtol=1e-5)


def test_discounts_by_hand() -> None:
    """Chen and Goodman 1999, equation 26: n1 = 8, n2 = 4, n3 = 2, n4 = 1, so Y = 1/2."""
    counts = np.array([1] * 8 + [2] * 4 + [3] * 2 + [4] + [0, 9])
    np.testing.assert_allclose(discounts(counts), [0, 0.5, 1.25, 2.0])
    np.testing.assert_allclose(discounts(np.array([1, 1, 1, 2])), [0, 0.5, 1.0, 1.5])


def test_text_in_blocks(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    sentences = zipfian(rng, 200, 30)
    whole = by_ngram(trained(sentences, 4).model())
    for size in (1, 3, 64):
        monkeypatch.setattr(kneser_ney, "BLOCK", size)
        assert by_ngram(trained(sentences, 4).model()) == whole


def test_min_counts(rng: np.random.Generator) -> None:
    sentences = zipfian(rng, 300, 30)
    counts = Counter(
        tuple(padded[i : i + n])
        for padded in (["<s>", *sentence, "</s>"] for sentence in sentences)
        for n in (2, 3)
        for i in range(len(padded) - n + 1)
    )
    full, kept = (by_ngram(trained(sentences, 3).model(min_counts=least)) for least in ([1], [1, 2, 3]))
    long = {gram for gram in kept if len(gram) > 1}
    assert long == {gram for gram, count in counts.items() if count >= len(gram)}
    assert all(kept[gram] == pytest.approx(full[gram]) for gram in long)


@pytest.mark.parametrize("order", [2, 3, 4])
def test_pruning_keeps_a_model_of_its_size(order: int, rng: np.random.Generator) -> None:
    trainer = trained(zipfian(rng, 400, 40), order)
    full = trainer.model()
    words = len(full.words)
    for size in (words, words + 1, words + 100, len(full) - 1):
        model = trainer.model(max_ngrams=size)
        assert size * 0.9 <= len(model) <= size
        np.testing.assert_allclose(totals(model), 1, rtol=1e-4)
        assert by_ngram(model).items() <= by_ngram(full).items()
    assert len(trainer.model(max_ngrams=len(full))) == len(full)
    with pytest.raises(ValueError, match=rf"max_ngrams is 5, and the {words} words alone are more"):
        trainer.model(max_ngrams=5)


def test_the_gain_of_a_bigram_is_the_relative_entropy_without_it(rng: np.random.Generator) -> None:
    """Prune each bigram alone, in turn, and sum over all histories and words."""
    sentences = zipfian(rng, 60, 8)
    trainer = trained(sentences, 2)
    full = trainer.model()
    size = len(full.words)
    histories = Counter(word for sentence in sentences for word in ["<s>", *sentence])
    share = np.array([histories[word] for word in full.words]) / sum(histories.values())
    words = np.array([i for i in range(size) if full.words[i] != "<s>"])

    def matrix(model: NgramModel) -> np.ndarray:
        pairs = np.array(list(product(np.arange(size) + 1, words)))
        return model.lookup(pairs[:, 0], pairs[:, 1])[1].reshape(size, len(words))

    losses = {}
    before = matrix(full)
    bigrams = np.arange(full.levels[1], full.levels[2])
    for gone in bigrams:
        rest = np.delete(np.arange(len(full)), gone)
        parts = {name: getattr(full, name)[rest] for name in ("context", "word")}
        levels = full.levels - [0, 0, 1]
        log_prob = full.log_prob[rest].astype(np.float64)
        one_less = NgramModel(full.words, levels, log_prob=log_prob, backoff=np.zeros(size), **parts)
        kneser_ney._weigh(one_less)
        loss = share[:, None] * np.exp(before) * (before - matrix(one_less))
        losses[full.context[gone], full.word[gone]] = loss.sum()
    # The trainer drops the smallest losses first.
    by_loss = sorted(losses, key=lambda pair: losses[pair])
    for dropped in (1, 5, len(by_loss) // 2):
        model = trainer.model(max_ngrams=len(full) - dropped)
        kept = set(zip(model.context[size:].tolist(), model.word[size:].tolist(), strict=True))
        assert kept == set(by_loss[dropped:])


def test_pruning_loses_less_than_chance(rng: np.random.Generator) -> None:
    sentences = zipfian(rng, 3000, 60)
    trainer = trained(sentences[:2500], 3)
    held_out = sentences[2500:]
    full, pruned, unigrams = (trainer.model(size) for size in (None, 800, 63))
    scores = [model.scores(held_out).sum() for model in (full, pruned, unigrams)]
    assert scores[2] < scores[1]
    assert scores[1] > scores[0] - 0.15 * (scores[0] - scores[2])


def test_unknown_words_and_marks_in_the_text(tmp_path: Path) -> None:
    model = trained([["a", "<UNK>", "b"], ["<unk>", "</s>"], ["<s>", "a"]], 2).model()
    assert model.words == ("<unk>", "<s>", "</s>", "a", "b")
    model.write(tmp_path / "lm.arpa")
    again = NgramModel.read(tmp_path / "lm.arpa")
    assert again.score(["a", "zzz"]) == pytest.approx(model.score(["a", "<UNK>"]), rel=1e-5)


def test_what_cannot_be_trained() -> None:
    with pytest.raises(ValueError, match="order is 0"):
        NgramTrainer(0)
    with pytest.raises(ValueError, match="the text has no words"):
        NgramTrainer(3).model()
    with pytest.raises(ValueError, match="the text has no words"):
        trained([[], []], 3).model()
    with pytest.raises(ValueError, match="7133 different words are too many for order 5"):
        trained([[str(i) for i in range(7130)]], 5).model()
