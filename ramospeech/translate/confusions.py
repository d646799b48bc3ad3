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

    counts: of each of PARTS how often a name was said, by name, and another or the same one heard, by name.
    """

    def __init__(self, counts: Mapping[str, Mapping[str, Mapping[str, float]]]) -> None:
        self.units = Vocabulary.inventory().units[2:]
        self._place = {unit: number for number, unit in enumerate(self.units)}
        self._parts, said = {}, []
        for part in PARTS:
            names, own = np.unique([getattr(parts.split(unit), part) for unit in self.units], return_inverse=True)
            table = np.array([[counts[part].get(a, {}).get(b, 0) for b in names] for a in names], np.float64)
            self._parts[part] = own
            said.append(_smoothed(table)[own])  # (N, S), S names
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
            return cls(
                {
                    part: {
                        name: {**entry["taken_for"], name: entry["syllables"] - entry["errors"]}
                        for name, entry in report[f"by_{part}"].items()
                    }
                    for part in PARTS
                }
            )
        except OSError as error:
            raise ListError(f"{path}: cannot read this report ({error.strerror}); check the name") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ListError(f"{path}: no report; give the report.json that evaluate.py --report DIR writes") from None

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


def _smoothed(table: np.ndarray) -> np.ndarray:
    """p(heard | said) (S, S): what was seldom said is right as often as all are, and mistaken for what all are."""
    table = table + 1.0 / len(table) ** 2  # as if each had been seen once in all, so that nothing is impossible
    right = np.trace(table) / table.sum()
    prior = right * np.eye(len(table)) + (1 - right) * table.sum(0) / table.sum()
    smoothed = table + PRIOR * prior
    return smoothed / smoothed.sum(1, keepdims=True)
