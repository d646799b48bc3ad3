"""Prune and quantise the estimated character n-grams.

Pruning drops the n-grams with the smallest weighted difference, count x log(p / back-off p) (Seymore and Rosenfeld
1996), and recomputes the back-off weights (Stolcke 1998).
"""

import numpy as np

from ramospeech.lm.characters import Estimate
from ramospeech.lm.counting import ID_BITS
from ramospeech.lm.kneser_ney import backoff_weights
from ramospeech.translate.lexicon import Lexicon
from ramospeech.translate.ngram.keys import SortedKeys
from ramospeech.translate.ngram.model import MAX_CHARACTERS, NgramModel

BACKOFF_POWER = 0.5
STEP = 0.125  # nats; the maximum of 8 bits is 31.9
SMALLEST = 1e-4  # minimum of a probability mass that rounding could make zero or negative


def prune(full: Estimate, keep: int, characters: str, lexicon: Lexicon) -> NgramModel:
    """Return the model of the `keep` n-grams with the largest gain (and the bigrams that kept trigrams need)."""
    size = len(full.unigram)
    threshold = _threshold(np.concatenate((full.gain2, full.gain3)), keep)
    keep3 = full.gain3 >= threshold
    keep2 = full.gain2 >= threshold
    keep2[full.ab[keep3]] = keep2[full.bc[keep3]] = True
    b, c = full.bigrams >> ID_BITS, full.bigrams & (MAX_CHARACTERS - 1)

    backoff1 = backoff_weights(b[keep2], full.p2[keep2], full.unigram[c[keep2]], size, SMALLEST)
    lower2 = backoff1[b] * full.unigram[c]
    p2 = np.where(keep2, full.p2, lower2)
    ab, bc, p3 = full.ab[keep3], full.bc[keep3], full.p3[keep3]
    backoff2 = np.minimum(backoff_weights(ab, p3, p2[bc], len(b), SMALLEST), 1.0) ** BACKOFF_POWER
    boost2 = np.log(p2 / lower2)[keep2]
    boost3 = np.log(p3 / (backoff2[ab] * p2[bc]))

    useful = boost3 > STEP / 2  # the others round to zero
    index = np.cumsum(keep2) - 1
    ab, bc = index[ab][useful], index[bc][useful]
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
        SortedKeys(trigrams),
        _codes(boost3[useful]),
        STEP,
        lexicon,
    )


def _threshold(gains: np.ndarray, keep: int) -> float:
    if keep >= len(gains):
        return -np.inf
    return float(np.partition(gains, len(gains) - keep)[len(gains) - keep]) if keep > 0 else np.inf


def _codes(nats: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(nats / STEP), 0, 255).astype(np.uint8)
