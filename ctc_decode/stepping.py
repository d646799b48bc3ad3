"""Automata read in numpy, many states at a time."""

from collections.abc import Sequence

import numpy as np

from ctc_decode.automaton import Automaton


class Stepper:
    """An automaton whose units are read for many states at once."""

    def __init__(self, automaton: Automaton, scale: float, units: int):
        self.automaton = automaton
        self.scale = scale
        self._units = units
        sources = np.repeat(np.arange(automaton.states), np.diff(automaton.begin))
        self._keys = sources * units + automaton.unit  # sorted, as arcs are

    def step(self, states: np.ndarray, units: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Read (n,) units in (n,) states: return the states after them, and what that adds, not scaled."""
        a = self.automaton
        states = states.copy()
        total = np.zeros(len(states))
        open_ = np.arange(len(states))
        while len(open_):
            at = states[open_]
            wanted = at * self._units + units[open_]
            arc = np.searchsorted(self._keys, wanted)
            found = arc < len(self._keys)
            found[found] = self._keys[arc[found]] == wanted[found]
            hit, arc = open_[found], arc[found]
            total[hit] += a.weight[arc]
            states[hit] = a.target[arc]
            total[open_[~found & (at == 0)]] += a.otherwise
            open_, at = open_[~found & (at > 0)], at[~found & (at > 0)]
            total[open_] += a.fallback_weight[at]
            states[open_] = a.fallback[at]
        return states, total

    def score(self, ids: Sequence[int]) -> float:
        """Return what a whole labelling has, with the end of the utterance, not scaled."""
        state, total = self.automaton.start, 0.0
        for unit in ids:
            state, gain = self.automaton.step(state, unit)
            total += gain
        return total + float(self.automaton.final[state])
