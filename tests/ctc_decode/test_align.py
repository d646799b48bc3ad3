"""Forced alignment against all alignments on small cases and a plain Viterbi on larger ones."""

import sys
from itertools import groupby, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctc_decode import align

MODULE = sys.modules["ctc_decode.align"]


def posteriors(rng, T, V, scale=2.0):
    logits = scale * rng.normal(size=(T, V))
    return logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))


def labels_of(path, blank):
    return [unit for unit, _ in groupby(path) if unit != blank]


def best_by_brute_force(log_probs, ids, blank):
    """The score of the best alignment, over all V ** T of them."""
    T, V = log_probs.shape
    paths = [path for path in product(range(V), repeat=T) if labels_of(path, blank) == list(ids)]
    return max((sum(log_probs[t, unit] for t, unit in enumerate(path)) for path in paths), default=-np.inf)


def best_by_plain_viterbi(log_probs, ids, blank):
    """The score of the best alignment, one state at a time."""
    units = [blank]
    for unit in ids:
        units += [unit, blank]
    scores = [0.0] + [-np.inf] * (len(units) - 1)
    for row in log_probs:
        new = []
        for s, unit in enumerate(units):
            come = [scores[s]]
            if s >= 1:
                come.append(scores[s - 1])
            if s >= 2 and unit != blank and unit != units[s - 2]:
                come.append(scores[s - 2])
            new.append(max(come) + row[unit])
        scores = new
    return max(scores[-2:])


def score_of(tokens, log_probs, blank):
    """The score of the path that the tokens describe, blanks in between; checks that it is a path of theirs."""
    path = [blank] * len(log_probs)
    for token in tokens:
        assert 0 <= token.start_frame < token.end_frame <= len(log_probs)
        assert path[token.start_frame : token.end_frame] == [blank] * (token.end_frame - token.start_frame)
        path[token.start_frame : token.end_frame] = [token.id] * (token.end_frame - token.start_frame)
    assert labels_of(path, blank) == [token.id for token in tokens]
    return sum(log_probs[t, unit] for t, unit in enumerate(path))


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.lists(st.integers(1, 2), max_size=3), st.booleans())
def test_against_all_alignments(seed, T, ids, blank_last):
    rng = np.random.default_rng(seed)
    log_probs = posteriors(rng, T, 3)
    log_probs[rng.random(log_probs.shape) < 0.15] = -np.inf
    blank = 0
    if blank_last:
        blank, ids = 2, [unit - 1 for unit in ids]
    best = best_by_brute_force(log_probs, ids, blank)
    if best == -np.inf and ids:
        with pytest.raises(ValueError, match=r"need \d frames and there are|above 0"):
            align(log_probs, ids, blank)
        return
    tokens = align(log_probs, ids, blank)
    assert [token.id for token in tokens] == ids
    assert score_of(tokens, log_probs, blank) == pytest.approx(best)


@pytest.mark.parametrize(("T", "U"), [(120, 25), (60, 30), (40, 1)])
@pytest.mark.parametrize("kept", [1 << 25, 600, 1])
def test_in_one_block_and_in_many(rng, monkeypatch, T, U, kept):
    monkeypatch.setattr(MODULE, "_STEPS_KEPT", kept)
    log_probs = posteriors(rng, T, 12)
    ids = rng.integers(1, 12, U)
    tokens = align(log_probs, ids)
    assert score_of(tokens, log_probs, 0) == pytest.approx(best_by_plain_viterbi(log_probs, ids, 0))
    for token in tokens:
        held = log_probs[token.start_frame : token.end_frame, token.id]
        assert token.score == pytest.approx(held.mean())


def test_as_many_frames_as_needed_and_not_one_less(rng):
    log_probs = posteriors(rng, 5, 4)
    tokens = align(log_probs, [1, 1, 2, 3])
    assert [(token.start_frame, token.end_frame) for token in tokens] == [(0, 1), (2, 3), (3, 4), (4, 5)]
    with pytest.raises(ValueError, match="4 labels, 1 of them like the one before, need 5 frames and there are 4"):
        align(log_probs[:4], [1, 1, 2, 3])


def test_torch_half_precision_and_nothing():
    torch = pytest.importorskip("torch")
    log_probs = torch.log_softmax(torch.tensor([[0.0, 9.0, 0.0], [0.0, 9.0, 0.0], [9.0, 0.0, 1.0], [0.0, 0.0, 9.0]]), 1)
    expected = [(1, 0, 2), (2, 3, 4)]
    for tensor in (log_probs, log_probs.half(), log_probs.numpy()):
        tokens = align(tensor, torch.tensor([1, 2]))
        assert [(token.id, token.start_frame, token.end_frame) for token in tokens] == expected
    assert align(log_probs, []) == []
    assert align(np.zeros((0, 3), np.float32), []) == []


def test_long_audio_takes_bounded_memory(rng):
    """Blocks of half a million steps instead of 4 million at once: seen in what numpy allocates."""
    import tracemalloc

    T, U = 3000, 700
    log_probs = posteriors(rng, T, 40).astype(np.float32)
    ids = rng.integers(1, 40, U)
    MODULE._STEPS_KEPT, before = 1 << 19, MODULE._STEPS_KEPT
    tracemalloc.start()
    try:
        tokens = align(log_probs, ids)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
        MODULE._STEPS_KEPT = before
    assert len(tokens) == U
    assert peak < T * (2 * U + 1)  # one byte for each step would be this much


def bad(value):
    log_probs = np.full((4, 5), -1.0, np.float32)
    log_probs[2, 3] = value
    return log_probs


GOOD = np.full((4, 5), -1.0, np.float32)


@pytest.mark.parametrize(
    ("log_probs", "ids", "blank", "message"),
    [
        (bad(np.nan), [1], 0, "frame 2: log_probs holds nan"),
        (bad(np.inf), [1], 0, "frame 2: log_probs holds inf"),
        (GOOD[None], [1], 0, "one utterance"),
        (GOOD.astype(int), [1], 0, "must be floating point"),
        (GOOD, [1, 5], 0, r"ids\[1\] is 5, which is not within the units 0 to 4"),
        (GOOD, [-1], 0, r"ids\[0\] is -1"),
        (GOOD, [1, 0], 0, r"ids\[1\] is 0, which is the blank"),
        (GOOD, [[1]], 0, "must be a list of integers"),
        (GOOD, [1.5], 0, "must be a list of integers"),
        (GOOD, [1], 5, "blank is 5"),
        (GOOD, [1, 2, 3, 4, 1], 0, "need 5 frames and there are 4"),
        (np.full((4, 5), -np.inf, np.float32), [1], 0, "above 0"),
    ],
)
def test_bad_input_is_named(log_probs, ids, blank, message):
    with pytest.raises(ValueError, match=message):
        align(log_probs, ids, blank)
