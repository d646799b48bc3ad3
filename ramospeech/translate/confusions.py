"""What a recogniser hears for what is said, learnt from its errors on a development list.

    python speech2text.py --translator none --format tsv --output hyp.tsv dev.txt
    python evaluate.py --ref dev.txt --hyp hyp.tsv --report report/
    python -m ramospeech.translate --confusions report/report.json < pinyin_lines

Errors are counted by initial, final and tone, of which there are few enough to be seen often; a syllable is heard for
another with the product of the three probabilities.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ctc_decode import ConfusionNetwork
from ctc_decode.confusion import Slot
from ramospeech.errors import ListError
from ramospeech.text import Vocabulary, parts, pinyin
from ramospeech.translate.lexicon import normalise

PARTS = ("initial", "final", "tone")
PRIOR = 5.0  # syllables that each part counts for before any was seen
MOST, LEAST = 100, 1e-4  # alternatives of a syllable, and of the likeliest one's probability


class Confusions:
    """p(heard | said) over the N toned syllables of the inventory.

    errors: of each of PARTS a table (S, S), S the names that it has in the inventory in order: how often the one was
    said and the other heard.
    """

    def __init__(self, errors: Mapping[str, np.ndarray]) -> None:
        self.units = Vocabulary.inventory().units[2:]
        self._place = {unit: number for number, unit in enumerate(self.units)}
        self._parts = {part: names_of(self.units, part)[1] for part in PARTS}
        said = [_smoothed(errors[part])[self._parts[part]] for part in PARTS]  # (N, S) each
        # Not every initial goes with every final: what is heard is a syllable of the inventory all the same.
        units = np.zeros([table.shape[1] for table in said])  # how many of them have these parts
        np.add.at(units, tuple(self._parts[part] for part in PARTS), 1.0)
        total = np.einsum("ift,si,sf,st->s", units, *said, optimize=True)
        self._said = dict(zip(PARTS, (said[0] / total[:, None], *said[1:]), strict=True))

    @classmethod
    def load(cls, path: str | Path) -> "Confusions":
        """From the report.json of evaluate.py; raises ListError for a file that is none."""
        try:
            report = json.loads(Path(path).read_text(encoding="utf-8"))
            errors = {part: _counted(report[f"by_{part}"], part) for part in PARTS}
        except OSError as error:
            raise ListError(f"{path}: cannot read this report ({error.strerror}); check the name") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ListError(f"{path}: no report; give the report.json that evaluate.py --report DIR writes") from None
        return cls(errors)

    def said(self, heard: str) -> list[tuple[str, float]]:
        """What may have been said where a syllable of the inventory is heard, with shares p(heard | said) that sum
        to 1, the largest first."""
        place = self._place[heard]
        likely = np.prod([self._said[part][:, self._parts[part][place]] for part in PARTS], axis=0)  # (N,)
        best = np.argsort(-likely, kind="stable")[:MOST]
        best = best[likely[best] >= LEAST * likely[best[0]]]
        shares = likely[best] / likely[best].sum()
        return list(zip([self.units[i] for i in best], shares.tolist(), strict=True))

    def network(self, syllables: Sequence[str]) -> ConfusionNetwork:
        """A slot for each of U syllables that were heard, for a translator to read.

        What is no syllable of the inventory stays alone in its slot, as do all of a line without tones: such a line
        tells nothing of what was heard.
        """
        line = [normalise(syllable) for syllable in syllables]
        toneless = all(pinyin.tone(syllable) == 5 for syllable in line if syllable)
        slots = []
        for number, (as_given, syllable) in enumerate(zip(syllables, line, strict=True)):
            known = syllable in self._place and not toneless
            slots.append(Slot(tuple(self.said(syllable)) if known else ((as_given, 1.0),), number, number + 1))
        return ConfusionNetwork(tuple(slots))


def names_of(units: Sequence[str], part: str) -> tuple[list[str], np.ndarray]:
    """The names that a part of `units` has, and of each unit the place of its own (N,)."""
    own = [getattr(parts.split(unit), part) for unit in units]
    names = sorted(set(own))
    return names, np.array([names.index(name) for name in own])


def _counted(report: Mapping[str, Any], part: str) -> np.ndarray:
    names, _ = names_of(Vocabulary.inventory().units[2:], part)
    place = {name: number for number, name in enumerate(names)}
    table = np.zeros((len(names), len(names)))
    for name in report.keys() & place.keys():
        table[place[name], place[name]] = report[name]["syllables"] - report[name]["errors"]
        for heard, count in report[name]["taken_for"].items():
            if heard in place:
                table[place[name], place[heard]] = count
    return table


def _smoothed(table: np.ndarray) -> np.ndarray:
    """p(heard | said) (S, S): what was seldom said is right as often as all are, and mistaken for what all are."""
    table = table + 1.0 / len(table) ** 2  # as if each had been seen once in all, so that nothing is impossible
    right = np.trace(table) / table.sum()
    prior = right * np.eye(len(table)) + (1 - right) * table.sum(0) / table.sum()
    smoothed = table + PRIOR * prior
    return smoothed / smoothed.sum(1, keepdims=True)
