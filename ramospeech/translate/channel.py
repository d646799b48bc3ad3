"""The confusion channel: which syllable is heard for the one that was said.

A recogniser mostly mistakes tones, then sounds that resemble each other (zh and z, n and l, an and ang ...), and at
times anything. The same channel makes the noise that the seq2seq model is trained with, and widens the lexicon at
decoding: a character stays possible, at a cost, when its syllable was misheard.
"""

import math
from collections.abc import Sequence

import numpy as np

from ctc_decode.near import near_syllables
from ramospeech.text import Vocabulary, pinyin
from ramospeech.text.vocabulary import UNK_UNIT
from ramospeech.translate.lexicon import FALLBACK_ID, NEUTRAL_COST, SANDHI_COST, Lexicon, before_third, normalise

UNKNOWN = 0  # the id of what is no syllable
FORMS = 6  # of a base: without a tone (0), tones 1 to 4, the neutral tone (5)
ERROR_RATE = 0.1  # of the syllables, as the channel expects it
TONE_SHARE, NEAR_SHARE = 0.7, 0.25  # of the errors: another tone, a similar sound; the rest is anything
CANDIDATES = 64  # characters that are considered for a syllable


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


class Channel:
    """Which characters may stand behind a syllable that was heard, through the lexicon and the confusions.

    Args:
        lexicon: readings of V characters.
        log_frequency: (V,) log p(character): only the CANDIDATES most likely characters of a syllable are kept.
    """

    def __init__(self, lexicon: Lexicon, log_frequency: np.ndarray) -> None:
        self.syllables = Syllables()
        self.log_frequency = log_frequency.astype(np.float32)
        self._readings: dict[int, slice] = {}
        for number, syllable in enumerate(lexicon.syllables):
            self._readings[self.syllables.ids([syllable])[0]] = slice(*lexicon.first[number : number + 2])
        self._ids, self._probabilities = lexicon.ids, np.exp(lexicon.log_probs)
        self._memory: dict[tuple[int, bool], tuple[np.ndarray, np.ndarray]] = {}

    def row(self, heard: int, before_third: bool = False) -> np.ndarray:
        """log p(heard | character), (V,). Of UNKNOWN it is the same for all.

        before_third: a third tone follows, so that a second tone may be a third one, spoken so.
        """
        anything = ERROR_RATE * (1 - TONE_SHARE - NEAR_SHARE) / len(self.syllables.known)
        total = np.full(len(self.log_frequency), anything)
        for said, probability in self._said(heard, before_third):
            if said in self._readings:
                rows = self._readings[said]
                np.add.at(total, self._ids[rows], probability * self._probabilities[rows])
        return np.log(total)

    def table(self) -> np.ndarray:
        """`row` of every syllable, (S, V) float32."""
        return np.stack([self.row(syllable) for syllable in range(len(self.syllables))]).astype(np.float32)

    def _said(self, heard: int, before_third: bool) -> list[tuple[int, float]]:
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

    def places(self, sentence: Sequence[int]) -> list[tuple[np.ndarray, np.ndarray]]:
        """The candidates of each place of a sentence, of which syllable ids were heard."""
        tones = [(heard - 1) % FORMS if heard != UNKNOWN else 0 for heard in sentence]
        return [self.candidates(heard, third) for heard, third in zip(sentence, before_third(tones), strict=True)]

    def candidates(self, heard: int, before_third: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """The likeliest characters of a place where a syllable id was heard; found once and remembered.

        Returns: ids (CANDIDATES,) int64 and log p(what was heard | character) (CANDIDATES,) float32. Of UNKNOWN it is
        FALLBACK, and nothing else.
        """
        key = heard, before_third and (heard - 1) % FORMS == 2
        if key not in self._memory:
            self._memory[key] = self._best(self.row(*key)) if heard != UNKNOWN else self._fallback()
        return self._memory[key]

    def _best(self, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rank = row + self.log_frequency
        rank[: FALLBACK_ID + 1] = -np.inf
        count = min(CANDIDATES, len(rank) - FALLBACK_ID - 1)
        best = np.argpartition(-rank, count - 1)[:count]
        ids, costs = np.full(CANDIDATES, FALLBACK_ID), np.full(CANDIDATES, -np.inf, np.float32)
        ids[:count], costs[:count] = best, row[best]
        return ids, costs

    def _fallback(self) -> tuple[np.ndarray, np.ndarray]:
        costs = np.full(CANDIDATES, -np.inf, np.float32)
        costs[0] = 0.0
        return np.full(CANDIDATES, FALLBACK_ID), costs
