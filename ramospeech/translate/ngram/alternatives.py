"""What else a lattice offers beside its best path: for each state that is not on it, the best path through that state.

Such a path leaves the best one at a state and comes back at another, so it is a change of a few positions, and the
scores of changes that do not overlap add up exactly. The best score of a path through a state is the sum of the best
score up to it (`lattice.forward`) and the best score of what may follow it (`backward`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ramospeech.translate.ngram.lattice import (
    Arc,
    Path,
    arc_of_row,
    arcs_into,
    arriving,
    best_paths,
    forward,
    log_total,
)

MAX_POSITIONS = 16  # of a change: a sentence that repeats itself could be shifted as a whole, for each of its states
State = tuple[int, int, int]  # number of the arc, index of b, index of c
Node = tuple[int, int]  # position, index of the candidate
Nodes = tuple[Node, ...]  # of each position that is not skipped
Found = tuple[float, float, list[int | None]]  # what a path is ranked by, its score in the lattice, and the path


def nodes_of(path: Sequence[int | None]) -> Nodes:
    """Return the nodes of a path that has an index or None for each position."""
    return tuple((position, n) for position, n in enumerate(path) if n is not None)


@dataclass(frozen=True)
class Change:
    """Another way through the positions from `start` to `end`, both counted; changes may meet at one.

    loss: nats that the path with it scores below the best path. nodes: what it has there; the first and the last are
    those of the best path, unless it reaches the start (-1) or the end (number of positions) of the sentence.
    """

    start: int
    end: int
    loss: float
    nodes: Nodes


def backward(arcs: Sequence[Arc]) -> list[np.ndarray]:
    """Return the best score of what follows each pair of a sentence, (n_b, n_c) float64 per arc; `forward` has the
    rest of the score of a path."""
    scores = [np.full(arc.bigram.shape, -np.inf) for arc in arcs]
    for i in reversed(range(len(arcs))):
        arc = arcs[i]
        if arc.end == arcs[-1].end:
            scores[i][:] = 0.0
        if not (into := arcs_into(arcs, i)):
            continue
        onwards = arc.bigram + arc.backoff + scores[i]
        best = np.repeat(onwards.max(1)[None], sum(len(arcs[j].bigram) for j in into), 0)  # (rows of a, n_b)
        if len(arc.bc):
            b = arc.bc // arc.bigram.shape[1]
            np.maximum.at(best, (arc.a, b), onwards.reshape(-1)[arc.bc] + arc.boost)
        row = 0
        for j in into:
            np.maximum(scores[j], best[row : row + len(scores[j])], out=scores[j])
            row += len(scores[j])
    return scores


class ArcLattice:
    """The best paths of one sentence and what may be changed in the best. arcs: as for `lattice.best_paths`.

    positions: of the sentence. score and best: of the best path, and its nodes.
    """

    def __init__(self, arcs: Sequence[Arc]) -> None:
        self.arcs = arcs
        self.begin, self.finish = arcs[0].start, arcs[-1].end
        self.positions = self.finish - self.begin - 1
        self.before = forward(arcs)
        last = [(float(s[:, 0].max()), i, int(s[:, 0].argmax())) for i, s in self._at_the_end()]
        self.score, i, b = max(last)
        chain = self._back_to_start((i, b, 0), frozenset())
        self._on_best = frozenset(chain)
        self.best = self._nodes(chain)

    @cached_property
    def after(self) -> list[np.ndarray]:
        """What `backward` returns."""
        return backward(self.arcs)

    @cached_property
    def _following(self) -> list[list[tuple[int, int]]]:
        """The arcs behind each arc, and the first row of this one among the rows of a there."""
        following: list[list[tuple[int, int]]] = [[] for _ in self.arcs]
        for j in range(len(self.arcs)):
            row = 0
            for i in arcs_into(self.arcs, j):
                following[i].append((j, row))
                row += len(self.before[i])
        return following

    def best_paths(self, nbest: int) -> list[Path]:
        """Return up to `nbest` paths, best first, as `lattice.best_paths` does."""
        return best_paths(self.arcs, nbest, self.before)

    def log_total(self) -> float:
        """Return the log of the sum over all paths of exp(score)."""
        return log_total(self.arcs)

    def changes(self, max_loss: float, limit: int) -> list[Change]:
        """Return up to `limit` changes of the best path, of the least loss first, none of more than `max_loss` nor
        much longer than MAX_POSITIONS."""
        found: list[tuple[float, State]] = []
        for i, (before, after) in enumerate(zip(self.before, self.after, strict=True)):
            loss = self.score - (before + after)
            near = np.nonzero(loss < max_loss)
            states = zip(loss[near].tolist(), near[0].tolist(), near[1].tolist(), strict=True)
            found += [(lost, (i, b, c)) for lost, b, c in states if (i, b, c) not in self._on_best]
        passed: set[State] = set()
        changes: list[Change] = []
        for loss, state in sorted(found):
            if len(changes) == limit:
                break
            if state in passed:  # the path through it is that through a state before
                continue
            chain = self._back_to_start(state, self._on_best, MAX_POSITIONS)
            while not self._ends(chain[-1]) and len(chain) <= MAX_POSITIONS:
                chain.append(self._next(chain[-1]))
            passed.update(chain)
            first, last = chain[0], chain[-1]
            if not self._begins(first, self._on_best) or not self._ends(last):
                continue  # too long
            start = self.arcs[first[0]].end - self.begin - 1 if first in self._on_best else -1
            changes.append(Change(start, self.arcs[last[0]].end - self.begin - 1, loss, self._nodes(chain)))
        return changes

    def _at_the_end(self) -> list[tuple[int, np.ndarray]]:
        return [(i, self.before[i]) for i, arc in enumerate(self.arcs) if arc.end == self.finish]

    def _nodes(self, chain: Sequence[State]) -> Nodes:
        ends = ((self.arcs[i].end, c) for i, _, c in chain)
        return tuple((end - self.begin - 1, c) for end, c in ends if end != self.finish)

    def _begins(self, state: State, stop: frozenset[State]) -> bool:
        return state in stop or self.arcs[state[0]].start == self.begin

    def _ends(self, state: State) -> bool:
        return state in self._on_best or self.arcs[state[0]].end == self.finish

    def _back_to_start(self, state: State, stop: frozenset[State], limit: float = math.inf) -> list[State]:
        """Return the best path up to a state, from the last state of `stop` on it or the start of the sentence; cut
        off after `limit` states."""
        chain = [state]
        while not self._begins(chain[-1], stop) and len(chain) <= limit:
            chain.append(self._previous(chain[-1]))
        return chain[::-1]

    def _previous(self, state: State) -> State:
        i, b, c = state
        before, boost = arriving(self.arcs, self.before, i, b, c)
        return *arc_of_row(self.arcs, self.before, i, int((before + boost).argmax())), b

    def _next(self, state: State) -> State:
        i, a, b = state
        best, found = -np.inf, state
        for j, row in self._following[i]:
            arc = self.arcs[j]
            width = arc.bigram.shape[1]
            onwards = (arc.bigram[b] + arc.backoff[b] + self.after[j][b]).astype(np.float64)
            low, high = np.searchsorted(arc.bc, (b * width, (b + 1) * width))
            explicit = low + np.flatnonzero(arc.a[low:high] == row + a)
            c = arc.bc[explicit] - b * width
            onwards[c] += arc.boost[explicit]
            if onwards.max() > best:
                best, found = float(onwards.max()), (j, b, int(onwards.argmax()))
        return found
