"""Hotwords in the lattice: phrases whose syllables match are added as chains of candidates.

A chain can only be entered at its first character and left at its last, which carries the boost. The score of a phrase
given in hanzi does not depend on its characters, so a rare name is not outweighed by frequent homophones. The
characters of a phrase given in pinyin are chosen by the language model.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from math import log

import numpy as np

from ctc_decode.similar import similar_syllables
from ramospeech.translate.lexicon import ACOUSTIC_WEIGHT, FALLBACK_ID, Candidates, Slot, normalise
from ramospeech.translate.ngram.model import NgramModel

ENTRY_COST = 6.5  # nats for the first character of a phrase in hanzi, about the LM cost of a character in text
NEXT_COST = 1.5  # nats for each further character
MAX_CHARACTERS_OF_SYLLABLE = 16  # at each position of a phrase in pinyin


@dataclass(frozen=True)
class Phrase:
    """A hotword. syllables: its pronunciation; hanzi: one per syllable, or "" for any that match; boost: nats."""

    syllables: tuple[str, ...]
    hanzi: str
    boost: float


@dataclass(frozen=True)
class Match:
    """A position that matches a syllable of a phrase: the alternative as given, its log p, and if it is only near."""

    position: int
    syllable: str
    log_prob: float
    is_near: bool


class Phrases:
    """The hotwords of an utterance.

    hotwords: syllables separated by spaces -> boost of the whole phrase (natural log), as
        `ramospeech.text.read_hotwords` returns them; `hotwords.hanzi` maps the syllables to the hanzi to write.
    near: 0 to 1. Above 0, one syllable of a phrase may be a near homophone (z for zh, l for n, ang for an, another
        tone); the boost is then multiplied by `near`.
    """

    def __init__(self, hotwords: Mapping[str, float], near: float = 0.0) -> None:
        if not 0.0 <= near <= 1.0:
            raise ValueError(f"hotwords: near is {near}; it multiplies boosts and must be within 0 and 1")
        self.near = near
        written: Mapping[str, str] = getattr(hotwords, "hanzi", {})
        self._by_first: dict[str, list[Phrase]] = {}
        for spoken, boost in hotwords.items():
            phrase = Phrase(tuple(map(normalise, spoken.split())), written.get(spoken, ""), boost)
            for first in {phrase.syllables[0], *(similar_syllables(phrase.syllables[0]) if near else ())}:
                self._by_first.setdefault(first, []).append(phrase)

    def matches(self, positions: Sequence[Slot], empty: Sequence[float]) -> Iterator[tuple[Phrase, list[Match]]]:
        """Yield each phrase that matches somewhere, with the matched positions.

        Positions that do not match are skipped if they may be empty.
        """
        spoken = [[(normalise(syllable), p) for syllable, p in position] for position in positions]
        for start, slot in enumerate(spoken):
            for phrase in dict.fromkeys(p for syllable, _ in slot for p in self._by_first.get(syllable, ())):
                if found := self._match(phrase, spoken, positions, empty, start):
                    yield phrase, found

    def _match(
        self, phrase: Phrase, spoken: list[Slot], positions: Sequence[Slot], empty: Sequence[float], start: int
    ) -> list[Match]:
        found: list[Match] = []
        changes, position = 1 if self.near else 0, start
        for wanted in phrase.syllables:
            while position < len(spoken):
                match = _best(wanted, position, spoken[position], positions[position], changes > 0)
                if match or (empty[position] == -np.inf or not found):
                    break
                position += 1
            else:
                return []
            if match is None:
                return []
            changes -= match.is_near
            found.append(match)
            position += 1
        return found


def _best(wanted: str, position: int, spoken: Slot, given: Slot, near: bool) -> Match | None:
    exact = [n for n, (syllable, _) in enumerate(spoken) if syllable == wanted]
    others = similar_syllables(wanted) if near and not exact else set()
    for n in exact or [n for n, (syllable, _) in enumerate(spoken) if syllable in others]:
        return Match(position, given[n][0], log(given[n][1]), not exact)
    return None


@dataclass(frozen=True)
class Written:
    """The output of a candidate of a chain: its character, the alternative that it matches, and how the phrase has it
    read; "" where it is of no phrase."""

    character: str
    syllable: str
    reading: str = ""


def add_chains(
    candidates: list[Candidates],
    positions: Sequence[Slot],
    empty: Sequence[float],
    phrases: Phrases,
    model: NgramModel,
) -> dict[tuple[int, int], Written]:
    """Extend the candidates of a sentence, in place, by the chains of matching phrases.

    Returns the output of the added candidates by (position, index among the candidates).
    """  # fmt: skip
    port = count(1)
    written: dict[tuple[int, int], Written] = {}
    for phrase, found in phrases.matches(positions, empty):
        boost = phrase.boost * (phrases.near if any(match.is_near for match in found) else 1.0)
        enter = 0
        for number, match in enumerate(found):
            last = number == len(found) - 1
            leave = 0 if last else next(port)
            observed = ACOUSTIC_WEIGHT * match.log_prob + (boost if last else 0.0)
            if phrase.hanzi:
                of_position = np.array([model.number_of.get(phrase.hanzi[number], FALLBACK_ID)], np.int32)
                costs = np.array([observed - (NEXT_COST if number else ENTRY_COST)], np.float32)
            else:
                [fitting] = model.lexicon.candidates([[(phrase.syllables[number], 1.0)]])
                of_position = fitting.ids[:MAX_CHARACTERS_OF_SYLLABLE]
                costs = fitting.log_probs[:MAX_CHARACTERS_OF_SYLLABLE] + np.float32(observed)
            before = candidates[match.position]
            for offset, character in enumerate(of_position.tolist()):
                text = phrase.hanzi[number] if phrase.hanzi else model.characters[character]
                written[match.position, len(before) + offset] = Written(text, match.syllable, phrase.syllables[number])
            candidates[match.position] = before.extended(of_position, costs, enter, leave, bool(phrase.hanzi))
            enter = leave
    return written
