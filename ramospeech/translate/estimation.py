"""From trigram counts to a back-off model that fits in a given number of n-grams.

Interpolated modified Kneser-Ney (Chen and Goodman 1999) with three deviations, each chosen on development sentences of
another kind than the training text (pretrained/ngram.md has the figures):

* Discounts are DISCOUNT_SCALE times the leave-one-out estimates, which are too small for text of another domain.
* The back-off weight of a bigram context is raised to the power BACKOFF_POWER < 1: a pair of characters should not
  be punished for having been seen before something else. So the scores do not sum to one; the search only compares.
* Discounts are found on plain counts and applied as a ratio to weighted counts, so that corpora can be weighted.

Pruning drops the n-grams with the smallest weighted difference, count x log(p / back-off p) (Seymore and Rosenfeld
1996), and recomputes the back-off weights (Stolcke 1998).
"""

from dataclasses import dataclass

import numpy as np

from ramospeech.translate.counting import Counts, starts
from ramospeech.translate.lexicon import Lexicon
from ramospeech.translate.ngram import BOUNDARY, ID_BITS, NgramModel

DISCOUNT_SCALE = 1.3
BACKOFF_POWER = 0.5
STEP = 0.125  # nats; 8 bits reach 31.9
_ID = (1 << ID_BITS) - 1
_SMALLEST = 1e-4  # of a probability mass that rounding could make zero or negative


@dataclass(frozen=True)
class Estimate:
    """All n-grams seen, N2 bigrams and N3 trigrams, before pruning. Probabilities, not logarithms.

    unigram, unigram_backoff (V,); bigrams (N2,) sorted keys; p2, backoff2, gain2 (N2,); p3, gain3 (N3,);
    ab, bc (N3,) the indices of the bigrams of each trigram. A gain is what pruning this n-gram would cost, in nats
    over the training text.
    """

    unigram: np.ndarray
    unigram_backoff: np.ndarray
    bigrams: np.ndarray
    p2: np.ndarray
    backoff2: np.ndarray
    gain2: np.ndarray
    ab: np.ndarray
    bc: np.ndarray
    p3: np.ndarray
    gain3: np.ndarray

    def __len__(self) -> int:
        return len(self.p2) + len(self.p3)


def discounts(counts: np.ndarray) -> np.ndarray:
    """The share of its count that each n-gram gives to back-off: D(count) / count, (n,) float64 below 1."""
    once, twice, thrice, four = (max(int((counts == n).sum()), 1) for n in (1, 2, 3, 4))
    y = once / (once + 2 * twice)
    d = np.array([0, 1 - 2 * y * twice / once, 2 - 3 * y * thrice / twice, 3 - 4 * y * four / thrice])
    d = np.clip(d, [0, 0.1, 0.2, 0.3], [0, 0.95, 1.9, 2.85])  # small texts give anything
    return np.minimum(DISCOUNT_SCALE * d[np.minimum(counts, 3)] / np.maximum(counts, 1), 0.98)


def estimate(counts: Counts, size: int, order: int = 3) -> Estimate:
    """Estimates the model of `order` 2 or 3 over `size` characters from trigram counts."""
    contexts, context_of = _group(counts.keys >> ID_BITS)  # (a, b)
    context_counts = np.bincount(context_of, counts.counts).astype(np.int64)
    context_weights = np.bincount(context_of, counts.weighted)
    endings, ending_of = np.unique(counts.keys & ((1 << 2 * ID_BITS) - 1), return_inverse=True)  # (b, c)

    # Bigrams: those that begin a sentence are contexts only, all others are endings (b is never the boundary).
    opening = contexts >> ID_BITS == BOUNDARY
    bigrams = np.concatenate((contexts[opening], endings))
    plain = np.concatenate((context_counts[opening], np.bincount(ending_of, counts.counts).astype(np.int64)))
    weighted = np.concatenate((context_weights[opening], np.bincount(ending_of, counts.weighted)))
    kinds = np.concatenate((context_counts[opening], np.bincount(ending_of)))  # Kneser-Ney: in how many contexts
    b, c = bigrams >> ID_BITS, bigrams & _ID

    kinds1 = np.bincount(c, minlength=size)
    kept1 = kinds1 * (1 - discounts(kinds1)) / max(kinds1.sum(), 1)
    unigram = kept1 + (1 - kept1.sum()) / size

    n2, w2 = (plain, weighted) if order == 2 else (kinds, kinds.astype(np.float64))
    p2, unigram_backoff = _discounted(n2, w2, b, size)
    p2 += unigram_backoff[b] * unigram[c]
    gain2 = weighted * np.log(p2 / (unigram_backoff[b] * unigram[c]))

    ab = np.searchsorted(bigrams, contexts)[context_of]
    bc = ending_of + np.count_nonzero(opening)
    if order == 2:
        ab, bc = ab[:0], bc[:0]
    n3, w3 = counts.counts[: len(ab)], counts.weighted[: len(ab)]
    p3, backoff2 = _discounted(n3, w3, ab, len(bigrams))
    lower = backoff2[ab] * p2[bc]
    p3 += lower
    gain3 = w3 * np.log(p3 / lower)
    return Estimate(unigram, unigram_backoff, bigrams, p2, backoff2, gain2, ab, bc, p3, gain3)


def prune(full: Estimate, keep: int, characters: str, lexicon: Lexicon) -> NgramModel:
    """The model of about the `keep` n-grams that matter most (bigrams that kept trigrams need are kept, too)."""
    size = len(full.unigram)
    least = _least(np.concatenate((full.gain2, full.gain3)), keep)
    keep3 = full.gain3 >= least
    keep2 = full.gain2 >= least
    keep2[full.ab[keep3]] = keep2[full.bc[keep3]] = True
    b, c = full.bigrams >> ID_BITS, full.bigrams & _ID

    backoff1 = _left_over(b[keep2], full.p2[keep2], full.unigram[c[keep2]], size)
    lower2 = backoff1[b] * full.unigram[c]
    p2 = np.where(keep2, full.p2, lower2)
    ab, bc, p3 = full.ab[keep3], full.bc[keep3], full.p3[keep3]
    backoff2 = np.minimum(_left_over(ab, p3, p2[bc], len(b)), 1.0) ** BACKOFF_POWER
    boost2 = np.log(p2 / lower2)[keep2]
    boost3 = np.log(p3 / (backoff2[ab] * p2[bc]))

    useful = boost3 > STEP / 2  # the others round to nothing
    place = np.cumsum(keep2) - 1
    ab, bc = place[ab][useful], place[bc][useful]
    bigrams = full.bigrams[keep2]
    first = np.searchsorted(bigrams >> ID_BITS, np.arange(size))
    trigrams = (ab << ID_BITS) | (bc - first[bigrams[bc] >> ID_BITS])
    return NgramModel(
        characters,
        np.log(full.unigram).astype(np.float32),
        np.log(backoff1).astype(np.float32),
        bigrams.astype(np.int32),
        _codes(boost2),
        _codes(-np.log(backoff2[keep2])),
        trigrams,
        _codes(boost3[useful]),
        STEP,
        lexicon,
    )


def _group(sorted_keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct keys, and for each key which of them it is."""
    first = starts(sorted_keys)
    return sorted_keys[first], np.repeat(np.arange(len(first)), np.diff(first, append=len(sorted_keys)))


def _discounted(
    counts: np.ndarray, weighted: np.ndarray, context: np.ndarray, contexts: int
) -> tuple[np.ndarray, np.ndarray]:
    """Discounted relative frequencies (n,), and the mass left for backing off, (contexts,): 1 where nothing is."""
    kept = weighted * (1 - discounts(counts))
    total = np.bincount(context, weighted, contexts)
    mass = np.bincount(context, kept, contexts)
    return kept / total[context], np.where(total > 0, 1 - mass / np.where(total > 0, total, 1), 1.0)


def _left_over(context: np.ndarray, p: np.ndarray, lower: np.ndarray, contexts: int) -> np.ndarray:
    """Back-off weights (contexts,) that make explicit `p` and the rest, in the proportions of `lower`, sum to one."""
    rest = 1 - np.bincount(context, p, contexts)
    lower_rest = 1 - np.bincount(context, lower, contexts)
    return np.maximum(rest, _SMALLEST) / np.maximum(lower_rest, _SMALLEST)


def _least(gains: np.ndarray, keep: int) -> float:
    if keep >= len(gains):
        return -np.inf
    return float(np.partition(gains, len(gains) - keep)[len(gains) - keep]) if keep > 0 else np.inf


def _codes(nats: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(nats / STEP), 0, 255).astype(np.uint8)
