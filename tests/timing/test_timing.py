"""Ends of syllables: at the next one, or after a usual syllable's time before a pause."""

import doctest
from itertools import pairwise

import pytest

from ramospeech import timing
from ramospeech.timing import syllable_times


@pytest.mark.parametrize(
    ("starts", "seconds", "ends"),
    [
        ([], 1.0, []),
        ([0.1], 1.0, [0.35]),
        ([0.1], 0.2, [0.2]),
        ([0.0, 0.3, 0.6], 2.0, [0.3, 0.6, 0.9]),
        ([0.0, 0.2, 1.5, 1.7], 3.0, [0.2, 0.4, 1.7, 1.9]),
        ([0.0, 2.0], 2.1, [0.25, 2.1]),
    ],
)
def test_ends(starts, seconds, ends):
    times = syllable_times([(start, start + 0.04) for start in starts], seconds)
    assert [start for start, _ in times] == starts
    assert [end for _, end in times] == pytest.approx(ends)


def test_syllables_never_overlap_and_have_a_length(rng):
    starts = rng.exponential(0.3, 500).cumsum()
    spikes = [(start, start + 0.01) for start in sorted(starts.tolist())]
    times = syllable_times(spikes, spikes[-1][1] + 1)
    assert all(start < end for start, end in times)
    assert all(a[1] <= max(b[0], a[0] + 0.01) for a, b in pairwise(times))


def test_docstring_examples():
    assert doctest.testmod(timing).failed == 0
