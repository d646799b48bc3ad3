"""The lattices of sentences: by the compiled search, src/, or in numpy where that is not built. Both find the same."""

from bisect import bisect_left
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Protocol

import numpy as np

from ramospeech.translate.lexicon import Candidates
from ramospeech.translate.ngram import lattice
from ramospeech.translate.ngram.alternatives import MAX_POSITIONS, ArcLattice, Change, Nodes
from ramospeech.translate.ngram.lattice import BOUNDARY_SLOT
from ramospeech.translate.ngram.model import NgramModel

try:
    from ramospeech.translate.ngram import _search
except ImportError:  # no compiler when it was installed
    _search = None  # type: ignore[assignment]

# The candidates of each position, and log p that nothing was spoken there, -inf if it cannot be skipped.
Sentence = tuple[Sequence[Candidates], Sequence[float]]
BATCH_TRIPLES = 2_000_000  # looked up at once in numpy: some 50 MB


class Lattice(Protocol):
    """What is asked of the lattice of one sentence; `ArcLattice` says what each means."""

    @property
    def positions(self) -> int: ...
    @property
    def score(self) -> float: ...
    @property
    def best(self) -> Nodes: ...
    def best_paths(self, nbest: int) -> list[lattice.Path]: ...
    def log_total(self) -> float: ...
    def changes(self, max_loss: float, limit: int) -> list[Change]: ...


def lattices(model: NgramModel, sentences: Sequence[Sentence]) -> Sequence[Lattice]:
    """Return the lattice of each sentence."""
    return numpy_lattices(model, sentences) if _search is None else compiled_lattices(model, sentences)


def numpy_lattices(model: NgramModel, sentences: Sequence[Sentence]) -> Sequence[Lattice]:
    """Return them by the plain search, which looks up the sentences together."""
    stream, empty = [BOUNDARY_SLOT], [-np.inf]
    for candidates, of_each in sentences:
        stream += [*candidates, BOUNDARY_SLOT]
        empty += [*of_each, -np.inf]
    arcs = lattice.connect(model, stream, np.array(empty), BATCH_TRIPLES)
    cuts = [0]
    for end in accumulate(len(candidates) + 1 for candidates, _ in sentences):
        cuts.append(bisect_left(arcs, end, cuts[-1], key=lambda arc: arc.start))
    return [ArcLattice(arcs[low:high]) for low, high in pairwise(cuts)]


def compiled_lattices(model: NgramModel, sentences: Sequence[Sentence]) -> Sequence[Lattice]:
    """Return them by the compiled search; only where it is built."""
    return [CompiledLattice(model, *sentence) for sentence in sentences]


class CompiledLattice:
    """The lattice of one sentence in C++, with the methods of `ArcLattice`."""

    def __init__(self, model: NgramModel, candidates: Sequence[Candidates], empty: Sequence[float]) -> None:
        stream = [BOUNDARY_SLOT, *candidates, BOUNDARY_SLOT]
        self.positions = len(candidates)
        ports = None
        if any(each.enter is not None for each in candidates):
            enter, leave, fixed = (np.concatenate(port) for port in zip(*map(Candidates.ports, stream), strict=True))
            ports = enter.astype(np.int32), leave.astype(np.int32), fixed
        self._lattice = _search.Lattice(
            model.compiled,
            [0, *accumulate(map(len, stream))],
            np.concatenate([each.ids for each in stream]),
            np.concatenate([each.log_probs for each in stream]),
            np.array([-np.inf, *empty, -np.inf]),
            ports,
        )

    @property
    def score(self) -> float:
        return self._lattice.score

    @cached_property
    def best(self) -> Nodes:
        return tuple(self._lattice.best)

    def best_paths(self, nbest: int) -> list[lattice.Path]:
        return self._lattice.best_paths(nbest)

    def log_total(self) -> float:
        return self._lattice.log_total()

    def changes(self, max_loss: float, limit: int) -> list[Change]:
        found = self._lattice.changes(max_loss, MAX_POSITIONS, limit)
        return [Change(start, end, loss, tuple(nodes)) for start, end, loss, nodes in found]
