"""The automaton reads as it says, and an impossible one is refused by name."""

from typing import Any

import numpy as np
import pytest

from ctc_decode import Automaton

# After unit 2 state 1 holds; there unit 1 has an arc of its own, all else falls back to state 0.
PARTS: dict[str, Any] = {
    "begin": [0, 2, 3],
    "unit": [0, 2, 1],
    "target": [0, 1, 0],
    "weight": [-1.0, -2.0, -0.5],
    "fallback": [0, 0],
    "fallback_weight": [0.0, -0.25],
    "final": [0.0, -3.0],
    "otherwise": -9.0,
    "start": 0,
}


@pytest.mark.parametrize(
    ("state", "unit", "after", "added"),
    [(0, 0, 0, -1.0), (0, 2, 1, -2.0), (0, 7, 0, -9.0), (1, 1, 0, -0.5), (1, 2, 1, -2.25), (1, 7, 0, -9.25)],
)
def test_step(state: int, unit: int, after: int, added: float) -> None:
    assert Automaton(**PARTS).step(state, unit) == (after, added)


def test_types() -> None:
    automaton = Automaton(**PARTS)
    assert (automaton.states, automaton.begin.dtype, automaton.unit.dtype) == (2, np.int64, np.int32)
    assert automaton.weight.dtype == automaton.fallback_weight.dtype == automaton.final.dtype == np.float32


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"begin": [0, 2, 2]}, "begin must rise from 0 to the number of arcs, 3"),
        ({"begin": [0, 4, 3]}, "begin must rise"),
        ({"begin": [0, 3]}, "begin has 2 entries and must have 3"),
        ({"unit": [2, 0, 1]}, "the arcs of state 0 are not sorted by unit, or a unit has two"),
        ({"unit": [0, 0, 1]}, "the arcs of state 0 are not sorted"),
        ({"begin": [0, 1, 3], "unit": [5, 1, 1]}, "the arcs of state 1 are not sorted"),
        ({"unit": [-1, 0, 1]}, "an arc has a negative unit"),
        ({"unit": [[0], [2], [1]]}, "unit has shape"),
        ({"target": [0, 2, 0]}, "an arc leads to a state that does not exist"),
        ({"target": [0, 1]}, "target has 2 entries and must have 3"),
        ({"fallback": [0, 2]}, "a fallback leads to a state that does not exist"),
        ({"fallback": [0, 1]}, "the fallbacks of state 1 go round"),
        ({"weight": [0, np.nan, 0]}, "weight holds a value that is not finite"),
        ({"otherwise": -np.inf}, "otherwise holds a value that is not finite"),
        ({"start": 2}, "start is 2, and there are 2 states"),
        ({"final": [], "fallback": [], "fallback_weight": [], "begin": [0]}, "it has no states"),
    ],
)
def test_impossible_automata_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=f"automaton: {message}"):
        Automaton(**{**PARTS, **changes})


def test_long_fallbacks_and_loops_among_them() -> None:
    """A chain of any length is followed to its end; a loop far from state 0 is found."""
    N = 1000
    parts = {**PARTS, "begin": np.zeros(N + 1), "unit": [], "target": [], "weight": []}
    parts |= {"fallback_weight": np.full(N, -1.0), "final": np.zeros(N)}
    chain = np.maximum(np.arange(N) - 1, 0)
    assert Automaton(**{**parts, "fallback": chain}).step(N - 1, 3) == (0, -9.0 - (N - 1))
    chain[500] = 700
    with pytest.raises(ValueError, match="the fallbacks of state 500 go round"):
        Automaton(**{**parts, "fallback": chain})
