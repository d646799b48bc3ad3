"""What a search of a speller is helped by: language models and hotwords, asked unit by unit for many hypotheses."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

from ctc_decode import Automaton
from ctc_decode.batched_automaton import BatchedAutomaton
from ramospeech.lm.nbest import known
from ramospeech.lm.neural import Hidden, NeuralLm

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


@dataclass(frozen=True)
class NeuralState:
    """The state of N texts, and the log-probabilities of what follows each, by the V units of the speller."""

    hidden: Hidden
    following: np.ndarray


class NeuralScorer:
    """A neural language model. units: of the speller. Raises ValueError where it knows none of them."""

    highest = 0.0

    def __init__(self, lm: NeuralLm, units: Sequence[str]) -> None:
        self._lm, self._ids = lm, lm.ids_of(units)
        known(self._ids, lm, units)

    def start(self, utterances: int) -> NeuralState:
        return self._read(np.full(utterances, END), None)

    def score(self, state: NeuralState, units: np.ndarray) -> np.ndarray:
        return np.take_along_axis(state.following, units, axis=1)

    def advance(self, state: NeuralState, rows: np.ndarray, units: np.ndarray) -> NeuralState:
        chosen = torch.from_numpy(rows).to(state.hidden[0].device)
        before = state.hidden[0].index_select(1, chosen), state.hidden[1].index_select(1, chosen)
        return self._read(self._ids[units], before)

    @torch.inference_mode()
    def _read(self, ids: np.ndarray, hidden: Hidden | None) -> NeuralState:
        device = self._lm.output.weight.device
        log_probs, state = self._lm(torch.from_numpy(ids)[:, None].to(device), hidden)
        return NeuralState(state, log_probs[:, -1].double().cpu().numpy()[:, self._ids])
