"""NgramTranslator: toned pinyin to hanzi, as a library call."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from ctc_decode import ConfusionNetwork
from ramospeech.translate import search, storage
from ramospeech.translate.lexicon import Candidates, Slot
from ramospeech.translate.ngram import NgramModel

TONE_COST = 6.0  # nats for a wrong tone: costs 0.1 points on clean syllables, saves 5 where a tenth are wrong
# Of a place with alternatives these characters are considered, by log p(character) + log p(heard | character): how many
# at most, and how many nats below the best. All take twice as long and move no error rate by more than 0.2 points.
MOST, LEAST = 128, 9.0
BATCH_PAIRS = 200_000  # pairs of neighbouring candidates that are looked up at once: some 50 MB


@dataclass(frozen=True)
class Translation:
    """hanzi: one character a syllable; score: log p(hanzi) + log p(syllables | hanzi), for ranking.

    syllables: those that were given; of a confusion network the alternatives that go with the characters.
    """

    hanzi: str
    score: float
    syllables: tuple[str, ...] = ()


class Translator(Protocol):
    """Sentences of toned syllables, or networks of such -> for each up to `nbest` translations, best first."""

    def translate_batch(self, sentences: Iterable[Sequence[str]], nbest: int = 1) -> Iterator[list[Translation]]: ...

    def translate_networks(
        self, networks: Iterable[ConfusionNetwork], nbest: int = 1
    ) -> Iterator[list[Translation]]: ...


def pretrained_folder() -> Path:
    """Where the shipped models are: in the package where pip installed it, in `pretrained` in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "pretrained"
    return installed if installed.is_dir() else package.parent / "pretrained"


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
        return cls(storage.read(Path(path) if path else ngram_path()), tone_cost)

    def translate(self, syllables: Sequence[str], nbest: int = 1) -> list[Translation]:
        """The `nbest` most likely translations, best first; fewer where there are not so many.

        Each has one character a syllable. What is no syllable gives `□`; nothing raises. Time and memory grow
        linearly with the number of syllables.
        """
        return next(self.translate_batch([syllables], nbest))

    def translate_batch(self, sentences: Iterable[Sequence[str]], nbest: int = 1) -> Iterator[list[Translation]]:
        """`translate` for each sentence, in order; looks many sentences up at once, which is faster."""
        return self._translate(([[(syllable, 1.0)] for syllable in sentence] for sentence in sentences), nbest)

    def translate_networks(self, networks: Iterable[ConfusionNetwork], nbest: int = 1) -> Iterator[list[Translation]]:
        """Translations of a decoder's confusion networks, in order: each slot is what may have been said there.

        A slot that is more likely empty than not gives no character.
        """
        return self._translate((network.spoken() for network in networks), nbest)

    def reads(self, syllable: str) -> bool:
        """Whether any character has this syllable, in whatever tone."""
        return self.model.lexicon.reads(syllable)

    def _translate(self, sentences: Iterable[list[Slot]], nbest: int) -> Iterator[list[Translation]]:
        batch: list[list[Slot]] = []
        places: list[list[Candidates]] = []
        pairs = 0
        for sentence in sentences:
            batch.append(sentence)
            found = self.model.lexicon.candidates(sentence, self.tone_cost)
            places.append([self._likely(c) if len(slot) > 1 else c for slot, c in zip(sentence, found, strict=True)])
            pairs += sum(len(place) ** 2 for place in places[-1])
            if pairs >= BATCH_PAIRS:
                yield from self._search(batch, places, nbest)
                batch, places, pairs = [], [], 0
        yield from self._search(batch, places, nbest)

    def _likely(self, candidates: Candidates) -> Candidates:
        rank = candidates.log_probs + self.model.unigram[candidates.ids]
        least = np.partition(rank, -MOST)[-MOST] if len(rank) > MOST else -np.inf
        keep = rank >= max(least, rank.max() - LEAST)
        return Candidates(candidates.ids[keep], candidates.log_probs[keep])

    def _search(
        self, batch: Sequence[list[Slot]], places: Sequence[list[Candidates]], nbest: int
    ) -> Iterator[list[Translation]]:
        stream = [search.EDGE]
        for candidates in places:
            stream += [*candidates, search.EDGE]
        steps = search.connect(self.model, stream, BATCH_PAIRS)
        at = 0
        for sentence, candidates in zip(batch, places, strict=True):
            paths = search.best_paths(steps[at : at + len(sentence) + 1], max(nbest, 1))
            at += len(sentence) + 1
            texts = ((score, [int(c.ids[k]) for c, k in zip(candidates, path, strict=True)]) for score, path in paths)
            yield [self._translation(sentence, ids, score) for score, ids in texts]

    def _translation(self, sentence: Sequence[Slot], characters: Sequence[int], score: float) -> Translation:
        """The characters (ids) of a sentence, and which of its alternatives go with them."""
        said = (self.model.lexicon.said(slot, c) for slot, c in zip(sentence, characters, strict=True))
        return Translation("".join(self.model.characters[c] for c in characters), score, tuple(said))
