"""Clips joined into longer ones, with pauses: a model trained only on isolated words fails on sentences.

What is joined is planned for a whole epoch, before clips are put into batches, since it changes their durations. It
follows from the durations, the seed and the epoch alone, so every worker plans the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ramospeech.corpora import Clip
from ramospeech.text import Vocabulary
from ramospeech.text.units import WORD_BREAK, spells

PAUSES = (0.1, 0.6)  # seconds between clips: an output frame of the models at least, which equal syllables need


@dataclass(frozen=True, slots=True)
class Joined:
    """Clips, by index, to be one.

    Attributes: clips: K indices; pauses: K + 1 seconds before, between and after them; seconds: of all together.
    """

    clips: tuple[int, ...]
    pauses: tuple[float, ...]
    seconds: float

    def clip(self, clips: Sequence[Clip]) -> Clip:
        """Return what it amounts to, `clips` being those that the indices mean."""
        parts = [clips[i] for i in self.clips]
        syllables = tuple(syllable for part in parts for syllable in part.pinyin)
        return Clip("+".join(part.path for part in parts), syllables, "".join(p.hanzi for p in parts), self.seconds)


def utterances(
    clips: Sequence[Clip],
    chosen: Sequence[int],
    join: float,
    silence: float,
    max_labels: int,
    seed: int,
    epoch: int,
) -> list[Joined]:
    """Return the chosen clips, joined at random.

    Args:
        chosen: indices of `clips`, repeated to weight a clip.
        join: clips are added to an utterance while it stays within a length that is drawn for it, evenly from 0 to
            `join` seconds: words alone remain, and sentences of every length come about. 0 joins none.
        silence: seconds of silence at each end, at most; drawn evenly from 0.
        max_labels: of an utterance of several clips.
    """
    rng = np.random.default_rng((seed, epoch, 0, 2))
    order = rng.permutation(chosen).tolist()
    pauses = rng.uniform(*PAUSES, len(clips)).tolist()
    limits = rng.uniform(0.0, join, len(clips)).tolist()
    ends = rng.uniform(0.0, silence, (len(clips), 2)).tolist()
    groups: list[list[int]] = []
    total, labels = 0.0, 0
    for index in order:
        seconds, count = clips[index].seconds or 0.0, len(clips[index].pinyin)
        longer = total + pauses[index] + seconds
        # The limit, and the ends, are those drawn for the first clip of several.
        if groups and longer <= limits[groups[-1][0]] and labels + count <= max_labels:
            groups[-1].append(index)
            total, labels = longer, labels + count
        else:
            groups.append([index])
            total, labels = sum(ends[index]) + seconds, count
    result = []
    for group in groups:
        before, after = ends[group[0]]
        gaps = (before, *(pauses[i] for i in group[1:]), after)
        result.append(Joined(tuple(group), gaps, sum(gaps) + sum(clips[i].seconds or 0.0 for i in group)))
    return result


class JoinLabels:
    """Label ids of two clips one after the other -> of both: with a break between two words of letters, where the
    vocabulary has one."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._break = vocabulary.encode([WORD_BREAK]) if WORD_BREAK in vocabulary.units else []
        self._letters = {i for i, unit in enumerate(vocabulary.units) if self._break and spells(unit)}

    def __call__(self, left: Sequence[int], right: Sequence[int]) -> list[int]:
        between_words = {*left[-1:]} & self._letters and {*right[:1]} & self._letters
        return [*left, *(self._break if between_words else []), *right]
