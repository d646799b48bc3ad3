"""Confusion networks: a row of slots, each with its alternatives and their probabilities.

What comes next, such as a translator from pinyin to hanzi, then sees at each place of the sentence what else may
have been said. Made of an N-best list (Mangu, Brill and Stolcke, 2000), which also knows tokens that may not have been
there, or of the posteriors around one hypothesis, which is quicker and knows many more alternatives.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ctc_decode.hypothesis import Hypothesis

LEAST = 0.003  # alternatives of a token that have less of its place are left out


@dataclass(frozen=True)
class Slot:
    """One place of the sentence.

    alternatives: (token, probability), the most probable first; token None means that nothing is said here. The
        probabilities of a slot sum to 1.
    start_frame, end_frame: where the best hypothesis that says something here has it, start <= t < end.
    """

    alternatives: tuple[tuple[str | None, float], ...]
    start_frame: int
    end_frame: int


@dataclass(frozen=True)
class ConfusionNetwork:
    """Slots in the order of time. Every hypothesis is a path through them, one alternative a slot.

    A translator goes through the slots and adds the log of the probability of each alternative that it takes:

        for slot in network.slots:
            for token, probability in slot.alternatives:
                ...  # extend with the hanzi of token; a token of None extends with nothing
    """

    slots: tuple[Slot, ...]

    @classmethod
    def from_nbest(cls, hypotheses: Sequence[Hypothesis], scale: float = 1.0) -> Self:
        """Align the K hypotheses of one utterance, best first, as the decoder returns them.

        A hypothesis has the probability softmax(scale * score) among the K; a scale below 1 trusts scores less.
        Hypotheses join the network one after another, each by the alignment that expects the fewest wrong tokens,
        with tokens nearer in time preferred. Raises ValueError for no hypotheses and for scores that are not finite.
        """
        if not hypotheses:
            raise ValueError("no hypotheses: a confusion network needs at least one")
        scores = scale * np.array([hypothesis.score for hypothesis in hypotheses], dtype=np.float64)
        for k in np.flatnonzero(~np.isfinite(scores))[:1]:
            raise ValueError(f"hypothesis {k} has score {hypotheses[k].score}, with scale {scale}; it must be finite")
        weights = np.exp(scores - scores.max())
        weights /= weights.sum()
        best = hypotheses[0]
        spacing = (best.end_frames[-1] - best.start_frames[0]) / len(best.ids) if best.ids else 1.0
        columns: list[_Column] = []
        joined = 0.0
        for hypothesis, weight in zip(hypotheses, weights.tolist(), strict=True):
            columns = _join(columns, hypothesis, weight, joined, max(spacing, 1.0))
            joined += weight
        return cls(tuple(column.slot(joined) for column in columns))

    @classmethod
    def from_posteriors(
        cls, log_probs: Any, hypothesis: Hypothesis, vocabulary: Sequence[str], blank: int = 0, least: float = LEAST
    ) -> Self:
        """A slot for each of the U tokens of a hypothesis of one utterance, with the units that compete with it, and
        one for each gap before, between and after them where another unit may have been said.

        log_probs: (T', V) natural logs of probabilities. The frames of a token's slot reach from halfway to the token
        before to halfway to the next; a unit weighs what it has in the best of them, None what the blank has where it
        has least, the token itself, which a language model or a hotword may have put there, as much as any other at
        least. A gap has the slot of its frame where units other than the tokens around it have most; None weighs what
        these and the blank have there. Alternatives with less than `least` of all are left out, and gaps where only
        None is left. Raises ValueError for posteriors that are not (T', V) or end before the hypothesis does.
        """
        rows = np.asarray(log_probs)
        last = hypothesis.end_frames[-1] if hypothesis.ids else 0
        if rows.ndim != 2 or rows.shape[1] != len(vocabulary) or len(rows) < last:
            raise ValueError(
                f"log_probs is {rows.shape}; it must be (T', {len(vocabulary)}), with the hypothesis's {last} frames"
            )
        if not hypothesis.ids:
            return cls(())
        ids, starts, ends = (np.array(a) for a in (hypothesis.ids, hypothesis.start_frames, hypothesis.end_frames))
        bounds = np.append(0, (ends[:-1] + starts[1:] + 1) // 2)
        weights = np.exp(np.maximum.reduceat(rows, bounds, axis=0).astype(np.float64))
        weights[:, blank] = np.exp(np.minimum.reduceat(rows[:, blank], bounds).astype(np.float64))
        weights[np.arange(len(ids)), ids] = weights.max(axis=1)

        frames, between = _gaps(rows, ids, starts, ends, blank, least)
        starts, ends = np.append(starts, frames), np.append(ends, frames + 1)
        tops = np.append(ids, np.full(len(frames), blank))
        weights = np.concatenate((weights, between))
        slots = []
        for k in np.lexsort((ends, starts)).tolist():
            row, top = weights[k], tops[k]
            units = np.flatnonzero(row >= min(least * row.sum(), row[top]))
            units = units[np.lexsort((units != top, -row[units]))]
            shares = row[units] / row[units].sum()
            names = (None if unit == blank else vocabulary[unit] for unit in units.tolist())
            alternatives = tuple(zip(names, shares.tolist(), strict=True))
            if alternatives[0][0] is not None or len(alternatives) > 1:
                slots.append(Slot(alternatives, int(starts[k]), int(ends[k])))
        return cls(tuple(slots))

    def best(self) -> tuple[str, ...]:
        """The most probable alternative of each slot: the labelling with the fewest wrong tokens to be expected."""
        tops = (slot.alternatives[0][0] for slot in self.slots)
        return tuple(token for token in tops if token is not None)


def _gaps(
    rows: np.ndarray, ids: np.ndarray, starts: np.ndarray, ends: np.ndarray, blank: int, least: float
) -> tuple[np.ndarray, np.ndarray]:
    """Of the gaps around U tokens the frame where units that are neither blank nor the tokens around have most
    probability, where that is `least` (G,), and the weights of the units there (G, V), the blank's those of None."""
    before, after = np.append(blank, ids), np.append(ids, blank)  # of each gap the tokens around
    times = np.arange(len(rows))
    gap = np.searchsorted(starts, times, side="right")
    kept = np.exp(rows[times, blank].astype(np.float64))
    for unit, new in ((before, before != blank), (after, (after != blank) & (after != before))):
        kept += np.where(new[gap], np.exp(rows[times, unit[gap]].astype(np.float64)), 0.0)
    others = np.where(times < np.append(0, ends)[gap], -1.0, np.maximum(1.0 - kept, 0.0))  # a token's frame is none

    order = np.lexsort((-others, gap))
    gap, first = np.unique(gap[order], return_index=True)
    likely = others[order[first]] >= least
    gap, frames = gap[likely], order[first][likely]
    weights = np.exp(rows[frames].astype(np.float64))
    for unit in (before, after):
        weights[np.arange(len(gap)), unit[gap]] = 0.0
    weights[:, blank] = 1.0 - others[frames]
    return frames, weights


@dataclass
class _Column:
    """A slot being filled: the weight of each alternative so far, and where the first token to come in was."""

    weights: dict[str | None, float]
    start_frame: int
    end_frame: int

    def slot(self, total: float) -> Slot:
        ranked = sorted(self.weights.items(), key=lambda item: -item[1])
        return Slot(tuple((token, weight / total) for token, weight in ranked), self.start_frame, self.end_frame)


def _join(
    columns: list[_Column], hypothesis: Hypothesis, weight: float, joined: float, spacing: float
) -> list[_Column]:
    """The columns with another hypothesis in them; `joined` is the weight of those there before."""
    places = _places(columns, hypothesis, joined, spacing)
    result: list[_Column] = []
    token = 0
    for j in range(len(columns) + 1):
        while token < len(places) and places[token] == (j, False):
            weights: dict[str | None, float] = {hypothesis.tokens[token]: weight}
            if joined:
                weights[None] = joined
            result.append(_Column(weights, hypothesis.start_frames[token], hypothesis.end_frames[token]))
            token += 1
        if j < len(columns):
            said: str | None = None
            if token < len(places) and places[token] == (j, True):
                said = hypothesis.tokens[token]
                token += 1
            columns[j].weights[said] = columns[j].weights.get(said, 0.0) + weight
            result.append(columns[j])
    return result


def _places(columns: list[_Column], hypothesis: Hypothesis, joined: float, spacing: float) -> list[tuple[int, bool]]:
    """Of each token its column j and True, or, where it needs a new one, the column before which and False.

    The cheapest alignment, where a token costs the probability that the column says something else, plus its
    distance in time in units of `spacing`, at most 1; a new column costs 1, and a column left out the probability
    that something is said there.
    """
    U, S = len(hypothesis.tokens), len(columns)
    cost = np.ones((U, S))
    rows: dict[str, list[int]] = {}
    for i, token in enumerate(hypothesis.tokens):
        rows.setdefault(token, []).append(i)
    for j, column in enumerate(columns):
        for said, mass in column.weights.items():
            if said in rows:
                cost[rows[said], j] -= mass / joined
    here = np.add(hypothesis.start_frames, hypothesis.end_frames) / 2
    there = np.array([column.start_frame + column.end_frame for column in columns]) / 2
    cost += np.minimum(np.abs(here[:, None] - there) / spacing, 1.0)
    leave = np.array([1.0 - column.weights.get(None, 0.0) / joined for column in columns])

    left = np.append(0.0, np.cumsum(leave))
    total = np.empty((U + 1, S + 1))
    total[0] = left
    for i in range(U):
        come = total[i] + 1.0
        come[1:] = np.minimum(come[1:], total[i, :-1] + cost[i])
        total[i + 1] = np.minimum.accumulate(come - left) + left

    places: list[tuple[int, bool]] = []
    i, j = U, S
    while i:
        new = total[i - 1, j] + 1.0
        same = total[i - 1, j - 1] + cost[i - 1, j - 1] if j else np.inf
        skip = total[i, j - 1] + leave[j - 1] if j else np.inf
        if skip < min(new, same):
            j -= 1
            continue
        i -= 1
        j -= same <= new
        places.append((j, bool(same <= new)))
    return places[::-1]
