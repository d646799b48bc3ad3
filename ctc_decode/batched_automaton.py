"""Automata read in numpy, many states at a time."""

from collections.abc import Sequence

import numpy as np

from ctc_decode.automaton import Automaton


class BatchedAutomaton:
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
            keys = at * self._units + units[open_]
            arc = np.searchsorted(self._keys, keys)
            has_arc = arc < len(self._keys)
            has_arc[has_arc] = self._keys[arc[has_arc]] == keys[has_arc]
            hit, arc = open_[has_arc], arc[has_arc]
            total[hit] += a.weight[arc]
            states[hit] = a.target[arc]
            total[open_[~has_arc & (at == 0)]] += a.otherwise
            open_, at = open_[~has_arc & (at > 0)], at[~has_arc & (at > 0)]
            total[open_] += a.fallback_weight[at]
            states[open_] = a.fallback[at]
        return states, total

    def score(self, ids: Sequence[int]) -> float:
        """Return what a whole label sequence has, with the end of the utterance, not scaled."""
        state, total = self.automaton.start, 0.0
        for unit in ids:
            state, gain = self.automaton.step(state, unit)
            total += gain
        return total + float(self.automaton.final[state])
