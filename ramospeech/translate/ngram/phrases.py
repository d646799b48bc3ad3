"""Hotwords in the lattice: phrases that a sentence may hold become chains of candidates of their own.

A chain is entered at its first character and left at its last only, which its boost stands at. A phrase given in hanzi
costs the same whatever its characters, so that a rare name is not outweighed by frequent homophones: once its syllables
were said, it is written. Of a phrase given in pinyin the language model chooses the characters.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from math import log

import numpy as np

from ctc_decode.near import near_syllables
from ramospeech.translate.lexicon import FALLBACK_ID, HEARD_WEIGHT, Candidates, Lexicon, Slot, normalise

ENTRY_COST = 6.5  # nats for the first character of a phrase in hanzi, about what one in running text costs
NEXT_COST = 1.5  # nats for each that follows
MAX_CHARACTERS_OF_SYLLABLE = 16  # of a phrase in pinyin, at each of its places


@dataclass(frozen=True)
class Phrase:
    """syllables: how it is said; hanzi: what to write, one a syllable, or "" for whatever fits; boost in nats."""

    syllables: tuple[str, ...]
    hanzi: str
    boost: float


@dataclass(frozen=True)
class Match:
    """A place that says a syllable of a phrase: which alternative, as it was given, with log p; near: not exactly."""

    place: int
    syllable: str
    log_prob: float
    is_near: bool


class Phrases:
    """What to recognise in an utterance.

    hotwords: syllables with spaces between them and their boosts (natural log, of the whole phrase), as
        `ramospeech.text.read_hotwords` gives them, where `hotwords.hanzi` says what to write.
    near: 0 to 1. Above 0 one syllable of a phrase may be a near homophone (z for zh, l for n, ang for an, another
        tone), which multiplies the boost by `near`.
    """

    def __init__(self, hotwords: Mapping[str, float], near: float = 0.0) -> None:
        if not 0.0 <= near <= 1.0:
            raise ValueError(f"hotwords: near is {near}; it multiplies boosts and must be within 0 and 1")
        self.near = near
        written: Mapping[str, str] = getattr(hotwords, "hanzi", {})
        self._by_first: dict[str, list[Phrase]] = {}
        for said, boost in hotwords.items():
            phrase = Phrase(tuple(map(normalise, said.split())), written.get(said, ""), boost)
            for first in {phrase.syllables[0], *(near_syllables(phrase.syllables[0]) if near else ())}:
                self._by_first.setdefault(first, []).append(phrase)

    def matches(self, places: Sequence[Slot], empty: Sequence[float]) -> Iterator[tuple[Phrase, list[Match]]]:
        """Each phrase that may have been said, with the places of its syllables; places that may be empty are stepped
        over where they do not fit."""
        said = [[(normalise(syllable), p) for syllable, p in place] for place in places]
        for start, slot in enumerate(said):
            for phrase in dict.fromkeys(p for syllable, _ in slot for p in self._by_first.get(syllable, ())):
                if found := self._match(phrase, said, places, empty, start):
                    yield phrase, found

    def _match(
        self, phrase: Phrase, said: list[Slot], places: Sequence[Slot], empty: Sequence[float], start: int
    ) -> list[Match]:
        found: list[Match] = []
        changes, place = 1 if self.near else 0, start
        for wanted in phrase.syllables:
            while place < len(said):
                match = _best(wanted, place, said[place], places[place], changes > 0)
                if match or (empty[place] == -np.inf or not found):
                    break
                place += 1
            else:
                return []
            if match is None:
                return []
            changes -= match.is_near
            found.append(match)
            place += 1
        return found


def _best(wanted: str, place: int, said: Slot, given: Slot, near: bool) -> Match | None:
    exact = [n for n, (syllable, _) in enumerate(said) if syllable == wanted]
    others = near_syllables(wanted) if near and not exact else set()
    for n in exact or [n for n, (syllable, _) in enumerate(said) if syllable in others]:
        return Match(place, given[n][0], log(given[n][1]), not exact)
    return None


@dataclass(frozen=True)
class Written:
    """What a candidate of a chain stands for: its character, and the syllable as it was given."""

    character: str
    syllable: str


def add_chains(
    candidates: list[Candidates],
    places: Sequence[Slot],
    empty: Sequence[float],
    phrases: Phrases,
    lexicon: Lexicon,
    characters: str,
) -> dict[tuple[int, int], Written]:
    """Extends the candidates of a sentence in place by the chains of the phrases that it may hold.

    Returns what is written for those, by place and number among the candidates.
    """  # fmt: skip
    ids = {character: number for number, character in enumerate(characters)}
    port = count(1)
    written: dict[tuple[int, int], Written] = {}
    for phrase, found in phrases.matches(places, empty):
        boost = phrase.boost * (phrases.near if any(match.is_near for match in found) else 1.0)
        enter = 0
        for number, match in enumerate(found):
            last = number == len(found) - 1
            leave = 0 if last else next(port)
            heard = HEARD_WEIGHT * match.log_prob + (boost if last else 0.0)
            if phrase.hanzi:
                of_place = np.array([ids.get(phrase.hanzi[number], FALLBACK_ID)], np.int32)
                costs = np.array([heard - (NEXT_COST if number else ENTRY_COST)], np.float32)
            else:
                [fitting] = lexicon.candidates([[(phrase.syllables[number], 1.0)]])
                of_place = fitting.ids[:MAX_CHARACTERS_OF_SYLLABLE]
                costs = fitting.log_probs[:MAX_CHARACTERS_OF_SYLLABLE] + np.float32(heard)
            before = candidates[match.place]
            for offset, character in enumerate(of_place.tolist()):
                text = phrase.hanzi[number] if phrase.hanzi else characters[character]
                written[match.place, len(before) + offset] = Written(text, match.syllable)
            candidates[match.place] = before.extended(of_place, costs, enter, leave, bool(phrase.hanzi))
            enter = leave
    return written
