"""The error model of a recogniser: p(observed | spoken) over toned syllables.

Most errors of a recogniser are wrong tones, then similar sounds (zh and z, n and l, an and ang ...); a few are
arbitrary. `ErrorModel.default()` is a hand-written table of these: it corrupts the training data of the seq2seq model
and widens the lexicon in decoding. `ErrorModel.from_report()` is learnt from the errors of one recogniser on a
development list:

    python speech2text.py --translator none --format tsv --output hyp.tsv dev.txt
    python evaluate.py --ref dev.txt --hyp hyp.tsv --report report/
    python -m ramospeech.translate --confusions report/report.json < pinyin_lines

The report counts errors by initial, final and tone, which are few enough to be seen often; the probability of a
syllable confusion is the product of the three.
"""

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ctc_decode import ConfusionNetwork
from ctc_decode.confusion import Slot
from ctc_decode.similar import similar_syllables
from ramospeech.errors import ListError
from ramospeech.text import Vocabulary, parts, pinyin
from ramospeech.text.vocabulary import UNK_UNIT
from ramospeech.translate.lexicon import NEUTRAL_COST, SANDHI_COST, normalise

UNKNOWN = 0  # the id of a token that is not a syllable
FORMS = 6  # forms of a base syllable: without a tone (0), tones 1 to 4, the neutral tone (5)
ERROR_RATE = 0.1  # fraction of wrong syllables that the table assumes
TONE_FRACTION, NEAR_FRACTION = 0.7, 0.25  # of the errors: wrong tone, similar sound; the rest is arbitrary
PARTS = ("initial", "final", "tone")
PRIOR = 5.0  # pseudo-count of the smoothing prior, in syllables
MAX_ALTERNATIVES, MIN_FRACTION = 100, 1e-4  # per syllable; MIN_FRACTION relative to the most likely one


class Syllables:
    """Toned syllables as ids: 1 + 6 * base + form. Every base takes every tone, also those outside the inventory."""

    def __init__(self) -> None:
        units = Vocabulary.inventory().units[2:]
        self.bases = tuple(sorted({pinyin.toneless(unit) for unit in units}))
        self._base = {base: number for number, base in enumerate(self.bases)}
        self.known = np.array(sorted(self._id(unit) for unit in units))  # (N,) ids of the inventory's syllables
        inventory = set(units)
        tones: list[list[int]] = [[] for _ in range(len(self))]
        near: list[list[int]] = [[] for _ in range(len(self))]
        for unit in units:
            for other in sorted(similar_syllables(unit) & inventory):
                rows = tones if pinyin.toneless(other) == pinyin.toneless(unit) else near
                rows[self._id(unit)].append(self._id(other))
        self.tones, self.near = tones, near

    def __len__(self) -> int:
        return 1 + FORMS * len(self.bases)

    def _id(self, syllable: str) -> int:
        return 1 + FORMS * self._base[pinyin.toneless(syllable)] + pinyin.tone(syllable)

    def ids(self, syllables: Sequence[str]) -> list[int]:
        """Return the ids of a sentence, in any spelling that `pinyin.parse` reads; UNKNOWN for other tokens.

        A sentence of two or more syllables without any tone is taken as written without tones.
        """
        line = [normalise(syllable) for syllable in syllables]
        toneless = len(line) > 1 and all(pinyin.tone(syllable) == 5 for syllable in line)
        return [self._id(syllable) - (5 if toneless else 0) if syllable else UNKNOWN for syllable in line]

    def name(self, syllable: int) -> str:
        """Return the syllable of an id; `<UNK>` for UNKNOWN."""
        if syllable == UNKNOWN:
            return UNK_UNIT
        base, form = divmod(syllable - 1, FORMS)
        return self.bases[base] + ("" if form in (0, 5) else str(form))


class Noise:
    """Corrupts syllables at random, for training."""

    def __init__(self, syllables: Syllables) -> None:
        self.syllables = syllables
        self._tones, self._near = _padded(syllables.tones), _padded(syllables.near)

    def corrupt(self, ids: np.ndarray, rates: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return a copy of ids (B, U) in which each syllable of sentence b is replaced with probability rates[b]."""
        wrong = np.flatnonzero((rng.random(ids.shape) < rates[:, None]).ravel() & (ids.ravel() != UNKNOWN))
        spoken = ids.ravel()[wrong]
        kind = rng.random(len(wrong))
        draw = rng.random(len(wrong))
        observed = self.syllables.known[rng.integers(len(self.syllables.known), size=len(wrong))]
        for (options, counts), chosen in (
            (self._near, (kind >= TONE_FRACTION) & (kind < TONE_FRACTION + NEAR_FRACTION)),
            (self._tones, kind < TONE_FRACTION),
        ):
            index = (draw * counts[spoken]).astype(np.int64)
            observed = np.where(chosen & (counts[spoken] > 0), options[spoken, index], observed)
        result = ids.copy()
        result.reshape(-1)[wrong] = observed
        return result


def _padded(rows: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    counts = np.array([len(row) for row in rows])
    table = np.zeros((len(rows), max(1, counts.max())), np.int64)
    for number, row in enumerate(rows):
        table[number, : len(row)] = row
    return table, counts


class ErrorModel(ABC):
    """p(observed | spoken) of toned syllables."""

    @staticmethod
    def default() -> "ErrorTable":
        """Return the hand-written table."""
        return ErrorTable()

    @staticmethod
    def from_report(path: str | Path) -> "LearntErrors":
        """Learn from the report.json of evaluate.py; raises ListError if the file is not such a report."""
        return LearntErrors.load(path)

    @abstractmethod
    def spoken_given(self, observed: str) -> list[tuple[str, float]]:
        """Return the syllables that may have been spoken for an observed one of the inventory, most probable first.

        Their probabilities are p(observed | spoken), normalised to sum to 1.
        """

    def network(self, syllables: Sequence[str]) -> ConfusionNetwork:
        """Return a confusion network with one slot for each of U recognised syllables.

        A token outside the inventory is the only one in its slot, and so is every syllable of a line without tones,
        because the model knows toned syllables only.
        """
        line = [normalise(syllable) for syllable in syllables]
        toneless = all(pinyin.tone(syllable) == 5 for syllable in line if syllable)
        inventory = Vocabulary.inventory().units[2:]
        slots = []
        for number, (as_given, syllable) in enumerate(zip(syllables, line, strict=True)):
            known = syllable in inventory and not toneless
            slots.append(Slot(tuple(self.spoken_given(syllable)) if known else ((as_given, 1.0),), number, number + 1))
        return ConfusionNetwork(tuple(slots))


class ErrorTable(ErrorModel):
    """Errors that are common in recognisers. anything: p(observed | spoken) of dissimilar syllables."""

    def __init__(self) -> None:
        self.syllables = Syllables()
        self.anything = ERROR_RATE * (1 - TONE_FRACTION - NEAR_FRACTION) / len(self.syllables.known)

    def spoken_given(self, observed: str) -> list[tuple[str, float]]:
        [number] = self.syllables.ids([observed])
        found = self.likelihoods(number, False)
        total = sum(p for _, p in found)
        probabilities: dict[str, float] = {}
        for syllable, p in found:
            name = self.syllables.name(syllable)
            probabilities[name] = probabilities.get(name, 0.0) + p / total
        return sorted(probabilities.items(), key=lambda each: -each[1])

    def likelihoods(self, observed: int, before_third: bool) -> list[tuple[int, float]]:
        """Return (spoken, p(observed | spoken)) of the same and similar syllables, without arbitrary errors."""
        if observed == UNKNOWN:
            return []
        tables, form = self.syllables, (observed - 1) % FORMS
        if form == 0:  # written without a tone: any tone
            return [(observed + tone, 1 - ERROR_RATE) for tone in range(1, FORMS)]
        result = [(observed, 1 - ERROR_RATE)]
        others = range(1, 5) if form == 5 else [5]  # a full tone for a neutral one, or the neutral one for a full one
        result += [(observed - form + tone, math.exp(-NEUTRAL_COST)) for tone in others]
        if form == 2 and before_third:
            result.append((observed + 1, math.exp(-SANDHI_COST)))
        for fraction, options in ((TONE_FRACTION, tables.tones), (NEAR_FRACTION, tables.near)):
            result += [
                (spoken, ERROR_RATE * fraction / len(options[spoken]))
                for spoken in options[observed]
                if options[spoken]
            ]
        return result


class LearntErrors(ErrorModel):
    """p(observed | spoken) over the N toned syllables of the inventory.

    counts: counts[part][spoken][observed], for each of PARTS.
    """

    def __init__(self, counts: Mapping[str, Mapping[str, Mapping[str, float]]]) -> None:
        self.units = Vocabulary.inventory().units[2:]
        self._index = {unit: number for number, unit in enumerate(self.units)}
        self._parts, spoken = {}, []
        for part in PARTS:
            names, own = np.unique([getattr(parts.split(unit), part) for unit in self.units], return_inverse=True)
            table = np.array([[counts[part].get(a, {}).get(b, 0) for b in names] for a in names], np.float64)
            self._parts[part] = own
            spoken.append(_smoothed(table)[own])  # (N, S), S names
        # Not every initial combines with every final: normalise over the syllables of the inventory.
        units = np.zeros([table.shape[1] for table in spoken])  # number of syllables with these parts
        np.add.at(units, tuple(self._parts[part] for part in PARTS), 1.0)
        total = np.einsum("ift,si,sf,st->s", units, *spoken, optimize=True)
        self._spoken = dict(zip(PARTS, (spoken[0] / total[:, None], *spoken[1:]), strict=True))

    @classmethod
    def load(cls, path: str | Path) -> "LearntErrors":
        """Read the report.json of evaluate.py; raises ListError if the file is not such a report."""
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
            raise ListError(
                f"{path}: not a report; give the report.json that evaluate.py --report DIR writes"
            ) from None

    def spoken_given(self, observed: str) -> list[tuple[str, float]]:
        index = self._index[observed]
        weights = np.prod([self._spoken[part][:, self._parts[part][index]] for part in PARTS], axis=0)  # (N,)
        best = np.argsort(-weights, kind="stable")[:MAX_ALTERNATIVES]
        best = best[weights[best] >= MIN_FRACTION * weights[best[0]]]
        probabilities = weights[best] / weights[best].sum()
        return list(zip([self.units[i] for i in best], probabilities.tolist(), strict=True))


def _smoothed(table: np.ndarray) -> np.ndarray:
    """Return p(observed | spoken) (S, S), smoothed towards the overall accuracy and distribution of errors."""
    table = table + 1.0 / len(table) ** 2  # one observation spread over all pairs, so that none has probability 0
    right = np.trace(table) / table.sum()
    prior = right * np.eye(len(table)) + (1 - right) * table.sum(0) / table.sum()
    smoothed = table + PRIOR * prior
    return smoothed / smoothed.sum(1, keepdims=True)
