"""What a search of a speller is helped by: language models and hotwords, asked unit by unit for many hypotheses."""

from typing import Any, Protocol

import numpy as np

from ctc_decode import Automaton
from ctc_decode.batched_automaton import BatchedAutomaton

END = 0  # the id of the blank, which no text has, stands for the start and the end of one


class Scorer(Protocol):
    """Adds to the score of each hypothesis, unit by unit. A state, of any type, has N rows, one a hypothesis.

    highest: what a unit adds at most, so that a search knows what a hypothesis can still reach.
    """

    highest: float

    def start(self, utterances: int) -> Any:
        """Return the state of one empty hypothesis for each utterance of a batch."""
        ...

    def score(self, state: Any, units: np.ndarray) -> np.ndarray:
        """Return what each of C units, or the end (id 0), adds to each hypothesis: (N, C) ids -> (N, C) natural
        logs."""
        ...

    def advance(self, state: Any, rows: np.ndarray, units: np.ndarray) -> Any:
        """Return the state of hypotheses that are those of `rows` (M,), which may repeat, with one of `units` (M,)
        more."""
        ...


class AutomatonScorer:
    """An n-gram model or hotwords. units: V of the speller."""

    def __init__(self, automaton: Automaton, units: int) -> None:
        self._automaton = automaton
        self._batched = BatchedAutomaton(automaton, 1.0, units)
        self.highest = max(
            0.0,
            float(automaton.weight.max(initial=0.0)) + max(0.0, float(automaton.fallback_weight.max())),
            float(automaton.final.max()),
        )

    def start(self, utterances: int) -> np.ndarray:
        return np.full(utterances, self._automaton.start, np.int64)

    def score(self, state: np.ndarray, units: np.ndarray) -> np.ndarray:
        _, added = self._batched.step(np.repeat(state, units.shape[1]), units.ravel().astype(np.int64))
        ends = np.broadcast_to(self._automaton.final[state][:, None], units.shape)
        return np.where(units == END, ends, added.reshape(units.shape))

    def advance(self, state: np.ndarray, rows: np.ndarray, units: np.ndarray) -> np.ndarray:
        return self._batched.step(state[rows], units.astype(np.int64))[0]
