"""The pronunciation lexicon: the characters of each syllable with log p(syllable | character).

It is built once, in training, from pypinyin: the dictionary of single characters gives all readings, and the phrase
dictionary applied to text gives the frequency of each reading of a polyphone. It is stored in the model file, so
translation needs no dictionary. Regular deviations from the dictionary form are accepted at a cost: third-tone sandhi
(`ni2 hao3`), a full tone for a neutral one and the reverse. A line without any tone is matched with all tones, and so
is a syllable with a tone that no character has. A token that is not a syllable gives one FALLBACK character, so that
the output always has the length of the input.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ctc_decode.similar import similar_syllables
from ramospeech.errors import UnitError, extra
from ramospeech.text import pinyin
from ramospeech.text.vocabulary import UNK_UNIT

Slot = list[tuple[str, float]]  # alternatives of one position: (syllable, probability), the most probable first
Reading = tuple[str, float]  # a syllable of the lexicon and its cost in nats

FALLBACK = "□"  # U+25A1, the usual sign for a missing character
FALLBACK_ID = 1

RARE_READING = 1e-3  # minimum probability of a reading of the dictionary
DICTIONARY_WEIGHT = 3.0  # pseudo-count of the dictionary's first reading

SANDHI_COST = 2.0  # nats: second tone for a third tone before a third tone
NEUTRAL_COST = 4.0  # neutral tone for a full tone, or a full tone for a neutral one
WRONG_TONE_COST = 5.0  # nats: any tone, for a syllable that no character has with its own
ACOUSTIC_WEIGHT = 1.3  # of log p(alternative) relative to the characters' log p; tuned on dev recordings
MAX_LENIENT = 32  # characters of a syllable by readings at a cost; the most frequent ones are kept


@dataclass(frozen=True, eq=False)
class Candidates:
    """Candidate characters of a slot: ids (n,) int32 ascending, log_probs (n,) float32.

    Candidates of a phrase are chained: one may follow another only if its `enter` (n,) equals the `leave` (n,) of the
    one before; 0 means outside a phrase. The score of a candidate with `fixed` (n,) is its log_prob alone, without the
    language model. None: no phrases.
    """

    ids: np.ndarray
    log_probs: np.ndarray
    enter: np.ndarray | None = None
    leave: np.ndarray | None = None
    fixed: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def ports(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return enter, leave and fixed; zeros if there are no phrases."""
        if self.enter is None or self.leave is None or self.fixed is None:
            return np.zeros(len(self), np.int32), np.zeros(len(self), np.int32), np.zeros(len(self), bool)
        return self.enter, self.leave, self.fixed

    def extended(self, ids: np.ndarray, log_probs: np.ndarray, enter: int, leave: int, fixed: bool) -> "Candidates":
        """Return these candidates followed by others (m,) that belong to a phrase."""
        ports = zip(self.ports(), (enter, leave, fixed), strict=True)
        return Candidates(
            np.append(self.ids, ids),
            np.append(self.log_probs, log_probs).astype(np.float32),
            *(np.append(old, np.full(len(ids), new, old.dtype)) for old, new in ports),
        )


NO_CHARACTER = Candidates(np.array([FALLBACK_ID], np.int32), np.zeros(1, np.float32))


@dataclass(frozen=True)
class Lexicon:
    """Table of readings: the rows first[i]:first[i + 1] of ids and log_probs belong to `syllables[i]`.

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
    _index: dict[str, int] = field(init=False, repr=False, compare=False)
    # Of syllables with all that decides about their readings, and of these: most of a search's time without them.
    _readings_of: dict[tuple[str, bool, bool, float | None, float | None], tuple[Reading, ...]] = field(
        init=False, repr=False, compare=False
    )
    _memory: dict[tuple[Reading, ...], Candidates] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_index", {s: i for i, s in enumerate(self.syllables)})
        object.__setattr__(self, "_readings_of", {})
        object.__setattr__(self, "_memory", {})

    @classmethod
    def build(cls, probabilities: Mapping[tuple[str, int], float]) -> "Lexicon":
        """Build a lexicon from p(syllable | character id) > 0 of every (syllable, character id)."""
        rows = sorted(probabilities)
        syllables = sorted({syllable for syllable, _ in rows})
        names = [syllable for syllable, _ in rows]
        first = np.searchsorted(np.array(names), np.array([*syllables, "\U0010ffff"]))
        log_probs = np.log([probabilities[row] for row in rows])
        return cls(tuple(syllables), first, np.array([i for _, i in rows], np.int32), log_probs.astype(np.float32))

    def can_read(self, syllable: str) -> bool:
        """Return whether any character has this syllable in some tone."""
        name = normalise(syllable)
        return bool(name) and any(other in self._index for other in _tones(pinyin.toneless(name)))

    def spoken_syllable(self, slot: Slot, character: int) -> str:
        """Return the alternative of a slot that best explains the character chosen for it."""
        best, spoken = 0.0, slot[0][0]
        if len(slot) == 1:
            return spoken
        for syllable, probability in slot:
            observed = probability**ACOUSTIC_WEIGHT
            if observed <= best:  # p(syllable | character) is at most 1, and the following alternatives are less likely
                break
            likelihood = observed * self._probability(syllable, character)
            if likelihood > best:
                best, spoken = likelihood, syllable
        return spoken

    def has_reading(self, character: int, syllable: str) -> bool:
        """Return whether a character is read so."""
        return self._probability(syllable, character) > 0

    def _probability(self, syllable: str, character: int) -> float:
        """Return p(syllable | character)."""
        index = self._index.get(normalise(syllable))
        if index is None:
            return 0.0
        row = slice(*self.first[index : index + 2])
        found = np.flatnonzero(self.ids[row] == character)
        return float(np.exp(self.log_probs[row][found[0]])) if len(found) else 0.0

    def candidates(
        self, sentence: Sequence[Slot], tone_cost: float | None = None, near_cost: float | None = None
    ) -> list[Candidates]:
        """Return the candidate characters of each slot of a sentence, in order.

        Args:
            sentence: toned or toneless syllables, in any form that `pinyin.parse` reads; other tokens give FALLBACK.
            tone_cost: nats; if given, every syllable is also matched with every other tone at this cost.
            near_cost: nats; if given, also with those of a similar sound (z for zh, n for l, an for ang ...).
        """
        line = [[(normalise(syllable), probability) for syllable, probability in slot] for slot in sentence]
        tones = [pinyin.tone(slot[0][0]) if slot[0][0] else 0 for slot in line]
        toneless = all(tone in (0, 5) for tone in tones)
        found = []
        for slot, third in zip(line, before_third(tones), strict=True):
            observed = [
                (
                    self._gather(self._readings(syllable, toneless, third, tone_cost, near_cost)),
                    ACOUSTIC_WEIGHT * math.log(probability),
                )
                for syllable, probability in slot
            ]
            found.append(observed[0][0] if len(observed) == 1 else _merged(observed))
        return found

    def _readings(
        self, syllable: str, toneless: bool, before_third: bool, tone_cost: float | None, near_cost: float | None
    ) -> tuple[Reading, ...]:
        """Return the syllables of the lexicon that match one syllable, with their costs; remembered."""
        key = syllable, toneless, before_third, tone_cost, near_cost
        if key not in self._readings_of:
            self._readings_of[key] = self._match(*key)
        return self._readings_of[key]

    def _match(
        self, syllable: str, toneless: bool, before_third: bool, tone_cost: float | None, near_cost: float | None
    ) -> tuple[Reading, ...]:
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
        if tone_cost is not None or not any(s in self._index for s in costs):
            for other in _tones(base):
                costs.setdefault(other, WRONG_TONE_COST if tone_cost is None else tone_cost)
        if near_cost is not None and not toneless:
            for other in sorted(similar_syllables(syllable)):
                costs.setdefault(other, near_cost)
        return tuple((reading, cost) for reading, cost in costs.items() if reading in self._index)

    def _gather(self, readings: tuple[Reading, ...]) -> Candidates:
        """Return the characters of one syllable, each by its best reading; cached."""
        if readings not in self._memory:
            self._memory[readings] = self._find(readings)
        return self._memory[readings]

    def _find(self, readings: tuple[Reading, ...]) -> Candidates:
        if not readings:
            return NO_CHARACTER
        rows = [slice(*self.first[self._index[s] : self._index[s] + 2]) for s, _ in readings]
        all_of = [
            Candidates(self.ids[row], self.log_probs[row] - np.float32(cost))
            for row, (_, cost) in zip(rows, readings, strict=True)
        ]
        found = _best_of_each(all_of)
        as_written = [c.ids for c, (_, cost) in zip(all_of, readings, strict=True) if cost == 0]
        exact = np.isin(found.ids, np.concatenate(as_written)) if as_written else np.zeros(len(found), bool)
        keep = exact | (np.cumsum(~exact) <= MAX_LENIENT)
        return Candidates(found.ids[keep], found.log_probs[keep])


def _merged(observed: Sequence[tuple[Candidates, float]]) -> Candidates:
    """Return the characters of all alternatives of a slot, given with their weighted log probabilities."""
    known = [Candidates(c.ids, c.log_probs + np.float32(log_p)) for c, log_p in observed if c is not NO_CHARACTER]
    return _best_of_each(known) if known else NO_CHARACTER


def _best_of_each(candidates: Sequence[Candidates]) -> Candidates:
    """Merge candidates; each character keeps its highest log probability."""
    ids = np.concatenate([c.ids for c in candidates])
    log_probs = np.concatenate([c.log_probs for c in candidates])
    order = np.lexsort((-log_probs, ids))
    ids, best = np.unique(ids[order], return_index=True)
    return Candidates(ids, log_probs[order][best])


def before_third(tones: Sequence[int]) -> list[bool]:
    """Return for each syllable whether a third tone follows, also one changed to a second tone: zhan2 lan2 guan3."""
    found, third = [], False
    for tone in reversed(tones):
        found.append(third)
        third = tone == 3 or (tone == 2 and third)
    return found[::-1]


def normalise(syllable: str) -> str:
    """Return a syllable in TONE3 form, "" if it is not a syllable, and the stem of an erhua (`huar1`)."""
    try:
        return pinyin.parse(syllable)[0].replace(UNK_UNIT, "")
    except (UnitError, IndexError):
        return ""


def _tones(base: str) -> list[str]:
    return [base, *(base + tone for tone in "1234")]


def reading_probabilities(
    characters: str, annotated: Iterable[tuple[str, Sequence[str]]]
) -> dict[tuple[str, int], float]:
    """Return p(syllable | character id) for all pypinyin readings of `characters` (ids are indices into it).

    Args:
        characters: the model's characters; those without a reading are left out.
        annotated: sentences with their syllables, one for each character.
    """
    with extra("text"):
        from pypinyin import Style
        from pypinyin import pinyin as readings_of

    index = {character: i for i, character in enumerate(characters)}
    counts: dict[tuple[str, int], float] = {}
    totals = dict.fromkeys(range(len(characters)), 0.0)

    def add(character: str, syllable: str, weight: float) -> None:
        name = normalise(syllable)
        if name and character in index:
            counts[name, index[character]] = counts.get((name, index[character]), 0.0) + weight
            totals[index[character]] += weight

    for character in characters:
        dictionary = readings_of(character, style=Style.TONE3, heteronym=True, errors="ignore")
        names = [*dict.fromkeys(dictionary[0])] if dictionary else []
        if character in "一不":  # tone sandhi
            names += [f"{'yi' if character == '一' else 'bu'}{tone}" for tone in (2, 4)]
        for rank, name in enumerate(names):  # the first reading is the usual one
            add(character, name, DICTIONARY_WEIGHT * 0.5 ** min(rank, 4))
    for sentence, syllables in annotated:
        if len(sentence) == len(syllables):
            for character, syllable in zip(sentence, syllables, strict=True):
                add(character, syllable, 1.0)
    return {key: max(count / totals[key[1]], RARE_READING) for key, count in counts.items()}
