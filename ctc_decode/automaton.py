"""What language models and hotwords are for the search: a deterministic weighted automaton with fallbacks.

The search knows nothing of n-grams or phrases: it reads units and adds weights.
"""

from dataclasses import dataclass

import numpy as np

_TYPES = {
    "begin": np.int64,
    "unit": np.int32,
    "target": np.int32,
    "weight": np.float32,
    "fallback": np.int32,
    "fallback_weight": np.float32,
    "final": np.float32,
}


@dataclass(frozen=True, eq=False)
class Automaton:
    """A deterministic weighted automaton over units with fallbacks, of N states and A arcs.

    State s has arcs begin[s] <= a < begin[s + 1], sorted by unit. Reading unit v in state s: if s has an arc for v,
    add weight[a] and go to target[a]; otherwise, if s > 0, add fallback_weight[s], go to fallback[s] and try again;
    in state 0 without an arc add `otherwise` and stay in 0. Each fallback is a shorter history, so the way down ends
    in state 0.

    begin: (N+1,) int64; unit, target: (A,) int32; weight: (A,) float32, natural logs.
    fallback: (N,) int32; fallback_weight: (N,) float32; both of state 0 are never used.
    final: (N,) float32, what the end of the utterance adds in each state.
    otherwise: what a unit without an arc costs in state 0; start: the state before the first unit.
    Raises ValueError where these rules do not hold. Arrays are converted to these types where they have others.
    """

    begin: np.ndarray
    unit: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    fallback: np.ndarray
    fallback_weight: np.ndarray
    final: np.ndarray
    otherwise: float
    start: int

    def __post_init__(self) -> None:
        for name, kind in _TYPES.items():
            array = np.ascontiguousarray(getattr(self, name), dtype=kind)
            if array.ndim != 1:
                raise ValueError(f"automaton: {name} has shape {array.shape}; it must have one dimension")
            object.__setattr__(self, name, array)
        self._check_shapes()
        self._check_arcs()
        self._check_fallbacks()

    @property
    def states(self) -> int:
        """N."""
        return len(self.final)

    def step(self, state: int, unit: int) -> tuple[int, float]:
        """Return the state after reading `unit` in `state`, and what that adds. Plain: for tests and the numpy
        decoder."""
        total = 0.0
        while True:
            first, last = self.begin[state], self.begin[state + 1]
            arc = first + int(np.searchsorted(self.unit[first:last], unit))
            if arc < last and self.unit[arc] == unit:
                return int(self.target[arc]), total + float(self.weight[arc])
            if state == 0:
                return 0, total + self.otherwise
            total += float(self.fallback_weight[state])
            state = int(self.fallback[state])

    def _check_shapes(self) -> None:
        N, A = len(self.final), len(self.unit)
        if N == 0:
            raise ValueError("automaton: it has no states; state 0, the empty history, is always there")
        for name, size in {"begin": N + 1, "fallback": N, "fallback_weight": N, "target": A, "weight": A}.items():
            if len(getattr(self, name)) != size:
                raise ValueError(f"automaton: {name} has {len(getattr(self, name))} entries and must have {size}")
        for name in ("weight", "fallback_weight", "final", "otherwise"):
            if not np.isfinite(getattr(self, name)).all():
                raise ValueError(f"automaton: {name} holds a value that is not finite")

    def _check_arcs(self) -> None:
        A = len(self.unit)
        if self.begin[0] != 0 or self.begin[-1] != A or (np.diff(self.begin) < 0).any():
            raise ValueError(f"automaton: begin must rise from 0 to the number of arcs, {A}")
        if A and self.unit.min() < 0:
            raise ValueError("automaton: an arc has a negative unit")
        if A and not (self.target.min() >= 0 and self.target.max() < self.states):
            raise ValueError("automaton: an arc leads to a state that does not exist")
        rises = np.diff(self.unit) > 0
        heads = self.begin[1:-1]
        rises[heads[(heads > 0) & (heads < A)] - 1] = True  # the next state's arcs start anew
        for arc in np.flatnonzero(~rises)[:1] + 1:
            state = int(np.searchsorted(self.begin, arc, "right")) - 1
            raise ValueError(f"automaton: the arcs of state {state} are not sorted by unit, or a unit has two")

    def _check_fallbacks(self) -> None:
        N = self.states
        if not 0 <= self.start < N:
            raise ValueError(f"automaton: start is {self.start}, and there are {N} states")
        if not (self.fallback.min() >= 0 and self.fallback.max() < N):
            raise ValueError("automaton: a fallback leads to a state that does not exist")
        reached = self.fallback.copy()
        reached[0] = 0
        for _ in range(N.bit_length()):  # each round doubles the number of fallbacks followed
            if not reached.any():
                return
            reached = reached[reached]
        if reached.any():
            state = int(np.flatnonzero(reached)[0])
            raise ValueError(f"automaton: the fallbacks of state {state} go round and never end in state 0")
