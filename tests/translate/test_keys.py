"""Sorted keys of more than 32 bits, and finding them."""

import numpy as np
import pytest

from ramospeech.translate.ngram.keys import SortedKeys


@pytest.mark.parametrize("bits", [5, 31, 33, 36])
def test_keys_are_found_where_a_plain_search_finds_them(bits: int) -> None:
    rng = np.random.default_rng(bits)
    keys = np.unique(rng.integers(0, 1 << bits, 500))
    packed = SortedKeys(keys)
    asked = np.concatenate((rng.permutation(keys), rng.integers(0, 1 << bits, 500))).reshape(2, -1)
    place = {key: n for n, key in enumerate(keys.tolist())}
    expected = [[place.get(key, -1) for key in row] for row in asked.tolist()]
    assert len(packed) == len(keys)
    np.testing.assert_array_equal(packed.unpacked(), keys)
    np.testing.assert_array_equal(packed.find(asked), expected)


def test_high_bits_that_no_key_has() -> None:
    packed = SortedKeys(np.array([3, (5 << 32) + 3]))
    np.testing.assert_array_equal(
        packed.find(np.array([3, (2 << 32) + 3, (5 << 32) + 3, (9 << 32) + 3])), [0, -1, 1, -1]
    )


def test_no_keys() -> None:
    packed = SortedKeys(np.zeros(0, np.int64))
    assert len(packed) == len(packed.unpacked()) == 0
    np.testing.assert_array_equal(packed.find(np.array([0, 7])), [-1, -1])
