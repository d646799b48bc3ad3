"""The lexicon of readings: which characters a syllable may stand for, and how likely each is read so.

Built once, in training, from pypinyin (its dictionary of single characters gives every reading, its phrase dictionary
applied to text says how often a polyphone takes each) and stored in the model file, so that translating needs no
dictionary. A label that differs from the dictionary form in a regular way still reaches its character, at a cost:
third-tone sandhi (`ni2 hao3`), a neutral tone written or spoken with its full tone and the reverse. A line without any
tone is read with all tones; a syllable whose tone no character has, too. What is no syllable at all gives one FALLBACK
character, so that the output is always as long as the input.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ramospeech.errors import UnitError, extra
from ramospeech.text import pinyin
from ramospeech.text.vocabulary import UNK_UNIT

Slot = list[tuple[str, float]]  # what was heard at a place: (syllable, probability), the most probable first
Reading = tuple[str, float]  # a syllable of the table and its cost in nats

FALLBACK = "□"  # U+25A1, the usual sign for a missing character
FALLBACK_ID = 1

RARE_READING = 1e-3  # no reading of the dictionary is less likely than this, however seldom the text has it
DICTIONARY_WEIGHT = 3.0  # the dictionary's order of readings counts as this many occurrences in the text

SANDHI_COST = 2.0  # nats: second tone written for a third tone before a third tone
NEUTRAL_COST = 4.0  # neutral tone for a full tone, or a full tone for a neutral one
WRONG_TONE_COST = 5.0  # no character has this syllable with this tone
HEARD_WEIGHT = 1.3  # of log p(alternative) of what was heard beside the characters' log p: found on dev recordings
MAX_LENIENT = 32  # characters that a syllable reaches at a cost: the most frequent ones


@dataclass(frozen=True)
class Candidates:
    """The characters that a syllable may stand for: ids (n,) int32 ascending, log_probs (n,) float32.

    Candidates of a phrase are chained: one follows another where `enter` of it is `leave` of the one before (n,); 0 is
    for all that is in no phrase. Where `fixed` (n,), log_probs says all that the candidate costs and the language model
    nothing. None: no phrases.
    """

    ids: np.ndarray
    log_probs: np.ndarray
    enter: np.ndarray | None = None
    leave: np.ndarray | None = None
    fixed: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def ports(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """enter, leave and fixed, made where there are none."""
        if self.enter is None or self.leave is None or self.fixed is None:
            return np.zeros(len(self), np.int32), np.zeros(len(self), np.int32), np.zeros(len(self), bool)
        return self.enter, self.leave, self.fixed

    def extended(self, ids: np.ndarray, log_probs: np.ndarray, enter: int, leave: int, fixed: bool) -> "Candidates":
        """These and others (m,) behind them, which are a part of a phrase."""
        ports = zip(self.ports(), (enter, leave, fixed), strict=True)
        return Candidates(
            np.append(self.ids, ids),
            np.append(self.log_probs, log_probs).astype(np.float32),
            *(np.append(old, np.full(len(ids), new, old.dtype)) for old, new in ports),
        )


NO_CHARACTER = Candidates(np.array([FALLBACK_ID], np.int32), np.zeros(1, np.float32))


@dataclass(frozen=True)
class Lexicon:
    """Readings as a table: those of `syllables[i]` are the rows first[i]:first[i + 1] of ids and log_probs.

    Attributes:
        syllables: toned syllables (TONE3, `v` for ü, neutral tone bare), sorted.
        first: (len(syllables) + 1,) int64.
        ids: (n,) int32 character ids; smaller ids are more frequent characters.
        log_probs: (n,) float32, log p(syllable | character).
    """

    syllables: tuple[str, ...]
    first: np.ndarray
    ids: np.ndarray
    log_probs: np.ndarray
    _place: dict[str, int] = field(init=False, repr=False, compare=False)
    _memory: dict[tuple[Reading, ...], Candidates] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_place", {s: i for i, s in enumerate(self.syllables)})
        object.__setattr__(self, "_memory", {})

    @classmethod
    def build(cls, probabilities: Mapping[tuple[str, int], float]) -> "Lexicon":
        """From p(syllable | character id) > 0 of every (syllable, character id)."""
        rows = sorted(probabilities)
        syllables = sorted({syllable for syllable, _ in rows})
        names = [syllable for syllable, _ in rows]
        first = np.searchsorted(np.array(names), np.array([*syllables, "\U0010ffff"]))
        log_probs = np.log([probabilities[row] for row in rows])
        return cls(tuple(syllables), first, np.array([i for _, i in rows], np.int32), log_probs.astype(np.float32))

    def reads(self, syllable: str) -> bool:
        """Whether any character has this syllable, in whatever tone."""
        name = normalise(syllable)
        return bool(name) and any(other in self._place for other in _tones(pinyin.toneless(name)))

    def said(self, slot: Slot, character: int) -> str:
        """The syllable of a place that goes best with the character written there."""
        best, said = 0.0, slot[0][0]
        if len(slot) == 1:
            return said
        for syllable, probability in slot:
            heard = probability**HEARD_WEIGHT
            if heard <= best:  # no reading is more likely than 1, and those that follow were heard even less
                break
            likelihood = heard * self._probability(syllable, character)
            if likelihood > best:
                best, said = likelihood, syllable
        return said

    def _probability(self, syllable: str, character: int) -> float:
        """p(syllable | character)."""
        place = self._place.get(normalise(syllable))
        if place is None:
            return 0.0
        row = slice(*self.first[place : place + 2])
        found = np.flatnonzero(self.ids[row] == character)
        return float(np.exp(self.log_probs[row][found[0]])) if len(found) else 0.0

    def candidates(self, sentence: Sequence[Slot], tone_cost: float | None = None) -> list[Candidates]:
        """The characters for each place of a sentence, in order.

        Args:
            sentence: syllables toned or toneless, in any form that `pinyin.parse` reads; others give FALLBACK.
            tone_cost: nats; if given, every syllable is also read with any other tone at this cost.
        """
        line = [[(normalise(syllable), probability) for syllable, probability in slot] for slot in sentence]
        tones = [pinyin.tone(slot[0][0]) if slot[0][0] else 0 for slot in line]
        toneless = all(tone in (0, 5) for tone in tones)
        found = []
        for slot, third in zip(line, before_third(tones), strict=True):
            heard = [
                (
                    self._gather(self._readings(syllable, toneless, third, tone_cost)),
                    HEARD_WEIGHT * math.log(probability),
                )
                for syllable, probability in slot
            ]
            found.append(heard[0][0] if len(heard) == 1 else _merged(heard))
        return found

    def _readings(
        self, syllable: str, toneless: bool, before_third: bool, tone_cost: float | None
    ) -> tuple[Reading, ...]:
        """The syllables of the table that may be meant by one, with what each costs."""
        if not syllable:
            return ()
        base, tone = pinyin.toneless(syllable), pinyin.tone(syllable)
        costs = {syllable: 0.0}
        if tone == 5:
            for other in _tones(base)[1:]:
                costs[other] = 0.0 if toneless else NEUTRAL_COST
        else:
            costs[base] = NEUTRAL_COST
            if tone == 2 and before_third:
                costs[base + "3"] = SANDHI_COST
        if tone_cost is not None or not any(s in self._place for s in costs):
            for other in _tones(base):
                costs.setdefault(other, WRONG_TONE_COST if tone_cost is None else tone_cost)
        return tuple((reading, cost) for reading, cost in costs.items() if reading in self._place)

    def _gather(self, readings: tuple[Reading, ...]) -> Candidates:
        """The characters of one syllable in its readings, each in the best of them; found once and remembered."""
        if readings not in self._memory:
            self._memory[readings] = self._find(readings)
        return self._memory[readings]

    def _find(self, readings: tuple[Reading, ...]) -> Candidates:
        if not readings:
            return NO_CHARACTER
        rows = [slice(*self.first[self._place[s] : self._place[s] + 2]) for s, _ in readings]
        all_of = [
            Candidates(self.ids[row], self.log_probs[row] - np.float32(cost))
            for row, (_, cost) in zip(rows, readings, strict=True)
        ]
        found = _best_of_each(all_of)
        as_written = [c.ids for c, (_, cost) in zip(all_of, readings, strict=True) if cost == 0]
        exact = np.isin(found.ids, np.concatenate(as_written)) if as_written else np.zeros(len(found), bool)
        keep = exact | (np.cumsum(~exact) <= MAX_LENIENT)
        return Candidates(found.ids[keep], found.log_probs[keep])


def _merged(heard: Sequence[tuple[Candidates, float]]) -> Candidates:
    """The characters of the alternatives of a place, each of them with its log probability."""
    known = [Candidates(c.ids, c.log_probs + np.float32(log_p)) for c, log_p in heard if c is not NO_CHARACTER]
    return _best_of_each(known) if known else NO_CHARACTER


def _best_of_each(candidates: Sequence[Candidates]) -> Candidates:
    """All of several, each character once, where it is most likely."""
    ids = np.concatenate([c.ids for c in candidates])
    log_probs = np.concatenate([c.log_probs for c in candidates])
    order = np.lexsort((-log_probs, ids))
    ids, best = np.unique(ids[order], return_index=True)
    return Candidates(ids, log_probs[order][best])


def before_third(tones: Sequence[int]) -> list[bool]:
    """Of each syllable, whether a third tone follows, be it one that is itself spoken as a second: zhan2 lan2 guan3."""
    found, third = [], False
    for tone in reversed(tones):
        found.append(third)
        third = tone == 3 or (tone == 2 and third)
    return found[::-1]


def normalise(syllable: str) -> str:
    """TONE3, or nothing for what is no syllable; of an erhua (`huar1`) the stem."""
    try:
        return pinyin.parse(syllable)[0].replace(UNK_UNIT, "")
    except (UnitError, IndexError):
        return ""


def _tones(base: str) -> list[str]:
    return [base, *(base + tone for tone in "1234")]


def reading_probabilities(
    characters: str, annotated: Iterable[tuple[str, Sequence[str]]]
) -> dict[tuple[str, int], float]:
    """p(syllable | character) for all readings of pypinyin of `characters` (ids are places in it).

    Args:
        characters: the model's characters; those without a reading are left out.
        annotated: sentences with their syllables, one for each character.
    """
    with extra("text"):
        from pypinyin import Style
        from pypinyin import pinyin as readings_of

    place = {character: i for i, character in enumerate(characters)}
    counts: dict[tuple[str, int], float] = {}
    totals = dict.fromkeys(range(len(characters)), 0.0)

    def add(character: str, syllable: str, weight: float) -> None:
        name = normalise(syllable)
        if name and character in place:
            counts[name, place[character]] = counts.get((name, place[character]), 0.0) + weight
            totals[place[character]] += weight

    for character in characters:
        dictionary = readings_of(character, style=Style.TONE3, heteronym=True, errors="ignore")
        names = [*dict.fromkeys(dictionary[0])] if dictionary else []
        if character in "一不":  # spoken so before other tones
            names += [f"{'yi' if character == '一' else 'bu'}{tone}" for tone in (2, 4)]
        for rank, name in enumerate(names):  # the first reading is the usual one
            add(character, name, DICTIONARY_WEIGHT * 0.5 ** min(rank, 4))
    for sentence, syllables in annotated:
        if len(sentence) == len(syllables):
            for character, syllable in zip(sentence, syllables, strict=True):
                add(character, syllable, 1.0)
    return {key: max(count / totals[key[1]], RARE_READING) for key, count in counts.items()}
