"""Texts that share their beginnings, for a causal language model, which computes each of their nodes once."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

ROWS = 32  # for attention a forest is filled up to a multiple: torch makes a kernel for each number of rows


@dataclass
class Forest:
    """Texts that share their beginnings: N nodes.

    ids: the character of each node. parents: the node before it, which has a lower number; -1 where a text begins.
    """

    ids: list[int] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    _children: dict[tuple[int, int], int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def rows(self) -> int:
        """At most so many a network computes for it."""
        return -(-len(self.ids) // ROWS) * ROWS

    def add(self, text: Sequence[int], node: int = -1) -> list[int]:
        """Add a text of characters behind a node, where it is not yet there; return its nodes. -1: a new text."""
        path = []
        for character in text:
            child = self._children.setdefault((node, character), len(self.ids))
            if child == len(self.ids):
                self.ids.append(character)
                self.parents.append(node)
            path.append(child)
            node = child
        return path


class PackedForests:
    """The nodes of some forests that have others behind them, one after another, which are computed: N rows. Of the
    other nodes no state is needed.

    characters: of each row, (N,). before: the rows of the two nodes before it, (2, N); N where there is none.
    behind: the nodes that have one before them, and of each of these `parents`, the row of that one, and `following`,
    its character. forest, place: the forest of each row and its number there, (N,). longest: the most rows of a forest.
    """

    def __init__(self, forests: Sequence[Forest]) -> None:
        self._starts = np.cumsum([0, *map(len, forests)])
        ids = np.concatenate([np.array(forest.ids, np.int64) for forest in forests])
        parents = [np.array(forest.parents, np.int64) for forest in forests]
        up = np.concatenate([np.where(p < 0, -1, p + at) for p, at in zip(parents, self._starts, strict=False)])
        self.behind = np.flatnonzero(up >= 0)
        nodes, self.parents = np.unique(up[self.behind], return_inverse=True)
        self.characters, self.following = ids[nodes], ids[self.behind]
        firsts = np.searchsorted(nodes, self._starts)
        self.forest = np.repeat(np.arange(len(forests)), np.diff(firsts))
        self.place = np.arange(len(nodes)) - firsts[self.forest]
        self.longest = int(np.diff(firsts).max(initial=0))
        above = up[nodes]
        self._up = np.where(above < 0, len(nodes), np.searchsorted(nodes, above))
        self.before = np.stack((np.append(self._up, len(nodes))[self._up], self._up))

    def __len__(self) -> int:
        return len(self.characters)

    def seen(self, rows: int) -> np.ndarray:
        """Return which rows of its forest each one sees, itself and those before it, (forests, 1, rows, rows); each of
        the rows that fill up a forest sees itself."""
        seen = np.broadcast_to(np.eye(rows, dtype=bool), (len(self._starts) - 1, 1, rows, rows)).copy()
        row, above = np.arange(len(self)), self._up
        while True:
            alive = above < len(self)
            row, above = row[alive], above[alive]
            if not len(row):
                return seen
            seen[self.forest[row], 0, self.place[row], self.place[above]] = True
            above = self._up[above]

    def split(self, scores: np.ndarray) -> list[np.ndarray]:
        """Return the scores of the nodes `behind` as those of all nodes of each forest, 0 where a text begins."""
        result = np.zeros(self._starts[-1])
        result[self.behind] = scores
        return np.split(result, self._starts[1:-1])
