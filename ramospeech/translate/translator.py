"""NgramTranslator: toned pinyin to hanzi, as a library call."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ramospeech.translate import search, storage
from ramospeech.translate.lexicon import Candidates
from ramospeech.translate.ngram import NgramModel

TONE_COST = 6.0  # nats for a wrong tone: costs 0.1 points on clean syllables, saves 5 where a tenth are wrong
BATCH_PAIRS = 200_000  # pairs of neighbouring candidates that are looked up at once: some 50 MB


@dataclass(frozen=True)
class Translation:
    """hanzi: one character a syllable; score: log p(hanzi) + log p(syllables | hanzi), for ranking."""

    hanzi: str
    score: float


def pretrained_folder() -> Path:
    """Where the shipped models are: in the package where pip installed it, in `pretrained` in a checkout."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "pretrained"
    return installed if installed.is_dir() else package.parent / "pretrained"


def ngram_path() -> Path:
    """The shipped n-gram model."""
    return pretrained_folder() / "ngram.safetensors"


class NgramTranslator:
    """Exact search for the most likely characters under an n-gram model.

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
        batch: list[list[Candidates]] = []
        pairs = 0
        for sentence in sentences:
            batch.append(self.model.lexicon.candidates(sentence, self.tone_cost))
            pairs += sum(len(position) ** 2 for position in batch[-1])
            if pairs >= BATCH_PAIRS:
                yield from self._search(batch, nbest)
                batch, pairs = [], 0
        yield from self._search(batch, nbest)

    def reads(self, syllable: str) -> bool:
        """Whether any character has this syllable, in whatever tone."""
        return self.model.lexicon.reads(syllable)

    def _search(self, batch: Sequence[list[Candidates]], nbest: int) -> Iterator[list[Translation]]:
        stream = [search.EDGE]
        for sentence in batch:
            stream += [*sentence, search.EDGE]
        steps = search.connect(self.model, stream, BATCH_PAIRS)
        at = 0
        for sentence in batch:
            paths = search.best_paths(steps[at : at + len(sentence) + 1], max(nbest, 1))
            at += len(sentence) + 1
            yield [Translation(self._hanzi(sentence, path), score) for score, path in paths]

    def _hanzi(self, sentence: Sequence[Candidates], path: Sequence[int]) -> str:
        ids = (position.ids[number] for position, number in zip(sentence, path, strict=True))
        return "".join(self.model.characters[i] for i in ids)
