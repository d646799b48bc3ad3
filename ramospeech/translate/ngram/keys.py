"""Sorted keys of up to 40 bits in little more than 4 bytes each."""

from itertools import pairwise

import numpy as np

_LOW_BITS = 32


class SortedKeys:
    """Keys (N,) int64, sorted and not negative, of which the low 32 bits are kept, and where the higher ones change.

    Finding one takes as long as in int64: the keys have few different high bits, each of which is a table of its own.
    """

    def __init__(self, keys: np.ndarray) -> None:
        tables = int(keys[-1] >> _LOW_BITS) + 1 if len(keys) else 0
        self._low = keys.astype(np.uint32)
        self._starts = np.searchsorted(keys, np.arange(tables + 1, dtype=np.int64) << _LOW_BITS)

    def __len__(self) -> int:
        return len(self._low)

    def unpacked(self) -> np.ndarray:
        """Return the keys (N,) int64."""
        high = np.repeat(np.arange(len(self._starts) - 1, dtype=np.int64) << _LOW_BITS, np.diff(self._starts))
        return high | self._low

    def parts(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the low 32 bits of the keys, uint32, and where each value of the others starts and ends, int64."""
        return self._low, self._starts

    def find(self, keys: np.ndarray) -> np.ndarray:
        """Return the indices of keys, -1 for those that are not there."""
        found = np.full(keys.shape, -1, np.int64)
        high, low = keys >> _LOW_BITS, keys.astype(np.uint32)
        for number, (start, stop) in enumerate(pairwise(self._starts)):
            here = np.nonzero(high == number)
            index = find(self._low[start:stop], low[here])
            found[here] = np.where(index >= 0, index + start, -1)
        return found


def find(table: np.ndarray, keys: np.ndarray) -> np.ndarray:
    """Return the indices of keys in a sorted table, -1 for those that are not in it."""
    if not len(table):
        return np.full(keys.shape, -1, np.int64)
    index = np.minimum(np.searchsorted(table, keys), len(table) - 1)
    return np.where(table[index] == keys, index, -1)
