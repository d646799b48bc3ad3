"""Character trigrams by interpolated modified Kneser-Ney, with counts that may be weighted by corpus.

Discounts are DISCOUNT_SCALE times the leave-one-out estimates, which are too small for text of another domain
(pretrained/ngram.md has the figures).
"""

from dataclasses import dataclass

import numpy as np

from ramospeech.lm.counting import BOUNDARY, ID_BITS, Counts, starts
from ramospeech.lm.kneser_ney import fraction_discounted, interpolate

DISCOUNT_SCALE = 1.3
_ID = (1 << ID_BITS) - 1


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
    kept1 = kinds1 * (1 - fraction_discounted(kinds1, DISCOUNT_SCALE)) / max(kinds1.sum(), 1)
    unigram = kept1 + (1 - kept1.sum()) / size

    n2, w2 = (plain, weighted) if order == 2 else (kinds, kinds.astype(np.float64))
    p2, unigram_backoff = interpolate(w2, fraction_discounted(n2, DISCOUNT_SCALE), b, size)
    p2 += unigram_backoff[b] * unigram[c]
    gain2 = weighted * np.log(p2 / (unigram_backoff[b] * unigram[c]))

    ab = np.searchsorted(bigrams, contexts)[context_of]
    bc = ending_of + np.count_nonzero(opening)
    if order == 2:
        ab, bc = ab[:0], bc[:0]
    n3, w3 = counts.counts[: len(ab)], counts.weighted[: len(ab)]
    p3, backoff2 = interpolate(w3, fraction_discounted(n3, DISCOUNT_SCALE), ab, len(bigrams))
    lower = backoff2[ab] * p2[bc]
    p3 += lower
    gain3 = w3 * np.log(p3 / lower)
    return Estimate(unigram, unigram_backoff, bigrams, p2, backoff2, gain2, ab, bc, p3, gain3)


def _group(sorted_keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the distinct keys, and for each key which of them it is."""
    first = starts(sorted_keys)
    return sorted_keys[first], np.repeat(np.arange(len(first)), np.diff(first, append=len(sorted_keys)))
