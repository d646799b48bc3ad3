"""NgramTranslator: toned pinyin to hanzi, as a library call."""

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path

import numpy as np

from ctc_decode import ConfusionNetwork
from ramospeech.files import pretrained_folder
from ramospeech.translate.lexicon import HEARD_WEIGHT, Candidates, Slot
from ramospeech.translate.ngram import file as ngram_file
from ramospeech.translate.ngram import lattice
from ramospeech.translate.ngram.model import NgramModel
from ramospeech.translate.ngram.phrases import Phrases, Written, add_chains
from ramospeech.translate.types import Translation

TONE_COST = 6.0  # nats for a wrong tone: costs 0.1 points on clean syllables, saves 5 where a tenth are wrong
# Of a place with alternatives these characters are considered, by log p(character) + log p(heard | character): how many
# at most, and how many nats below the best. More take twice as long and save less than 0.1 points.
MOST, LEAST = 128, 8.0
EMPTY_COST = 6.5  # nats for leaving a place empty, which saves a character: found on dev recordings, as HEARD_WEIGHT
BATCH_PAIRS = 100_000  # pairs of neighbouring candidates that are looked up at once: some 25 MB

HotwordsOfEach = Phrases | Iterable[Phrases | None] | None


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


@dataclass(frozen=True)
class _Part:
    """A sentence of a batch, the candidates of its places, and what those of phrases stand for."""

    sentence: _Sentence
    candidates: list[Candidates]
    written: dict[tuple[int, int], Written]


def ngram_path() -> Path:
    """The shipped n-gram model."""
    return pretrained_folder() / "ngram.safetensors"


class NgramTranslator:
    """Exact search for the most likely characters under an n-gram model, among those that a syllable may stand for.

    >>> translator = NgramTranslator.load()
    >>> translator.translate(["ni3", "hao3"])[0].hanzi
    '你好'
    """

    def __init__(self, model: NgramModel, tone_cost: float | None = TONE_COST, log_probs: bool = False):
        """`tone_cost`: nats for reading a syllable with another tone; None trusts tones and is three times faster.
        `log_probs`: also give log p(hanzi | syllables), the score less the log of the sum over all that may be written.
        """
        self.model = model
        self.tone_cost = tone_cost
        self.log_probs = log_probs

    @classmethod
    def load(cls, path: str | Path | None = None, tone_cost: float | None = TONE_COST) -> "NgramTranslator":
        """Reads a model file, by default the shipped one; raises ModelError."""
        return cls(ngram_file.read(Path(path) if path else ngram_path()), tone_cost)

    def translate(self, syllables: Sequence[str], nbest: int = 1, hotwords: Phrases | None = None) -> list[Translation]:
        """The `nbest` most likely translations, best first; fewer where there are not so many.

        Each has one character a syllable. What is no syllable gives `□`; nothing raises. Time and memory grow
        linearly with the number of syllables.
        """
        return next(self.translate_batch([syllables], nbest, hotwords))

    def translate_batch(
        self, sentences: Iterable[Sequence[str]], nbest: int = 1, hotwords: HotwordsOfEach = None
    ) -> Iterator[list[Translation]]:
        """`translate` for each sentence, in order; looks many sentences up at once, which is faster.

        hotwords: the phrases of all sentences, or of each its own (or None).
        """
        return self._translate(map(_Sentence.of_syllables, sentences), nbest, hotwords)

    def translate_networks(
        self, networks: Iterable[ConfusionNetwork], nbest: int = 1, hotwords: HotwordsOfEach = None
    ) -> Iterator[list[Translation]]:
        """Translations of a decoder's confusion networks, in order: each slot is what may have been said there.

        A slot where nothing may have been said has a character where one goes well with those around it.
        hotwords: the phrases of all networks, or of each its own (or None); they take part in the one search.
        """
        return self._translate(map(_Sentence.of_network, networks), nbest, hotwords)

    def reads(self, syllable: str) -> bool:
        """Whether any character has this syllable, in whatever tone."""
        return self.model.lexicon.reads(syllable)

    def _translate(
        self, sentences: Iterable[_Sentence], nbest: int, hotwords: HotwordsOfEach
    ) -> Iterator[list[Translation]]:
        batch: list[_Part] = []
        pairs = 0
        of_each = repeat(hotwords) if hotwords is None or isinstance(hotwords, Phrases) else hotwords
        for sentence, phrases in zip(sentences, of_each, strict=False):
            found = self.model.lexicon.candidates(sentence.places, self.tone_cost)
            found = [self._likely(c) if len(p) > 1 else c for p, c in zip(sentence.places, found, strict=True)]
            written: dict[tuple[int, int], Written] = {}
            if phrases is not None:
                lexicon, characters = self.model.lexicon, self.model.characters
                written = add_chains(found, sentence.places, sentence.empty, phrases, lexicon, characters)
            batch.append(_Part(sentence, found, written))
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

    def _search(self, batch: Sequence[_Part], nbest: int) -> Iterator[list[Translation]]:
        stream, empty = [lattice.EDGE], [-math.inf]
        for part in batch:
            stream += [*part.candidates, lattice.EDGE]
            empty += [*part.sentence.empty, -math.inf]
        steps = lattice.connect(self.model, stream, np.array(empty), BATCH_PAIRS)
        low = end = 0
        for part in batch:
            end += len(part.candidates) + 1
            high = bisect_left(steps, end, low, key=lambda step: step.start)
            # A phrase in a chain is also there in single characters: the same text, less likely.
            paths = lattice.best_paths(steps[low:high], max(nbest, 1) * (2 if part.written and nbest > 1 else 1))
            total = lattice.log_total(steps[low:high]) if self.log_probs else None
            low = high
            texts: dict[str, Translation] = {}
            for found in paths:
                text = self._translation(part, total, *found)
                texts.setdefault(text.hanzi if part.written else str(len(texts)), text)
            yield list(texts.values())[: max(nbest, 1)]

    def _translation(self, part: _Part, total: float | None, score: float, path: Sequence[int | None]) -> Translation:
        """The characters of a path through a sentence, and which of its alternatives go with them."""
        taken = []
        for place, n in enumerate(path):
            if n is None:
                continue
            written = part.written.get((place, n))
            if written is None:
                character = int(part.candidates[place].ids[n])
                said = self.model.lexicon.said(part.sentence.places[place], character)
                written = Written(self.model.characters[character], said)
            taken.append((place, written))
        return Translation(
            "".join(written.character for _, written in taken),
            score,
            tuple(written.syllable for _, written in taken),
            tuple(part.sentence.slots[place] for place, _ in taken) if part.sentence.slots else (),
            None if total is None else min(score - total, 0.0),
        )
