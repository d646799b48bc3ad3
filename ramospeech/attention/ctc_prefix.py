"""CTC prefix scores: the probability that CTC gives to all texts that begin with a hypothesis.

Watanabe et al. 2017, "Hybrid CTC/attention architecture for end-to-end speech recognition", algorithm 2. A hypothesis g
is known by two forward variables for each frame: the log probability that the frames up to t say g and end in its last
unit, or in a blank. The prefix probability of g with a unit c more is summed over the frame at which c begins, so all
units of all hypotheses are scored without a recursion; that runs only for the hypotheses that are kept.
"""

from dataclasses import dataclass

import numpy as np

from ramospeech.attention.scorers import END


@dataclass(frozen=True)
class PrefixState:
    """Forward variables of N hypotheses, natural logs; frame 0 of them is before the first.

    unit, blank: (N, T' + 1), of paths that end in the last unit, or in a blank. score: (N,) log prefix probability.
    last: (N,) the last unit, -1 of an empty hypothesis. utterances: (N,), of the batch.
    """

    unit: np.ndarray
    blank: np.ndarray
    score: np.ndarray
    last: np.ndarray
    utterances: np.ndarray


class CtcPrefixScorer:
    """A Scorer by log-posteriors (B, T', V), whose frames (B,) of each utterance are valid. The blank is unit 0.

    Raises ValueError for probabilities that are not numbers.
    """

    highest = 0.0  # a longer prefix is never more probable

    def __init__(self, log_probs: np.ndarray, frames: np.ndarray) -> None:
        posteriors = log_probs.astype(np.float64)
        behind = np.arange(posteriors.shape[1]) >= np.asarray(frames)[:, None]
        posteriors[behind] = -np.inf
        posteriors[behind, 0] = 0.0  # blanks for certain, which change nothing
        if np.isnan(posteriors).any():
            raise ValueError("the probabilities of the CTC head are not numbers")
        self._by_unit = posteriors.transpose(0, 2, 1)  # (B, V, T')

    def start(self, utterances: int) -> PrefixState:
        blank = np.concatenate((np.zeros((utterances, 1)), np.cumsum(self._by_unit[:, 0], axis=1)), axis=1)
        empty = np.zeros(utterances)
        return PrefixState(np.full_like(blank, -np.inf), blank, empty, np.full(utterances, -1), np.arange(utterances))

    def score(self, state: PrefixState, units: np.ndarray) -> np.ndarray:
        total = np.logaddexp(state.unit, state.blank)  # (N, T' + 1)
        emitted = self._by_unit[state.utterances[:, None], units]  # (N, C, T')
        again = units == state.last[:, None]
        before = np.where(again[..., None], state.blank[:, None, :-1], total[:, None, :-1])
        longer = np.logaddexp.reduce(before + emitted, axis=2, initial=-np.inf)
        found = np.where(units == END, total[:, -1:], longer)
        return found - state.score[:, None]

    def advance(self, state: PrefixState, rows: np.ndarray, units: np.ndarray) -> PrefixState:
        of = state.utterances[rows]
        emitted, silent = self._by_unit[of, units], self._by_unit[of, 0]
        total = np.logaddexp(state.unit[rows], state.blank[rows])
        again = units == state.last[rows]
        begins = np.where(again[:, None], state.blank[rows], total)[:, :-1]
        unit, blank = np.full_like(total, -np.inf), np.full_like(total, -np.inf)
        for t in range(emitted.shape[1]):
            unit[:, t + 1] = np.logaddexp(unit[:, t], begins[:, t]) + emitted[:, t]
            blank[:, t + 1] = np.logaddexp(blank[:, t], unit[:, t]) + silent[:, t]
        score = np.logaddexp.reduce(begins + emitted, axis=1, initial=-np.inf)
        return PrefixState(unit, blank, score, units, of)
