"""Which audio belongs to which part of a text."""

import numpy as np
import pytest

from ramospeech.align.matching import STAR, match


def matched(recognised, text, step=10):
    first = [step * index for index in range(len(recognised))]
    return match(recognised, first, [begin + 1 for begin in first], step * (len(recognised) + 1), text)


def letters(rng, count):
    return rng.integers(0, 400, count).tolist()


@pytest.mark.parametrize("count", [1, 2, 5, 60, 500])
def test_a_text_that_was_recognised_is_placed_whole_and_near(rng, count):
    text = letters(rng, count)
    matching = matched(text, text)
    assert [word for window in matching.windows for word in window.words] == list(range(count))
    assert matching.unplaced == ()
    assert [window.begin for window in matching.windows[1:]] == [window.end for window in matching.windows[:-1]]
    for window in matching.windows:
        assert all(window.begin <= 10 * word < window.end for word in window.words)
    assert len(matching.windows) >= count // 40


def test_recognition_errors_leave_nothing_out(rng):
    text = letters(rng, 300)
    recognised = [-1 if rng.random() < 0.25 else unit for unit in text]
    matching = matched(recognised, text)
    placed = [word for window in matching.windows for word in window.words if word != STAR]
    assert placed == list(range(300)) and matching.unplaced == ()


def test_a_long_unspoken_text_is_left_out(rng):
    before, extra, after = letters(rng, 40), letters(rng, 50), letters(rng, 40)
    matching = matched(before + after, before + extra + after)
    assert set(matching.unplaced) <= set(range(40, 90)) and len(matching.unplaced) >= 40
    placed = [word for window in matching.windows for word in window.words]
    assert {*range(40), *range(90, 130)} <= set(placed) and STAR in placed


def test_speech_that_is_not_in_the_text_is_free(rng):
    before, extra, after = letters(rng, 40), letters(rng, 50), letters(rng, 40)
    matching = matched(before + extra + after, before + after)
    assert matching.unplaced == ()
    [window] = [window for window in matching.windows if STAR in window.words]
    assert window.begin <= 400 and window.end >= 900


def test_another_text_is_left_out_almost_whole(rng):
    matching = matched(letters(rng, 200), letters(rng, 200))
    assert len(matching.unplaced) > 150


def test_nothing_recognised_and_nothing_to_say():
    assert len(matched([], list(range(30))).unplaced) == 26
    assert [window.words for window in matched(list(range(30)), []).windows] == [(STAR,)]
    assert np.all([window.end for window in matched([], []).windows] == [10])
