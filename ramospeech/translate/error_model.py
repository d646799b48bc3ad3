"""The error model of a recogniser: p(heard | said), which syllable is heard for the one that was said.

A recogniser mostly mistakes tones, then sounds that resemble each other (zh and z, n and l, an and ang ...), and at
times anything. `ErrorModel.default()` says so by a table made by hand: it makes the noise that the seq2seq model is
trained with and widens the lexicon at decoding. `ErrorModel.from_report()` is learnt from the errors of one recogniser
on a development list:

    python speech2text.py --translator none --format tsv --output hyp.tsv dev.txt
    python evaluate.py --ref dev.txt --hyp hyp.tsv --report report/
    python -m ramospeech.translate --confusions report/report.json < pinyin_lines

There errors are counted by initial, final and tone, of which there are few enough to be seen often; a syllable is heard
for another with the product of the three probabilities.
"""

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ctc_decode import ConfusionNetwork
from ctc_decode.confusion import Slot
from ctc_decode.near import near_syllables
from ramospeech.errors import ListError
from ramospeech.text import Vocabulary, parts, pinyin
from ramospeech.text.vocabulary import UNK_UNIT
from ramospeech.translate.lexicon import NEUTRAL_COST, SANDHI_COST, normalise

UNKNOWN = 0  # the id of what is no syllable
FORMS = 6  # of a base: without a tone (0), tones 1 to 4, the neutral tone (5)
ERROR_RATE = 0.1  # of the syllables, as the table expects it
TONE_SHARE, NEAR_SHARE = 0.7, 0.25  # of the errors: another tone, a similar sound; the rest is anything
PARTS = ("initial", "final", "tone")
PRIOR = 5.0  # syllables that each part counts for before any was seen
MAX_ALTERNATIVES, MIN_SHARE = 100, 1e-4  # of a syllable; MIN_SHARE of the likeliest one's probability


class Syllables:
    """Toned syllables as ids: 1 + 6 * base + form. Any base takes any tone, also where the inventory has none."""

    def __init__(self) -> None:
        units = Vocabulary.inventory().units[2:]
        self.bases = tuple(sorted({pinyin.toneless(unit) for unit in units}))
        self._base = {base: number for number, base in enumerate(self.bases)}
        self.known = np.array(sorted(self._id(unit) for unit in units))  # (N,) ids of the inventory's syllables
        inventory = set(units)
        tones: list[list[int]] = [[] for _ in range(len(self))]
        near: list[list[int]] = [[] for _ in range(len(self))]
        for unit in units:
            for other in sorted(near_syllables(unit) & inventory):
                rows = tones if pinyin.toneless(other) == pinyin.toneless(unit) else near
                rows[self._id(unit)].append(self._id(other))
        self.tones, self.near = tones, near

    def __len__(self) -> int:
        return 1 + FORMS * len(self.bases)

    def _id(self, syllable: str) -> int:
        return 1 + FORMS * self._base[pinyin.toneless(syllable)] + pinyin.tone(syllable)

    def ids(self, syllables: Sequence[str]) -> list[int]:
        """Ids of a sentence, in any spelling that `pinyin.parse` reads; UNKNOWN for what is no syllable.

        A sentence of two or more syllables none of which has a tone was written without tones.
        """
        line = [normalise(syllable) for syllable in syllables]
        toneless = len(line) > 1 and all(pinyin.tone(syllable) == 5 for syllable in line)
        return [self._id(syllable) - (5 if toneless else 0) if syllable else UNKNOWN for syllable in line]

    def name(self, syllable: int) -> str:
        """The syllable of an id; of UNKNOWN `<UNK>`."""
        if syllable == UNKNOWN:
            return UNK_UNIT
        base, form = divmod(syllable - 1, FORMS)
        return self.bases[base] + ("" if form in (0, 5) else str(form))


class Noise:
    """Mishears syllables, for training."""

    def __init__(self, syllables: Syllables) -> None:
        self.syllables = syllables
        self._tones, self._near = _padded(syllables.tones), _padded(syllables.near)

    def mishear(self, ids: np.ndarray, rates: np.ndarray, chance: np.random.Generator) -> np.ndarray:
        """A copy of ids (B, U) in which sentence b has each syllable misheard with probability rates[b]."""
        wrong = np.flatnonzero((chance.random(ids.shape) < rates[:, None]).ravel() & (ids.ravel() != UNKNOWN))
        said = ids.ravel()[wrong]
        kind = chance.random(len(wrong))
        draw = chance.random(len(wrong))
        heard = self.syllables.known[chance.integers(len(self.syllables.known), size=len(wrong))]
        for (options, counts), chosen in (
            (self._near, (kind >= TONE_SHARE) & (kind < TONE_SHARE + NEAR_SHARE)),
            (self._tones, kind < TONE_SHARE),
        ):
            place = (draw * counts[said]).astype(np.int64)
            heard = np.where(chosen & (counts[said] > 0), options[said, place], heard)
        result = ids.copy()
        result.reshape(-1)[wrong] = heard
        return result


def _padded(rows: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    counts = np.array([len(row) for row in rows])
    table = np.zeros((len(rows), max(1, counts.max())), np.int64)
    for number, row in enumerate(rows):
        table[number, : len(row)] = row
    return table, counts


class ErrorModel(ABC):
    """p(heard | said) of toned syllables."""

    @staticmethod
    def default() -> "ErrorTable":
        """The table made by hand."""
        return ErrorTable()

    @staticmethod
    def from_report(path: str | Path) -> "LearntErrors":
        """Learnt from the report.json of evaluate.py; raises ListError for a file that is none."""
        return LearntErrors.load(path)

    @abstractmethod
    def said(self, heard: str) -> list[tuple[str, float]]:
        """What may have been said where a syllable of the inventory is heard, with shares p(heard | said) that sum
        to 1, the largest first."""

    def network(self, syllables: Sequence[str]) -> ConfusionNetwork:
        """A slot for each of U syllables that were heard, for a translator to read.

        What is no syllable of the inventory stays alone in its slot, as do all of a line without tones: such a line
        tells nothing of what was heard.
        """
        line = [normalise(syllable) for syllable in syllables]
        toneless = all(pinyin.tone(syllable) == 5 for syllable in line if syllable)
        inventory = Vocabulary.inventory().units[2:]
        slots = []
        for number, (as_given, syllable) in enumerate(zip(syllables, line, strict=True)):
            known = syllable in inventory and not toneless
            slots.append(Slot(tuple(self.said(syllable)) if known else ((as_given, 1.0),), number, number + 1))
        return ConfusionNetwork(tuple(slots))


class ErrorTable(ErrorModel):
    """The errors that are common in recognisers. anything: p(heard | said) of what is neither the same nor similar."""

    def __init__(self) -> None:
        self.syllables = Syllables()
        self.anything = ERROR_RATE * (1 - TONE_SHARE - NEAR_SHARE) / len(self.syllables.known)

    def said(self, heard: str) -> list[tuple[str, float]]:
        [number] = self.syllables.ids([heard])
        found = self.likelihoods(number, False)
        total = sum(p for _, p in found)
        shares: dict[str, float] = {}
        for syllable, p in found:
            name = self.syllables.name(syllable)
            shares[name] = shares.get(name, 0.0) + p / total
        return sorted(shares.items(), key=lambda each: -each[1])

    def likelihoods(self, heard: int, before_third: bool) -> list[tuple[int, float]]:
        """What may have been said, each with p(heard | said), without the errors that make anything of anything."""
        if heard == UNKNOWN:
            return []
        tables, form = self.syllables, (heard - 1) % FORMS
        if form == 0:  # the tone was not written: it may be any
            return [(heard + tone, 1 - ERROR_RATE) for tone in range(1, FORMS)]
        result = [(heard, 1 - ERROR_RATE)]
        others = range(1, 5) if form == 5 else [5]  # a full tone for a neutral one, or the neutral one for a full one
        result += [(heard - form + tone, math.exp(-NEUTRAL_COST)) for tone in others]
        if form == 2 and before_third:
            result.append((heard + 1, math.exp(-SANDHI_COST)))
        for share, options in ((TONE_SHARE, tables.tones), (NEAR_SHARE, tables.near)):
            result += [(said, ERROR_RATE * share / len(options[said])) for said in options[heard] if options[said]]
        return result


class LearntErrors(ErrorModel):
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
    def load(cls, path: str | Path) -> "LearntErrors":
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
        place = self._place[heard]
        likely = np.prod([self._said[part][:, self._parts[part][place]] for part in PARTS], axis=0)  # (N,)
        best = np.argsort(-likely, kind="stable")[:MAX_ALTERNATIVES]
        best = best[likely[best] >= MIN_SHARE * likely[best[0]]]
        shares = likely[best] / likely[best].sum()
        return list(zip([self.units[i] for i in best], shares.tolist(), strict=True))


def _smoothed(table: np.ndarray) -> np.ndarray:
    """p(heard | said) (S, S): what was seldom said is right as often as all are, and mistaken for what all are."""
    table = table + 1.0 / len(table) ** 2  # as if each had been seen once in all, so that nothing is impossible
    right = np.trace(table) / table.sum()
    prior = right * np.eye(len(table)) + (1 - right) * table.sum(0) / table.sum()
    smoothed = table + PRIOR * prior
    return smoothed / smoothed.sum(1, keepdims=True)
