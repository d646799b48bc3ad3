"""NgramTranslator: toned pinyin to hanzi, as a library call."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ctc_decode import ConfusionNetwork
from ramospeech.files import pretrained_folder
from ramospeech.translate.lexicon import HEARD_WEIGHT, Candidates, Slot
from ramospeech.translate.ngram import file as ngram_file
from ramospeech.translate.ngram import lattice
from ramospeech.translate.ngram.model import NgramModel
from ramospeech.translate.types import Translation

TONE_COST = 6.0  # nats for a wrong tone: costs 0.1 points on clean syllables, saves 5 where a tenth are wrong
# Of a place with alternatives these characters are considered, by log p(character) + log p(heard | character): how many
# at most, and how many nats below the best. More take twice as long and save less than 0.1 points.
MOST, LEAST = 128, 8.0
EMPTY_COST = 6.5  # nats for leaving a place empty, which saves a character: found on dev recordings, as HEARD_WEIGHT
BATCH_PAIRS = 100_000  # pairs of neighbouring candidates that are looked up at once: some 25 MB


@dataclass(frozen=True)
class _Sentence:
    """What was heard at each place; log p that nothing was said there, -inf where something was; and of what comes
    from a confusion network the slots of the places."""

    places: list[Slot]
    empty: list[float]
    slots: tuple[int, ...] = ()

    @classmethod
    def of_syllables(cls, syllables: Sequence[str]) -> "_Sentence":
        return cls([[(syllable, 1.0)] for syllable in syllables], [-math.inf] * len(syllables))

    @classmethod
    def of_network(cls, network: ConfusionNetwork) -> "_Sentence":
        places, empty, slots = [], [], []
        # One syllable has no context that could correct it: single ones are right more often as they were heard.
        alone = sum(slot.alternatives[0][0] is not None for slot in network.slots) == 1
        for number, slot in enumerate(network.slots):
            alternatives = slot.alternatives[:1] if alone else slot.alternatives
            said = [(token, p) for token, p in alternatives if token is not None and p > 0]
            total, nothing = sum(p for _, p in said), sum(p for token, p in alternatives if token is None)
            if said:
                places.append([(token, p / total) for token, p in said])
                empty.append(HEARD_WEIGHT * math.log(nothing / total) - EMPTY_COST if nothing > 0 else -math.inf)
                slots.append(number)
        return cls(places, empty, tuple(slots))


def ngram_path() -> Path:
    """The shipped n-gram model."""
    return pretrained_folder() / "ngram.safetensors"


class NgramTranslator:
    """Exact search for the most likely characters under an n-gram model, among those that a syllable may stand for.

    >>> translator = NgramTranslator.load()
    >>> translator.translate(["ni3", "hao3"])[0].hanzi
    '你好'
    """

    def __init__(self, model: NgramModel, tone_cost: float | None = TONE_COST):
        """`tone_cost`: nats for reading a syllable with another tone; None trusts tones and is three times faster."""
        self.model = model
        self.tone_cost = tone_cost

    @classmethod
    def load(cls, path: str | Path | None = None, tone_cost: float | None = TONE_COST) -> "NgramTranslator":
        """Reads a model file, by default the shipped one; raises ModelError."""
        return cls(ngram_file.read(Path(path) if path else ngram_path()), tone_cost)

    def translate(self, syllables: Sequence[str], nbest: int = 1) -> list[Translation]:
        """The `nbest` most likely translations, best first; fewer where there are not so many.

        Each has one character a syllable. What is no syllable gives `□`; nothing raises. Time and memory grow
        linearly with the number of syllables.
        """
        return next(self.translate_batch([syllables], nbest))

    def translate_batch(self, sentences: Iterable[Sequence[str]], nbest: int = 1) -> Iterator[list[Translation]]:
        """`translate` for each sentence, in order; looks many sentences up at once, which is faster."""
        return self._translate(map(_Sentence.of_syllables, sentences), nbest)

    def translate_networks(self, networks: Iterable[ConfusionNetwork], nbest: int = 1) -> Iterator[list[Translation]]:
        """Translations of a decoder's confusion networks, in order: each slot is what may have been said there.

        A slot where nothing may have been said has a character where one goes well with those around it.
        """
        return self._translate(map(_Sentence.of_network, networks), nbest)

    def reads(self, syllable: str) -> bool:
        """Whether any character has this syllable, in whatever tone."""
        return self.model.lexicon.reads(syllable)

    def _translate(self, sentences: Iterable[_Sentence], nbest: int) -> Iterator[list[Translation]]:
        batch: list[tuple[_Sentence, list[Candidates]]] = []
        pairs = 0
        for sentence in sentences:
            found = self.model.lexicon.candidates(sentence.places, self.tone_cost)
            found = [self._likely(c) if len(p) > 1 else c for p, c in zip(sentence.places, found, strict=True)]
            batch.append((sentence, found))
            pairs += sum(len(candidates) ** 2 for candidates in found)
            if pairs >= BATCH_PAIRS:
                yield from self._search(batch, nbest)
                batch, pairs = [], 0
        if batch:
            yield from self._search(batch, nbest)

    def _likely(self, candidates: Candidates) -> Candidates:
        rank = candidates.log_probs + self.model.unigram[candidates.ids]
        least = np.partition(rank, -MOST)[-MOST] if len(rank) > MOST else -np.inf
        keep = rank >= max(least, rank.max() - LEAST)
        return Candidates(candidates.ids[keep], candidates.log_probs[keep])

    def _search(self, batch: Sequence[tuple[_Sentence, list[Candidates]]], nbest: int) -> Iterator[list[Translation]]:
        stream, empty = [lattice.EDGE], [-math.inf]
        for sentence, candidates in batch:
            stream += [*candidates, lattice.EDGE]
            empty += [*sentence.empty, -math.inf]
        steps = lattice.connect(self.model, stream, np.array(empty), BATCH_PAIRS)
        low = end = 0
        for sentence, candidates in batch:
            end += len(candidates) + 1
            high = bisect_left(steps, end, low, key=lambda step: step.start)
            paths = lattice.best_paths(steps[low:high], max(nbest, 1))
            low = high
            yield [self._translation(sentence, candidates, *found) for found in paths]

    def _translation(
        self, sentence: _Sentence, candidates: Sequence[Candidates], score: float, path: Sequence[int | None]
    ) -> Translation:
        """The characters of a path through a sentence, and which of its alternatives go with them."""
        taken = [(place, int(candidates[place].ids[n])) for place, n in enumerate(path) if n is not None]
        return Translation(
            "".join(self.model.characters[character] for _, character in taken),
            score,
            tuple(self.model.lexicon.said(sentence.places[place], character) for place, character in taken),
            tuple(sentence.slots[place] for place, _ in taken) if sentence.slots else (),
        )
