"""Confusion networks: a row of slots, each with its alternatives and their probabilities.

What comes next, such as a translator from pinyin to hanzi, then sees at each position of the sentence what else may
have been spoken. Made of the posteriors around one hypothesis, which know many more alternatives than an N-best list.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from ctc_decode.hypothesis import Hypothesis
from ctc_decode.inputs import as_array

MIN_PROBABILITY = 0.003  # alternatives of a token that have less of its slot are left out


@dataclass(frozen=True)
class Slot:
    """One position of the sentence.

    alternatives: (token, probability), the most probable first; token None means that nothing is spoken here. The
        probabilities of a slot sum to 1.
    start_frame, end_frame: where the best hypothesis that says something here has it, start <= t < end.
    """

    alternatives: tuple[tuple[str | None, float], ...]
    start_frame: int
    end_frame: int


@dataclass(frozen=True)
class ConfusionNetwork:
    """Slots in the order of time. The hypothesis is a path through them, one alternative per slot.

    A translator goes through the slots and adds the log of the probability of each alternative that it takes:

        for slot in network.slots:
            for token, probability in slot.alternatives:
                ...  # extend with the hanzi of token; a token of None extends with nothing
    """

    slots: tuple[Slot, ...]

    @classmethod
    def from_posteriors(
        cls,
        log_probs: Any,
        hypothesis: Hypothesis,
        vocabulary: Sequence[str],
        blank: int = 0,
        min_probability: float = MIN_PROBABILITY,
        *,
        least: float | None = None,
    ) -> Self:
        """Return a slot for each of the U tokens of a hypothesis of one utterance, with the units that compete with it,
        and one for each gap before, between and after them where another unit may have been spoken.

        log_probs: (T', V) natural logs of probabilities. The frames of a token's slot reach from halfway to the token
        before to halfway to the next; a unit weighs its highest probability in them, None the lowest of the blank, the
        token itself, which a language model or a hotword may have put there, not less than any other. The slot of a gap
        is the frame where units other than the tokens around it are most probable; None weighs what these and the blank
        have there. Alternatives with less than `min_probability` of all are left out, and gaps where only None is left.
        `least` is the old name of `min_probability`. Raises ValueError for posteriors that are not (T', V) or end
        before the hypothesis does.
        """
        if least is not None:
            warnings.warn("least= is called min_probability=", DeprecationWarning, stacklevel=2)
            min_probability = least
        rows = as_array(log_probs)
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

        frames, between = _gaps(rows, ids, starts, ends, blank, min_probability)
        starts, ends = np.append(starts, frames), np.append(ends, frames + 1)
        tops = np.append(ids, np.full(len(frames), blank))
        weights = np.concatenate((weights, between))
        slots = []
        for k in np.lexsort((ends, starts)).tolist():
            row, top = weights[k], tops[k]
            units = np.flatnonzero(row >= min(min_probability * row.sum(), row[top]))
            units = units[np.lexsort((units != top, -row[units]))]
            probabilities = row[units] / row[units].sum()
            names = (None if unit == blank else vocabulary[unit] for unit in units.tolist())
            alternatives = tuple(zip(names, probabilities.tolist(), strict=True))
            if alternatives[0][0] is not None or len(alternatives) > 1:
                slots.append(Slot(alternatives, int(starts[k]), int(ends[k])))
        return cls(tuple(slots))

    @classmethod
    def certain(cls, hypothesis: Hypothesis) -> Self:
        """Return a network that has the tokens of a hypothesis and nothing else."""
        frames = zip(hypothesis.tokens, hypothesis.start_frames, hypothesis.end_frames, strict=True)
        return cls(tuple(Slot(((token, 1.0),), start, end) for token, start, end in frames))

    def best(self) -> tuple[str, ...]:
        """Return the most probable alternative of each slot: the label sequence with the fewest wrong tokens to be
        expected."""
        tops = (slot.alternatives[0][0] for slot in self.slots)
        return tuple(token for token in tops if token is not None)


def _gaps(
    rows: np.ndarray, ids: np.ndarray, starts: np.ndarray, ends: np.ndarray, blank: int, min_probability: float
) -> tuple[np.ndarray, np.ndarray]:
    """Find in the gaps around U tokens the frame where units that are neither blank nor the tokens around have most
    probability, where that is `min_probability` or more (G,), and the weights of the units there (G, V),
    the blank's those of None."""
    before, after = np.append(blank, ids), np.append(ids, blank)  # of each gap the tokens around
    times = np.arange(len(rows))
    gap = np.searchsorted(starts, times, side="right")
    accounted = np.exp(rows[times, blank].astype(np.float64))
    for unit, new in ((before, before != blank), (after, (after != blank) & (after != before))):
        accounted += np.where(new[gap], np.exp(rows[times, unit[gap]].astype(np.float64)), 0.0)
    # A frame that a token holds is not in a gap.
    others = np.where(times < np.append(0, ends)[gap], -1.0, np.maximum(1.0 - accounted, 0.0))

    order = np.lexsort((-others, gap))
    gap, first = np.unique(gap[order], return_index=True)
    probable = others[order[first]] >= min_probability
    gap, frames = gap[probable], order[first][probable]
    weights = np.exp(rows[frames].astype(np.float64))
    for unit in (before, after):
        weights[np.arange(len(gap)), unit[gap]] = 0.0
    weights[:, blank] = 1.0 - others[frames]
    return frames, weights
