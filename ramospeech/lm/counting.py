"""From text to counts of characters and of character trigrams, by sorting, in bounded memory.

Any character outside the model (punctuation, digits, Latin) ends a sentence, as a line end does.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ramospeech.lm.text import VARIANTS, TextFile, blocks

BOUNDARY = 0  # the id of the sentence boundary, before the first character and after the last
ID_BITS = 13  # characters have ids below 2**13, so that a trigram fits in 64 bits
CODE_POINTS = 0x110000


@dataclass(frozen=True)
class Counts:
    """Trigrams: keys (n,) int64 sorted, `a << 26 | b << 13 | c`; counts (n,) int64; weighted counts (n,) float64."""

    keys: np.ndarray
    counts: np.ndarray
    weighted: np.ndarray


def count_characters(texts: Sequence[TextFile], exclude: frozenset[str] = frozenset()) -> np.ndarray:
    """Return how often each code point occurs: (0x110000,) int64."""
    total = np.zeros(CODE_POINTS, np.int64)
    for text in texts:
        for block in blocks(text, exclude):
            total += np.bincount(block, minlength=CODE_POINTS)
    return total


def ids_of_code_points(characters: str) -> np.ndarray:
    """Return the id of each code point, (0x110000,) int64: its index in `characters`, BOUNDARY for all others."""
    ids = np.full(CODE_POINTS, BOUNDARY, np.int64)
    ids[[ord(character) for character in characters]] = np.arange(len(characters))
    for variant, character in VARIANTS.items():
        ids[ord(variant)] = ids[ord(character)]
    return ids


def count_trigrams(texts: Sequence[TextFile], characters: str, exclude: frozenset[str] = frozenset()) -> Counts:
    """Counts all trigrams of `characters` (ids are indices of it) within sentences, edges included."""
    ids = ids_of_code_points(characters)
    counted = [_sort_and_count(ids[block], text.weight) for text in texts for block in blocks(text, exclude)]
    keys = np.concatenate([part.keys for part in counted])
    order = np.argsort(keys, kind="stable")
    first = starts(keys[order])
    counts = np.concatenate([part.counts for part in counted])[order]
    weighted = np.concatenate([part.weighted for part in counted])[order]
    return Counts(keys[order][first], _sums(counts, first), _sums(weighted, first))


def starts(values: np.ndarray) -> np.ndarray:
    """Return where the runs of equal values begin in a sorted array."""
    return np.flatnonzero(np.diff(values, prepend=-1))


def _sums(values: np.ndarray, first: np.ndarray) -> np.ndarray:
    return np.add.reduceat(values, first) if len(first) else values[:0]


def _sort_and_count(stream: np.ndarray, weight: float) -> Counts:
    stream = stream[(stream != BOUNDARY) | (np.roll(stream, 1) != BOUNDARY)]  # one boundary between sentences
    stream = np.concatenate(([BOUNDARY], stream, [BOUNDARY]))
    a, b, c = stream[:-2], stream[1:-1], stream[2:]
    keys = np.sort(((a << 2 * ID_BITS) | (b << ID_BITS) | c)[b != BOUNDARY])
    first = starts(keys)
    counts = np.diff(first, append=len(keys))
    return Counts(keys[first], counts, counts * weight)
