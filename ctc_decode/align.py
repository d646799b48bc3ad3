"""Forced alignment: the frames of each unit of a known label sequence, by the Viterbi algorithm over CTC's states.

The states of U labels are 2U + 1: blank, label, blank, ..., label, blank. At each frame a path stays, moves on to the
next state, or skips a blank between two labels that differ. Memory stays bounded for long audio: where the steps
taken would not fit, only the scores at the beginning of each block of frames are kept, and each block is run again
on the way back.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt
from typing import Any

import numpy as np

from ctc_decode.inputs import as_array

_STEPS_KEPT = 1 << 25  # bytes of steps at most, one a frame and state; above it, blocks of frames


@dataclass(frozen=True)
class AlignedToken:
    """A label on the best path: it holds the frames start_frame <= t < end_frame.

    score: mean log probability of its unit over these frames, a natural log; near 0 where the audio agrees.
    """

    id: int
    start_frame: int
    end_frame: int
    score: float


def align(log_probs: Any, ids: Sequence[int] | np.ndarray, blank: int = 0) -> list[AlignedToken]:
    """Place the labels `ids` (U,) on the frames of one utterance, log_probs (T', V) natural logs.

    Returns U tokens along the best path. Raises ValueError for wrong shapes, ids that are not units, NaN or +inf, and
    for labels that no path can hold: U and one blank between equal neighbours must fit into T', and some path must
    have a probability above 0. Takes time and memory that grow with T' U and with sqrt(T') U.

    >>> probabilities = np.array([[0.1, 0.8, 0.1], [0.2, 0.7, 0.1], [0.1, 0.2, 0.7]])
    >>> [(token.id, token.start_frame, token.end_frame) for token in align(np.log(probabilities), [1, 2])]
    [(1, 0, 2), (2, 2, 3)]
    """
    array, labels = _checked(log_probs, ids, blank)
    T, U = len(array), len(labels)
    if U == 0:
        return []
    used, columns = np.unique(np.append(labels, blank), return_inverse=True)
    emissions = array[:, used].astype(np.float64)
    states = np.full(2 * U + 1, columns[-1])
    states[1::2] = columns[:-1]
    skips = np.zeros(2 * U + 1, bool)
    skips[3::2] = labels[1:] != labels[:-1]

    path = _best_path(emissions, states, skips)
    held = path // 2
    labelled = np.flatnonzero(path % 2 == 1)
    starts = labelled[np.searchsorted(held[labelled], np.arange(U))]
    ends = labelled[np.searchsorted(held[labelled], np.arange(U), "right") - 1] + 1
    sums = np.append(0.0, np.cumsum(emissions[np.arange(T), states[path]]))
    scores = (sums[ends] - sums[starts]) / (ends - starts)
    return [AlignedToken(*token) for token in zip(*(x.tolist() for x in (labels, starts, ends, scores)), strict=True)]


def _checked(log_probs: Any, ids: Any, blank: int) -> tuple[np.ndarray, np.ndarray]:
    """Return log_probs and ids as arrays; raises ValueError saying what is wrong with them."""
    array, labels = as_array(log_probs), as_array(ids)
    if array.ndim != 2:
        raise ValueError(f"log_probs has shape {array.shape}; it must be (frames, units), one utterance")
    if array.dtype.kind != "f":
        raise ValueError(f"log_probs has type {array.dtype}; it must be floating point")
    T, V = array.shape
    if not 0 <= blank < V:
        raise ValueError(f"blank is {blank}; log_probs has units 0 to {V - 1}")
    if labels.ndim != 1 or (labels.size and labels.dtype.kind not in "iu"):
        raise ValueError(f"ids has shape {labels.shape} and type {labels.dtype}; it must be a list of integers")
    labels = labels.astype(np.int64)
    for position in np.flatnonzero((labels < 0) | (labels >= V) | (labels == blank))[:1]:
        what = "the blank" if labels[position] == blank else f"not within the units 0 to {V - 1}"
        raise ValueError(f"ids[{position}] is {labels[position]}, which is {what}")
    peaks = array.max(axis=1, initial=-np.inf)  # NaN where a frame has one
    for frame in np.flatnonzero(np.isnan(peaks) | (peaks == np.inf))[:1]:
        raise ValueError(f"frame {frame}: log_probs holds {peaks[frame]}")
    repeats = int((labels[1:] == labels[:-1]).sum())
    needed = len(labels) + repeats
    if needed > T:
        raise ValueError(
            f"{len(labels)} labels, {repeats} of them like the one before, need {needed} frames and there are {T}: "
            "the labels are too many, or not of this audio"
        )
    return array, labels


def _best_path(emissions: np.ndarray, states: np.ndarray, skips: np.ndarray) -> np.ndarray:
    """Return the state of each frame, (T',). emissions: (T', units used); states: the unit of each state; skips: where
    a path may come from two states before."""
    T, S = len(emissions), len(states)
    block = T if T * S <= _STEPS_KEPT else max(isqrt(T), min(T, _STEPS_KEPT // S))
    begins = range(0, T, block)
    scores = np.full(S, -np.inf)
    scores[0] = 0.0  # before the first frame: it stays in the first blank or moves on
    kept = []
    for begin in begins:
        kept.append(scores)
        if begin + block < T:
            scores = _run(scores, emissions[begin : begin + block], states, skips, None)
    path = np.empty(T, np.int64)
    state = -1
    for begin, scores in zip(reversed(begins), reversed(kept), strict=True):
        end = min(begin + block, T)
        steps = np.empty((end - begin, S), np.uint8)
        scores = _run(scores, emissions[begin:end], states, skips, steps)
        if end == T:
            state = S - 1 if scores[S - 1] > scores[S - 2] else S - 2
            if scores[state] == -np.inf:
                raise ValueError(
                    "no path through these labels has a probability above 0: log_probs is -inf where they would be"
                )
        for t in range(end - 1, begin - 1, -1):
            path[t] = state
            state -= int(steps[t - begin, state])
    return path


def _run(
    scores: np.ndarray, emissions: np.ndarray, states: np.ndarray, skips: np.ndarray, steps: np.ndarray | None
) -> np.ndarray:
    """Return scores (S,) after some frames from those before; writes the step taken into each state, 0 to 2, to
    `steps`."""
    padded = np.full(len(states) + 2, -np.inf)  # two states that do not exist, before the first
    padded[2:] = scores
    stay, move = padded[2:], padded[1:-1]
    blocked = np.where(skips, 0.0, -np.inf)
    for t, row in enumerate(emissions):
        skip = padded[:-2] + blocked
        best = np.maximum(stay, move)
        if steps is not None:
            np.greater(move, stay, out=steps[t], casting="unsafe")
            steps[t][skip > best] = 2
        np.add(np.maximum(best, skip), row[states], out=stay)
    return stay.copy()
