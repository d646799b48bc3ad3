"""One label sequence by itself: its exact CTC log probability and its best alignment.

Both are found over the 2 U + 1 states of its units and blanks (Graves et al., 2006). Plain numpy; the compiled core
has the same in src/label_scorer.cpp.
"""

from collections.abc import Sequence

import numpy as np

_EXTRA_STATES = 4  # states beyond those near the best are kept too: they may count later
_PRUNING_MARGIN = 40.0  # natural log: states this far below a frame's best are left out
_MAX_LOSS = 1.0  # a score so far below what the search found has lost something
_LOG_ZERO = -np.inf


class LabelScorer:
    """Scores label sequences of one item: log_probs (T', V) natural logs."""

    def __init__(self, log_probs: np.ndarray, blank: int):
        self._log_probs = log_probs
        self._blank = blank
        self._ids = np.full(1, -1)  # no label sequence
        self._score = _LOG_ZERO

    def score(self, ids: Sequence[int], expected: float) -> float:
        """Return the log probability of a label sequence, summed over its alignments.

        Alignments that are far below the best at some frame are left out, unless that loses what it has at least:
        about `expected`.
        """
        if np.array_equal(ids, self._ids):
            return self._score
        U = len(ids)
        self._ids = np.asarray(ids, dtype=np.int64)
        self._labels = np.full(2 * U + 1, self._blank)
        self._labels[1::2] = self._ids
        self._skips = np.zeros(2 * U + 3, bool)  # whether state s can be reached from s - 2
        self._skips[3 : 2 * U : 2] = self._ids[1:] != self._ids[:-1]
        self._forward(_PRUNING_MARGIN)
        if not self._score > expected - _MAX_LOSS:
            self._forward(np.inf)
        return self._score

    def _forward(self, margin: float) -> None:
        T, S = len(self._log_probs), len(self._labels)
        self._low = np.zeros(T, np.int64)
        self._alpha: list[np.ndarray] = []
        self._emission: list[np.ndarray] = []
        self._score = 0.0 if T == 0 and S == 1 else _LOG_ZERO
        low, before = 0, np.zeros(_EXTRA_STATES)
        for t in range(T):
            first = max(low, S - 2 - 2 * (T - 1 - t) - _EXTRA_STATES)  # lower ones can no longer come to the end
            last = min(low + len(before) + 2, S)
            if last <= first:
                return
            if t == 0:
                alpha = np.where(np.arange(first, last) < 2, 0.0, _LOG_ZERO)
            else:
                from_same, from_one, from_two = (_window(before, low, first - n, last - n) for n in range(3))
                from_two = np.where(self._skips[first:last], from_two, _LOG_ZERO)
                alpha = np.logaddexp(np.logaddexp(from_same, from_one), from_two)
            emission = self._log_probs[t, self._labels[first:last]].astype(np.float64)
            alpha = alpha + emission
            best = alpha.max()
            if best == _LOG_ZERO:
                return
            kept = np.flatnonzero(alpha >= best - margin)
            begin, end = kept[0], kept[-1] + 1 + _EXTRA_STATES
            low, before = first + int(begin), alpha[begin:end]
            self._low[t] = low
            self._alpha.append(before)
            self._emission.append(emission[begin:end])
        if T:
            self._score = float(np.logaddexp.reduce(_window(before, low, S - 2, S)))

    def tokens(self) -> tuple[list[int], list[int], list[float]]:
        """Start frames, end frames and confidences of the tokens of the label sequence that was scored last."""
        U = len(self._ids)
        if U == 0:
            return [], [], []
        starts, ends = self._best_path()
        best = [self._log_probs[start:end, id].max() for start, end, id in zip(starts, ends, self._ids, strict=True)]
        return starts, ends, np.exp(best, dtype=np.float64).clip(0.0, 1.0).tolist()

    def _best_path(self) -> tuple[list[int], list[int]]:
        """Viterbi over the states that the forward pass kept."""
        T, S = len(self._alpha), len(self._labels)
        back = []
        before = self._alpha[0]
        for t in range(1, T):
            low, size = self._low[t], len(self._alpha[t])
            candidates = np.stack([_window(before, self._low[t - 1], low - n, low - n + size) for n in range(3)])
            candidates[2, ~self._skips[low : low + size]] = _LOG_ZERO
            back.append(candidates.argmax(axis=0))
            before = candidates.max(axis=0) + self._emission[t]
        end = _window(before, self._low[-1], S - 2, S)
        state = S - 1 if end[1] > end[0] else S - 2
        path = np.empty(T, np.int64)
        for t in range(T - 1, -1, -1):
            path[t] = state
            if t:
                state -= back[t - 1][state - self._low[t]]
        frames = np.flatnonzero(path % 2)
        tokens = path[frames] // 2
        U = len(self._ids)
        starts = frames[np.searchsorted(tokens, np.arange(U), "left")]
        ends = frames[np.searchsorted(tokens, np.arange(U), "right") - 1] + 1
        return starts.tolist(), ends.tolist()


def _window(values: np.ndarray, low: int, first: int, last: int) -> np.ndarray:
    """Return the values of states first <= s < last, of which `values` has those from `low` on; log of 0 elsewhere."""
    result = np.full(last - first, _LOG_ZERO)
    begin, end = max(first, low), min(last, low + len(values))
    if begin < end:
        result[begin - first : end - first] = values[begin - low : end - low]
    return result
