"""When words begin and end: at audible pauses, and between frames elsewhere."""

from itertools import pairwise

import numpy as np
import pytest

from ramospeech.align.timing import word_times

QUIET, LOUD = -80.0, -20.0


def loudness(seconds, *speech):
    found = np.full(round(seconds * 100), QUIET, np.float32)
    for start, end in speech:
        found[round(start * 100) : round(end * 100)] = LOUD
    return found


def times_of(frames, found, seconds):
    """All of them, where no word is without a time."""
    times = word_times(frames, found, seconds)
    assert None not in times
    return [time for time in times if time is not None]


def test_a_pause_ends_one_word_and_begins_the_next():
    frames = [(0.56, 0.6), (0.76, 0.8), (2.04, 2.08)]
    times = times_of(frames, loudness(3, (0.5, 0.95), (2.0, 2.3)), 3.0)
    assert [(round(a, 2), round(b, 2)) for a, b in times] == [(0.5, 0.71), (0.71, 0.95), (2.0, 2.3)]


def test_a_short_silence_ends_no_word():
    frames = [(0.52, 0.56), (0.8, 0.84)]
    times = times_of(frames, loudness(2, (0.5, 0.7), (0.74, 1.0)), 2.0)
    assert times[0][1] == times[1][0] == pytest.approx(0.8 - 0.25 * 0.28)


def test_without_a_pause_a_word_has_at_most_the_usual_length():
    frames = [(1.0, 1.04), (1.2, 1.24), (5.0, 5.04)]
    times = times_of(frames, np.full(1000, LOUD, np.float32), 10.0)
    assert times[1][1] - times[1][0] < 0.3 and 4.9 < times[2][0] <= 5.0 and times[2][1] < 5.3


@pytest.mark.parametrize("seconds", [2.0, 30.0])
def test_times_are_in_order_and_within_the_recording(rng, seconds):
    starts = np.sort(rng.uniform(0, seconds - 0.04, 40))
    frames = [None if rng.random() < 0.2 else (a, a + 0.04) for a in starts.tolist()]
    noisy = rng.choice([QUIET, LOUD], round(seconds * 100)).astype(np.float32)
    times = word_times(frames, noisy, seconds)
    assert [time is None for time in times] == [frame is None for frame in frames]
    known = [time for time in times if time is not None]
    assert all(0 <= a <= b <= seconds + 1e-9 for a, b in known)
    assert all(b <= c + 1e-9 for (_, b), (c, _) in pairwise(known))


def test_no_words():
    assert word_times([], loudness(1), 1.0) == [] and word_times([None], loudness(1), 1.0) == [None]
