"""The second pass: what the n-gram search found, changed where a language model of whole sentences prefers it.

A text is ranked by its score in the n-gram search, where for log p(text) of the n-gram model stands

    (1 - weight) * log p(text) of the n-gram model + weight * log p(text) of the network.

Of the changes of the best path that lose least (`alternatives.Lattice`) each is judged with the best path around it,
and those that gain most together and do not overlap are made.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ramospeech.errors import ModelError
from ramospeech.lm.counting import BOUNDARY
from ramospeech.translate.ngram.alternatives import Change, Found, Lattice, Nodes
from ramospeech.translate.ngram.model import NgramModel
from ramospeech.translate.seq2seq import file as seq2seq_file
from ramospeech.translate.seq2seq.causal import CausalTransformer, Forest

WEIGHT = 0.55  # tuned on dev recordings, as what follows
MIN_CHARACTERS = 5  # of a text that is changed: shorter ones are words by themselves, which no training sentence is
MAX_LOSS = 6.0  # nats that a change may lose in the n-gram search
CHANGES_PER_POSITION = 2.0  # that are looked at, on average
BEHIND = 4  # characters behind a change that it is judged by
WINDOW, BEFORE = 32, 24  # characters that are judged at once, and those before them that they are read after


class Edit(NamedTuple):
    """Other characters in the place of those from `start` to before `end`."""

    start: int
    end: int
    text: Sequence[int]


class SecondPass:
    """Rescoring by a causal language model, whose characters have the ids of those of the n-gram model.

    network: on CPUs that multiply bfloat16 fast it is turned into that. ngram: the model instead of which the network
    counts; the search may be by one that knows other text too, whose own part stays. weight: of the network.
    """

    def __init__(self, network: CausalTransformer, ngram: NgramModel, weight: float = WEIGHT) -> None:
        self.network = network.eval().requires_grad_(False)
        self.network.optimise_for_inference()
        self.ngram, self.weight = ngram, weight

    @classmethod
    def load(cls, path: str | Path, ngram: NgramModel) -> "SecondPass":
        """Read the language model, which may have been trained with another n-gram model; raises ModelError."""
        network, known = seq2seq_file.read(Path(path))
        if not isinstance(network, CausalTransformer):
            raise ModelError(f"{path}: not a causal language model; train_translator.py --kind causal makes one")
        return cls(seq2seq_file.for_characters(network, known, ngram.characters, path), ngram)

    def added(self, text: Sequence[int]) -> float:
        """Return what is added to the score that the search gave a text of character ids."""
        return self._gains(text, ())[0]

    def best_path(
        self, lattice: Lattice, characters: Callable[[Nodes], list[int]], fixed: Collection[tuple[int, int]] = ()
    ) -> Found:
        """Return the best path with the changes that gain most.

        characters: returns the ids of those of nodes. fixed: nodes that are not to be taken out, nor put in.
        """
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
        added, more = self._gains(characters(lattice.best), edits)
        gains = [gain - change.loss for gain, change in zip(more, changes, strict=True)]
        chosen = best_together(changes, gains)
        rank = lattice.score + added + sum(gains[n] for n in chosen)
        own = lattice.score - sum(changes[n].loss for n in chosen)
        return rank, own, changed(lattice, [changes[n] for n in chosen])

    def _gains(self, text: Sequence[int], edits: Sequence[Edit]) -> tuple[float, list[float]]:
        """Return what is added to the score of a text, and by how much more or less that is with each edit."""
        whole = [BOUNDARY, *text, BOUNDARY]
        of_text, of_edits = self._by_network(whole, edits)
        spans = [(max(0, edit.start - 1), edit.start + 1, edit.end + 1, edit.end + 3) for edit in edits]
        texts, firsts = [whole], [1]
        for (left, start, end, right), edit in zip(spans, edits, strict=True):
            texts += [whole[left:right], [*whole[left:start], *edit.text, *whole[end:right]]]
            firsts += [start - left] * 2
        of_ngram = _by_ngram(self.ngram, texts, firsts)
        added = self.weight * (of_text - of_ngram[0])
        pairs = zip(of_ngram[1::2], of_ngram[2::2], strict=True)
        return added, [self.weight * (gain - (new - old)) for gain, (old, new) in zip(of_edits, pairs, strict=True)]

    def _by_network(self, whole: Sequence[int], edits: Sequence[Edit]) -> tuple[float, list[float]]:
        """Return the log probability of a text between boundaries, and what each edit changes of it.

        The text is read in windows, each behind the characters before it, so that time and memory are linear.
        """
        length = len(whole) - 1  # with the boundary at the end
        total, gains = 0.0, [0.0] * len(edits)
        of_window: list[list[int]] = [[] for _ in range(0, length, WINDOW)]
        for n, edit in enumerate(edits):
            of_window[edit.start // WINDOW].append(n)
        for number, here in enumerate(of_window):
            start, stop = number * WINDOW, min((number + 1) * WINDOW, length)
            ends = [min(edits[n].end + BEHIND, length) for n in here]  # up to which each is judged
            first = max(0, start - BEFORE)
            forest = Forest()
            trunk = forest.add(whole[first : max([stop, *ends]) + 1])
            branches = [
                forest.add([*edits[n].text, *whole[edits[n].end + 1 : end + 1]], trunk[edits[n].start - first])
                for n, end in zip(here, ends, strict=True)
            ]
            log_probs = self.network.log_probs(forest, normalised=False)
            sums = np.cumsum(log_probs[trunk])
            total += float(sums[stop - first] - sums[start - first])
            for n, end, branch in zip(here, ends, branches, strict=True):
                gains[n] = float(log_probs[branch].sum() - (sums[end - first] - sums[edits[n].start - first]))
        return total, gains


def _by_ngram(ngram: NgramModel, texts: Sequence[Sequence[int]], firsts: Sequence[int]) -> list[float]:
    """Return log p of the characters of each text from the number `firsts` on; before the first is a boundary."""
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
