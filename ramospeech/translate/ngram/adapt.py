"""A model that knows the words of a user's own text too, without training anew."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ramospeech.errors import ListError
from ramospeech.lm.counting import BOUNDARY, ID_BITS, Counts, count_trigrams
from ramospeech.lm.text import TextFile
from ramospeech.translate.ngram.keys import SortedKeys
from ramospeech.translate.ngram.model import NgramModel

WEIGHT = 0.3  # of the text beside the model, for what follows a character or two that the text has
DOUBT_2, DOUBT_3 = 20.0, 1.0  # what follows one character in a short text is an accident more often than after two
_ID = (1 << ID_BITS) - 1


def adapted(model: NgramModel, paths: Sequence[str | Path], weight: float = WEIGHT) -> NgramModel:
    """Return the model mixed with the n-grams of files of text, plain or gzip, one sentence per line.

    An n-gram of the text has (1 - weight) times its probability in the model and `weight` times that in the text, which
    is smoothed as Witten and Bell (1991) do; all other n-grams stay as they are.
    Raises ListError for a file that cannot be read or holds no hanzi of the model.
    """
    texts = [TextFile(Path(path)) for path in paths]
    counts = count_trigrams(texts, model.characters)
    if not len(counts.keys):
        raise ListError(
            f"{', '.join(map(str, paths))}: no hanzi in it; give text with one sentence of hanzi per line (a syllable "
            "model needs --decoder beam)"
        )
    a, b, c = counts.keys >> 2 * ID_BITS, (counts.keys >> ID_BITS) & _ID, counts.keys & _ID
    model = _with_bigrams(model, a, b, c, counts, weight)
    return _with_trigrams(model, a, b, c, counts, weight)


def _shares(context: np.ndarray, counts: np.ndarray, doubt: float) -> np.ndarray:
    """Return the probability of each of n different n-grams, (n,), given the number of its context.

    doubt: occurrences of a context that would be needed, beside one for each kind, to half believe in what follows.
    """
    total, kinds = np.bincount(context, counts), np.bincount(context)
    return counts / (total + kinds + doubt)[context]


def _codes(model: NgramModel, nats: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(nats / model.step), 0, 255).astype(np.uint8)


def _with_bigrams(
    model: NgramModel, a: np.ndarray, b: np.ndarray, c: np.ndarray, counts: Counts, weight: float
) -> NgramModel:
    """Return the model with the bigrams of the text added or strengthened, and its trigrams by their new numbers."""
    opening = a == BOUNDARY  # (boundary, b) begins a sentence, and is no (b, c) of another trigram
    keys = np.concatenate(((b << ID_BITS) | c, b[opening]))
    keys, index = np.unique(keys, return_inverse=True)
    seen = np.bincount(index, np.concatenate((counts.counts, counts.counts[opening])))
    left, right = keys >> ID_BITS, keys & _ID
    below = model.unigram_backoff[left] + model.unigram[right]
    old = model.find_bigrams(left, right)
    known = old >= 0
    before = below + np.where(known, model.bigram_boosts[old] * np.float32(model.step), np.float32(0))
    mixed = np.log((1 - weight) * np.exp(before) + weight * _shares(left, seen, DOUBT_2))
    boosts = np.maximum(_codes(model, mixed - below), np.where(known, model.bigram_boosts[old], 0).astype(np.uint8))

    bigrams = np.union1d(model.bigrams, keys.astype(np.int32))
    place, added = np.searchsorted(bigrams, model.bigrams), np.searchsorted(bigrams, keys)
    all_boosts, backoffs = np.zeros(len(bigrams), np.uint8), np.zeros(len(bigrams), np.uint8)
    all_boosts[place], backoffs[place] = model.bigram_boosts, model.bigram_backoffs
    all_boosts[added] = boosts
    first = np.searchsorted(bigrams >> ID_BITS, np.arange(len(model.characters) + 1))
    keys = model.trigrams.unpacked()
    ab = keys >> ID_BITS
    middle = model.bigrams[ab] & _ID
    bc = place[model.first_bigram[middle] + (keys & _ID)]
    trigrams = (place[ab] << ID_BITS) | (bc - first[middle])
    return replace(
        model,
        bigrams=bigrams,
        bigram_boosts=all_boosts,
        bigram_backoffs=backoffs,
        trigrams=SortedKeys(trigrams),
    )


def _with_trigrams(
    model: NgramModel, a: np.ndarray, b: np.ndarray, c: np.ndarray, counts: Counts, weight: float
) -> NgramModel:
    """Return the model with the trigrams of the text added or strengthened; it has their bigrams."""
    ab, bc = model.find_bigrams(a, b), model.find_bigrams(b, c)
    below = (
        model.unigram[c]
        + model.unigram_backoff[b]
        + (model.bigram_boosts[bc].astype(np.float32) - model.bigram_backoffs[ab]) * np.float32(model.step)
    )
    old = model.find_trigrams(ab, bc)
    known = old >= 0
    before = below + np.where(known, model.trigram_boosts[old] * np.float32(model.step), np.float32(0))
    _, context = np.unique(ab, return_inverse=True)
    mixed = np.log((1 - weight) * np.exp(before) + weight * _shares(context, counts.counts, DOUBT_3))
    boosts = _codes(model, mixed - below)
    strengthened = model.trigram_boosts.copy()
    strengthened[old[known]] = np.maximum(strengthened[old[known]], boosts[known])
    useful = ~known & (boosts > 0)
    keys = (ab[useful].astype(np.int64) << ID_BITS) | (bc[useful] - model.first_bigram[b[useful]])
    trigrams = np.concatenate((model.trigrams.unpacked(), keys))
    order = np.argsort(trigrams, kind="stable")
    boosts = np.concatenate((strengthened, boosts[useful]))[order]
    return replace(model, trigrams=SortedKeys(trigrams[order]), trigram_boosts=boosts)
