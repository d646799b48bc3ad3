"""The second pass: what the n-gram search found, changed where a language model of whole sentences prefers it.

A text is ranked by its score in the n-gram search, where for log p(text) of the n-gram model stands

    (1 - weight) * log p(text) of the n-gram model + weight * log p(text) of the network.

Of the changes of the best path that lose least (`engine.Lattice`) each is judged with the best path around it,
and those that gain most together and do not overlap are made.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from ramospeech.environment import has_bfloat16_tiles
from ramospeech.lm.counting import BOUNDARY
from ramospeech.translate.causal import NumpyCausal
from ramospeech.translate.forest import Forest
from ramospeech.translate.ngram.alternatives import Change, Found, Node, Nodes
from ramospeech.translate.ngram.engine import Lattice
from ramospeech.translate.ngram.model import NgramModel

WEIGHT = 0.55  # tuned on dev recordings, as what follows
MIN_CHARACTERS = 5  # of a text that is changed: shorter ones are words by themselves, which no training sentence is
MAX_LOSS = 4.5  # nats that a change may lose in the n-gram search; of those that lose more hardly one is made
CHANGES_PER_POSITION = 2.0  # that are looked at, on average
BEHIND = 4  # characters behind a change that it is judged by
WINDOW, BEFORE = 32, 24  # characters that are judged at once, and those before them that they are read after
ROWS_AT_ONCE = 512  # of the network, for windows that it reads together: short ones take up to half the time so

OfNodes = Callable[[Nodes], list[int]]  # the ids of their characters


class Edit(NamedTuple):
    """Other characters in the place of those from `start` to before `end`."""

    start: int
    end: int
    text: Sequence[int]


class CausalModel(Protocol):
    """A causal language model of characters: `causal.NumpyCausal` or `seq2seq.causal.CausalTransformer`."""

    def log_probs_of_each(self, forests: Sequence[Forest], normalised: bool = True) -> list[np.ndarray]: ...


class SecondPass:
    """Rescoring by a causal language model, whose characters have the ids of those of the n-gram model.

    ngram: the model instead of which the network counts; the search may be by one that knows other text too, whose own
    part stays. weight: of the network.
    """

    def __init__(self, network: CausalModel, ngram: NgramModel, weight: float = WEIGHT) -> None:
        self.network, self.ngram, self.weight = network, ngram, weight

    @classmethod
    def load(cls, path: str | Path, ngram: NgramModel, without_torch: bool = False) -> "SecondPass":
        """Read the language model, which may have been trained with another n-gram model; raises ModelError.

        without_torch: as of `load_translator`.
        """
        network = None if without_torch or not has_bfloat16_tiles() else _in_bfloat16(path, ngram.characters)
        return cls(network or NumpyCausal.load(path, ngram.characters), ngram)

    def added(self, texts: Sequence[Sequence[int]]) -> list[float]:
        """Return what is added to the score that the search gave each text of character ids."""
        return [added for added, _ in self._gains([(text, ()) for text in texts])]

    def best_paths(self, asked: Sequence[tuple[Lattice, OfNodes, Collection[Node]]]) -> list[Found]:
        """Return the best path of each sentence with the changes that gain most; those of a batch are judged together.

        asked: of each sentence the lattice, what returns the character ids of nodes, and nodes that are not to be taken
        out, nor put in.
        """
        proposed = [_proposed(*each) for each in asked]
        gains = self._gains([(each.text, each.edits) for each in proposed])
        return [_with_best_changes(each, *of_each) for each, of_each in zip(proposed, gains, strict=True)]

    def _gains(self, asked: Sequence[tuple[Sequence[int], Sequence[Edit]]]) -> list[tuple[float, list[float]]]:
        """Return what is added to the score of each text, and by how much more or less that is with each edit of it."""
        wholes = [[BOUNDARY, *text, BOUNDARY] for text, _ in asked]
        edits_of = [edits for _, edits in asked]
        by_network = self._by_network(wholes, edits_of)
        texts, firsts = [], []
        for whole, edits in zip(wholes, edits_of, strict=True):
            texts.append(whole)
            firsts.append(1)
            for edit in edits:
                left, start, end = max(0, edit.start - 1), edit.start + 1, edit.end + 1
                texts += [whole[left : end + 2], [*whole[left:start], *edit.text, *whole[end : end + 2]]]
                firsts += [start - left] * 2
        by_ngram = iter(_by_ngram(self.ngram, texts, firsts))
        result = []
        for of_text, of_edits in by_network:
            added = self.weight * (of_text - next(by_ngram))
            more = [self.weight * (gain + next(by_ngram) - next(by_ngram)) for gain in of_edits]
            result.append((added, more))
        return result

    def _by_network(
        self, wholes: Sequence[Sequence[int]], edits_of: Sequence[Sequence[Edit]]
    ) -> list[tuple[float, list[float]]]:
        """Return the log probability of each text between boundaries, and what each edit changes of it.

        Texts are read in windows, each behind the characters before it, so that time and memory are linear.
        """
        windows = [
            window
            for text, (whole, edits) in enumerate(zip(wholes, edits_of, strict=True))
            for window in _windows(text, whole, edits)
        ]
        totals, gains = [0.0] * len(wholes), [[0.0] * len(edits) for edits in edits_of]
        windows.sort(key=lambda window: len(window.forest))
        for group in _groups(windows):
            found = self.network.log_probs_of_each([window.forest for window in group], normalised=False)
            for window, log_probs in zip(group, found, strict=True):
                totals[window.text] += window.total(log_probs)
                for n, gain in window.gains(log_probs):
                    gains[window.text][n] = gain
        return list(zip(totals, gains, strict=True))


def _in_bfloat16(path: str | Path, characters: str) -> CausalModel | None:
    """Return the language model in bfloat16 by torch; None where that is not installed."""
    try:
        from ramospeech.translate.seq2seq import file as seq2seq_file
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        return None
    network = seq2seq_file.read_causal(Path(path), characters)
    network.optimise_for_inference()
    return network


@dataclass(frozen=True)
class _Proposal:
    """The best path of a lattice, its characters, and its changes, which are edits of these."""

    lattice: Lattice
    text: list[int]
    changes: list[Change]
    edits: list[Edit]


def _proposed(lattice: Lattice, characters: OfNodes, fixed: Collection[Node]) -> _Proposal:
    """Return the best path and the changes that lose least, none of which takes out or puts in a node of `fixed`."""
    limit = 1 + round(CHANGES_PER_POSITION * lattice.positions)
    places = [position for position, _ in lattice.best]
    room = [round(CHANGES_PER_POSITION * WINDOW)] * (1 + len(places) // WINDOW)  # for changes, by window
    changes, edits = [], []
    for change in lattice.changes(MAX_LOSS, limit) if len(places) >= MIN_CHARACTERS else ():
        start, end = bisect_left(places, change.start), bisect_right(places, change.end)
        differing = set(change.nodes) ^ set(lattice.best[start:end])
        if room[start // WINDOW] and not any(node in fixed for node in differing):
            room[start // WINDOW] -= 1
            changes.append(change)
            edits.append(Edit(start, end, characters(change.nodes)))
    return _Proposal(lattice, characters(lattice.best), changes, edits)


def _with_best_changes(proposed: _Proposal, added: float, more: Sequence[float]) -> Found:
    lattice, changes = proposed.lattice, proposed.changes
    gains = [gain - change.loss for gain, change in zip(more, changes, strict=True)]
    chosen = best_together(changes, gains)
    rank = lattice.score + added + sum(gains[n] for n in chosen)
    own = lattice.score - sum(changes[n].loss for n in chosen)
    return rank, own, changed(lattice, [changes[n] for n in chosen])


@dataclass(frozen=True)
class _Window:
    """A window of a text that stands between boundaries; characters are numbered with these.

    text: the number of the text in its batch. trunk: its nodes in the forest, from the character `first` on; those from
    `start` to `stop` count. branches: of each edit its number, the characters before and up to which it is judged, and
    its nodes.
    """

    text: int
    forest: Forest
    trunk: list[int]
    first: int
    start: int
    stop: int
    branches: list[tuple[int, int, int, list[int]]]

    def total(self, log_probs: np.ndarray) -> float:
        return float(log_probs[self.trunk[self.start - self.first : self.stop - self.first + 1]].sum())

    def gains(self, log_probs: np.ndarray) -> list[tuple[int, float]]:
        """Return the numbers of the edits here and what each changes."""
        sums = np.cumsum(log_probs[self.trunk])
        return [
            (n, float(log_probs[branch].sum() - (sums[end - self.first] - sums[start - self.first])))
            for n, start, end, branch in self.branches
        ]


def _windows(text: int, whole: Sequence[int], edits: Sequence[Edit]) -> Iterator[_Window]:
    """Yield the windows of a text between boundaries."""
    length = len(whole) - 1  # with the boundary at the end
    of_window: list[list[int]] = [[] for _ in range(0, length, WINDOW)]
    for n, edit in enumerate(edits):
        of_window[edit.start // WINDOW].append(n)
    for k, here in enumerate(of_window):
        start, stop = k * WINDOW, min((k + 1) * WINDOW, length)
        ends = [min(edits[n].end + BEHIND, length) for n in here]  # up to which each is judged
        first = max(0, start - BEFORE)
        forest = Forest()
        trunk = forest.add(whole[first : max([stop, *ends]) + 1])
        branches = [
            (n, edits[n].start, end, forest.add([*edits[n].text, *whole[edits[n].end + 1 : end + 1]], trunk[at]))
            for n, end, at in zip(here, ends, (edits[n].start - first for n in here), strict=True)
        ]
        yield _Window(text, forest, trunk, first, start + 1, stop, branches)


def _groups(windows: Sequence[_Window]) -> Iterator[list[_Window]]:
    """Yield windows, sorted by size, in groups that are computed at once."""
    group: list[_Window] = []
    for window in windows:
        if group and window.forest.rows * (len(group) + 1) > ROWS_AT_ONCE:
            yield group
            group = []
        group.append(window)
    if group:
        yield group


def _by_ngram(ngram: NgramModel, texts: Sequence[Sequence[int]], firsts: Sequence[int]) -> list[float]:
    """Return log p of the characters of each text from the number `firsts` on; before the first is a boundary."""
    if not texts:
        return []
    joined = np.concatenate([[BOUNDARY, *text] for text in texts])
    starts = np.cumsum([0, *(len(text) + 1 for text in texts)])
    places = [np.arange(a + 1 + first, b) for (a, b), first in zip(pairwise(starts), firsts, strict=True)]
    at = np.concatenate(places)
    log_probs = ngram.log_probs(joined[at - 2], joined[at - 1], joined[at])
    return [float(part.sum()) for part in np.split(log_probs, np.cumsum([len(each) for each in places])[:-1])]


def best_together(changes: Sequence[Change], gains: Sequence[float]) -> list[int]:
    """Return the numbers of the changes that do not overlap and gain most together."""
    order = sorted((n for n, gain in enumerate(gains) if gain > 0), key=lambda n: changes[n].end)
    ends = [changes[n].end for n in order]
    most = [0.0]  # of the first 0, 1, ... of them
    before = [bisect_right(ends, changes[n].start, hi=k) for k, n in enumerate(order)]  # that go with each
    for k, n in enumerate(order):
        most.append(max(most[k], most[before[k]] + gains[n]))
    chosen, k = [], len(order)
    while k:
        if most[k] > most[k - 1]:
            chosen.append(order[k - 1])
            k = before[k - 1]
        else:
            k -= 1
    return chosen[::-1]


def changed(lattice: Lattice, changes: Sequence[Change]) -> list[int | None]:
    """Return the best path with changes made."""
    path: list[int | None] = [None] * lattice.positions
    for position, n in lattice.best:
        path[position] = n
    for change in changes:
        for position in range(max(change.start, 0), min(change.end + 1, lattice.positions)):
            path[position] = None
        for position, n in change.nodes:
            path[position] = n
    return path
