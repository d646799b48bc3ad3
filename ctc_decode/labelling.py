"""What one labelling is worth by itself: its exact CTC log probability, best alignment, and how sure its tokens are.

Forward and backward over the 2 U + 1 states of its units and blanks (Graves et al., 2006). Plain numpy; the compiled
core has the same in src/labelling.cpp.
"""

from collections.abc import Sequence

import numpy as np

_REACH = 4  # states more to either side of those that are kept, for labellings that lack a token
_MARGIN = 40.0  # natural log: states this far below a frame's best are left out
_DOUBT = 1.0  # a score so far below what the search found has lost something
_FAINT = 10.0  # where a unit has less than exp(-10) of the labelling, a confidence ignores it
_RIVAL = -2.9957  # log of 5 %
_ZERO = -np.inf


class Examiner:
    """Examines labellings of one item: log_probs (T', V) natural logs."""

    def __init__(self, log_probs: np.ndarray, blank: int):
        self._log_probs = log_probs
        self._blank = blank
        self._ids = np.full(1, -1)  # no labelling
        self._score = _ZERO

    def score(self, ids: Sequence[int], expected: float) -> float:
        """Log probability of a labelling, summed over its alignments.

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
        self._forward(_MARGIN)
        if not self._score > expected - _DOUBT:
            self._forward(np.inf)
        return self._score

    def _forward(self, margin: float) -> None:
        T, S = len(self._log_probs), len(self._labels)
        self._low = np.zeros(T, np.int64)
        self._alpha: list[np.ndarray] = []
        self._emission: list[np.ndarray] = []
        self._score = 0.0 if T == 0 and S == 1 else _ZERO
        low, before = 0, np.zeros(_REACH)
        for t in range(T):
            first = max(low, S - 2 - 2 * (T - 1 - t) - _REACH)  # lower ones can no longer come to the end
            last = min(low + len(before) + 2, S)
            if last <= first:
                return
            if t == 0:
                alpha = np.where(np.arange(first, last) < 2, 0.0, _ZERO)
            else:
                from_same, from_one, from_two = (_window(before, low, first - n, last - n) for n in range(3))
                from_two = np.where(self._skips[first:last], from_two, _ZERO)
                alpha = np.logaddexp(np.logaddexp(from_same, from_one), from_two)
            emission = self._log_probs[t, self._labels[first:last]].astype(np.float64)
            alpha = alpha + emission
            best = alpha.max()
            if best == _ZERO:
                return
            kept = np.flatnonzero(alpha >= best - margin)
            begin, end = kept[0], kept[-1] + 1 + _REACH
            low, before = first + int(begin), alpha[begin:end]
            self._low[t] = low
            self._alpha.append(before)
            self._emission.append(emission[begin:end])
        if T:
            self._score = float(np.logaddexp.reduce(_window(before, low, S - 2, S)))

    def tokens(self) -> tuple[list[int], list[int], list[float]]:
        """Start frames, end frames and confidences of the tokens of the labelling that was scored last."""
        U = len(self._ids)
        if U == 0:
            return [], [], []
        starts, ends = self._best_path()
        self._backward()
        confidences = [self._confidence(u, starts[u], ends[u]) for u in range(U)]
        return starts, ends, confidences

    def _best_path(self) -> tuple[list[int], list[int]]:
        """Viterbi over the states that the forward pass kept."""
        T, S = len(self._alpha), len(self._labels)
        back = []
        before = self._alpha[0]
        for t in range(1, T):
            low, size = self._low[t], len(self._alpha[t])
            ways = np.stack([_window(before, self._low[t - 1], low - n, low - n + size) for n in range(3)])
            ways[2, ~self._skips[low : low + size]] = _ZERO
            back.append(ways.argmax(axis=0))
            before = ways.max(axis=0) + self._emission[t]
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

    def _backward(self) -> None:
        """beta includes the emission of its own frame."""
        T, S = len(self._alpha), len(self._labels)
        last = np.arange(self._low[-1], self._low[-1] + len(self._alpha[-1]))
        beta = np.where(last >= S - 2, self._emission[-1], _ZERO)
        self._beta = [beta]
        for t in range(T - 2, -1, -1):
            low, high = self._low[t], self._low[t] + len(self._alpha[t])
            from_same, from_one, from_two = (_window(beta, self._low[t + 1], low + n, high + n) for n in range(3))
            from_two = np.where(self._skips[low + 2 : high + 2], from_two, _ZERO)
            beta = np.logaddexp(np.logaddexp(from_same, from_one), from_two) + self._emission[t]
            self._beta.append(beta)
        self._beta.reverse()

    def _before(self, t: int, token: int) -> tuple[float, float]:
        """What comes before a unit that starts at t in a token's place: a blank (or nothing), the token before."""
        if t == 0:
            return (0.0 if token == 0 else _ZERO), _ZERO
        at = _window(self._alpha[t - 1], self._low[t - 1], 2 * token - 1, 2 * token + 1)
        return at[1], at[0]

    def _after(self, t: int, token: int) -> tuple[float, float]:
        """What comes after a unit whose last frame is t: a blank (or nothing), the next token."""
        if t + 1 == len(self._alpha):
            return (0.0 if token + 1 == len(self._ids) else _ZERO), _ZERO
        at = _window(self._beta[t + 1], self._low[t + 1], 2 * token + 2, 2 * token + 4)
        return at[0], at[1]

    def _confidence(self, token: int, start: int, end: int) -> float:
        """The labelling's probability over that of all labellings with any unit or none in this token's place."""
        T, U = len(self._alpha), len(self._ids)
        own = self._ids[token]
        previous = self._ids[token - 1] if token else self._blank
        following = self._ids[token + 1] if token + 1 < U else self._blank

        def matters(t: int) -> bool:
            return max(self._before(t, token)) + max(self._after(t, token)) > self._score - _FAINT

        first, last = start, end - 1
        while first > 0 and matters(first - 1):
            first -= 1
        while last + 1 < T and matters(last + 1):
            last += 1

        entering = np.array([self._before(t, token) for t in range(first, last + 2)])
        leaving = np.array([self._after(t, token) for t in range(first, last + 1)])
        base = entering[:-1].max()
        with np.errstate(over="ignore"):
            in_blank, in_token = np.exp(entering - base).T
            out_blank, out_token = np.exp(leaving + base - self._score).T
            # Without the token, the next one starts in one of these frames, or the labelling ends.
            without = np.append(self._after(first - 1, token)[1], leaving[:, 1])
            if last + 1 == T and token + 1 == U:
                without[-1] = 0.0
            joins = np.full(len(without), previous != following)
            joins[-1] |= last + 1 == T
            none = ((in_blank + joins * in_token) * np.exp(without + base - self._score)).sum()

            rows = self._log_probs[first : last + 1].astype(np.float64)
            units = np.array([own, *({previous, following} - {own, self._blank})])  # in its place, as long as they like
            p = np.exp(rows[:, units])
            held, total = np.zeros((2, len(units)))
            for i in range(len(p)):
                held = p[i] * (held + in_blank[i] + (units != previous) * in_token[i])
                total = total + held * (out_blank[i] + (units != following) * out_token[i])

            # All others: together for one frame each, and one by one for longer where they have five percent and more.
            entered, left = (in_blank + in_token)[:-1], out_blank + out_token
            tail = np.maximum(1.0 - np.exp(rows[:, self._blank]) - p.sum(axis=1), 0.0)
            everything = none + total.sum() + (tail * entered * left).sum()
            rivals = np.delete(rows, [self._blank, *units], axis=1)
            rivals = rivals[:, (rivals >= _RIVAL).any(axis=0)]
            p = np.where(rivals >= _RIVAL, np.exp(rivals), 0.0)
            held = np.zeros(p.shape[1])
            for i in range(len(p)):
                everything += (p[i] * held).sum() * left[i]
                held = p[i] * (held + entered[i])
        mine = float(total[0])
        return min(mine / float(everything), 1.0) if 0.0 < everything < np.inf else 0.0


def _window(values: np.ndarray, low: int, first: int, last: int) -> np.ndarray:
    """The values of states first <= s < last, of which `values` has those from `low` on; log of 0 elsewhere."""
    result = np.full(last - first, _ZERO)
    begin, end = max(first, low), min(last, low + len(values))
    if begin < end:
        result[begin - first : end - first] = values[begin - low : end - low]
    return result
