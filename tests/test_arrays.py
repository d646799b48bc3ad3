"""Numbers of 6 bits, four in three bytes."""

import numpy as np
import pytest

from ramospeech.arrays import packed, unpacked


@pytest.mark.parametrize("shape", [(4,), (3, 64), (2, 3, 8), (0, 4), (5, 0)])
def test_what_is_packed_comes_out_again(rng, shape):
    numbers = rng.integers(-32, 32, shape).astype(np.int8)
    small = packed(numbers)
    assert small.dtype == np.uint8 and small.shape == (*shape[:-1], shape[-1] // 4 * 3)
    assert unpacked(small).dtype == np.int8
    np.testing.assert_array_equal(unpacked(small), numbers)


def test_all_numbers_by_hand():
    numbers = np.arange(-32, 32, dtype=np.int8)
    for a, b, c, d, *three in zip(*numbers.reshape(-1, 4).T, *packed(numbers).reshape(-1, 3).T, strict=True):
        bits = [f"{int(n) & 63:06b}" for n in (a, b, c, d)]
        assert [f"{byte:08b}" for byte in three] == [
            bits[3][4:] + bits[0],
            bits[3][2:4] + bits[1],
            bits[3][:2] + bits[2],
        ]
    np.testing.assert_array_equal(unpacked(packed(numbers)), numbers)


def test_numbers_of_8_bits_stay():
    numbers = np.arange(-127, 128, dtype=np.int8)
    assert unpacked(numbers) is numbers
