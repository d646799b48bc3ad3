"""Training pairs from hanzi text: batches of sentences of equal length with noisy syllables as input.

Text is streamed, with only a buffer of lines in memory, and its pinyin generated on the fly by pypinyin and its phrase
dictionaries; or it was labelled before (`corpus`), as a GPU needs it. The syllables are then augmented: other readings
of a character, tone sandhi and neutral tones, lines without tones, and wrong syllables at random rates. All workers
draw the same batches and each labels only its own.
"""

import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ramospeech.lm.text import TextFile
from ramospeech.translate.error_model import FORMS, UNKNOWN, Noise, Syllables
from ramospeech.translate.lexicon import Lexicon
from ramospeech.translate.seq2seq.corpus import MAX_LENGTH, MIN_LENGTH, VARIANTS_TABLE, Corpus, Reader

BUFFER = 40_000  # sentences that are shuffled and sorted by length at a time
CLEAN_FRACTION = 0.4  # of sentences without wrong syllables
MAX_RATE = 0.2  # of wrong syllables in the others, drawn uniformly from 0 to this
SANDHI_FRACTION = 0.3  # of sentences with tone sandhi applied, as they are spoken
NEUTRAL_FRACTION = 0.03  # of the syllables of these with a neutral tone
TONELESS_FRACTION = 0.03  # of sentences without tones
THREADS, AHEAD = 4, 8  # that label; batches that are made before they are needed
OTHER_READING = 0.02  # fraction of syllables drawn from all readings of the character


@dataclass
class TextBatch:
    """B sentences of U characters. syllables, hanzi: (B, U) int64 ids; of windows of running text `syllables` are the
    characters before those of `hanzi`."""

    syllables: Tensor
    hanzi: Tensor
    unreadable: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.hanzi)

    @property
    def amount(self) -> float:
        """The number of characters."""
        return float(self.hanzi.numel())

    padded_amount = amount

    def to(self, device: torch.device) -> "TextBatch":
        """Return the batch on `device`."""
        return replace(self, syllables=self.syllables.to(device), hanzi=self.hanzi.to(device))


class Pairs(NamedTuple):
    """B labelled sentences of U characters. observed, hanzi: (B, U) int64 ids of syllables and characters."""

    observed: np.ndarray
    hanzi: np.ndarray


class PinyinLabeller:
    """Labels sentences of hanzi with syllables as a recogniser could output them.

    characters: those of the model; lexicon: readings by the same character ids.
    """

    def __init__(self, characters: str, lexicon: Lexicon) -> None:
        self.syllables = Syllables()
        self.noise = Noise(self.syllables)
        self._ids = {character: i for i, character in enumerate(characters)}
        self._reader: Reader | None = None  # labelled text needs none
        self._one, self._not = self._ids.get("一", -1), self._ids.get("不", -1)
        readings: list[list[int]] = [[] for _ in characters]
        for number, syllable in enumerate(lexicon.syllables):
            observed = self.syllables.ids([syllable])[0]
            for i in lexicon.ids[lexicon.first[number] : lexicon.first[number + 1]].tolist():
                readings[i].append(observed)
        self._count = np.array([max(1, len(row)) for row in readings])
        self._readings = np.zeros((len(readings), self._count.max()), np.int64)
        for i, row in enumerate(readings):
            self._readings[i, : len(row)] = row

    def read(self, sentences: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return syllable ids and character ids (B, U) of sentences of equal length, as annotated by pypinyin."""
        hanzi = np.array([[self._ids[character] for character in sentence] for sentence in sentences])
        if self._reader is None:
            self._reader = Reader(self.syllables)
        return np.array([self._reader.read(sentence) for sentence in sentences]), hanzi

    def batch(self, sentences: Sequence[str] | Pairs, rng: np.random.Generator) -> TextBatch:
        """Return a training batch of sentences of equal length, labelled already or not."""
        observed, hanzi = sentences if isinstance(sentences, Pairs) else self.read(sentences)
        other = (rng.random(observed.shape) < OTHER_READING) & (self._readings[hanzi, 0] != UNKNOWN)
        choice = (rng.random(observed.shape) * self._count[hanzi]).astype(np.int64)
        observed = np.where(other, self._readings[hanzi, choice], observed)
        spoken = rng.random(len(observed)) < SANDHI_FRACTION
        observed[spoken] = self.neutral(self.sandhi(observed[spoken], hanzi[spoken]), rng)
        rates = rng.uniform(0, MAX_RATE, len(observed)) * (rng.random(len(observed)) >= CLEAN_FRACTION)
        observed = self.noise.corrupt(observed, rates, rng)
        toneless = rng.random(len(observed)) < TONELESS_FRACTION
        observed[toneless] -= np.where(observed[toneless] == UNKNOWN, 0, (observed[toneless] - 1) % FORMS)
        return TextBatch(torch.from_numpy(observed), torch.from_numpy(hanzi))

    def sandhi(self, observed: np.ndarray, hanzi: np.ndarray) -> np.ndarray:
        """Apply tone sandhi to syllables (B, U): a third tone before a third tone, 一 and 不 before other tones."""
        tone = np.where(observed == UNKNOWN, 0, (observed - 1) % FORMS)
        following = np.pad(tone[:, 1:], ((0, 0), (0, 1)))
        new = np.where((tone == 3) & (following == 3), 2, tone)
        new = np.where((hanzi == self._not) & (following == 4), 2, new)
        new = np.where((hanzi == self._one) & (following == 4), 2, new)
        new = np.where((hanzi == self._one) & (following >= 1) & (following <= 3), 4, new)
        return observed - tone + new

    def neutral(self, observed: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Take the tone of some syllables (B, U) that are not the first of their sentence."""
        tone = np.where(observed == UNKNOWN, 0, (observed - 1) % FORMS)
        light = (rng.random(observed.shape) < NEUTRAL_FRACTION) & (tone > 0)
        light[:, 0] = False
        return np.where(light, observed - tone + 5, observed)


class LabelledStream:
    """Batches of sentences of a labelled corpus, reproducible by seed.

    batch_characters: maximum number of characters per batch.
    """

    def __init__(self, corpus: Corpus, batch_characters: int, seed: int) -> None:
        self.corpus, self.batch_characters, self.seed = corpus, batch_characters, seed
        self._first = np.concatenate(([0], np.cumsum(corpus.lengths, dtype=np.int64)))

    def batches(self, epoch: int) -> Iterator[Pairs]:
        """Yield the batches of one pass: sentences of equal length."""
        rng = np.random.default_rng((self.seed, epoch))
        parts = []
        for length in np.unique(self.corpus.lengths).tolist():
            sentences = rng.permutation(np.flatnonzero(self.corpus.lengths == length))
            size = max(1, self.batch_characters // length)
            parts += [(length, sentences[at : at + size]) for at in range(0, len(sentences), size)]
        for i in rng.permutation(len(parts)):
            length, sentences = parts[i]
            positions = self._first[sentences][:, None] + np.arange(length)
            hanzi = self.corpus.hanzi[positions].astype(np.int64)
            yield Pairs(self.corpus.readings[hanzi, self.corpus.reading[positions]].astype(np.int64), hanzi)


class TextStream:
    """Batches of sentences from text files, reproducible by seed.

    texts: a weight w <= 1 draws that fraction of a file's lines in each pass. exclude: lines to leave out.
    batch_characters: maximum number of characters per batch.
    """

    def __init__(
        self, texts: Sequence[TextFile], characters: str, batch_characters: int, seed: int, exclude: frozenset[str]
    ) -> None:
        self.texts, self.exclude = texts, exclude
        self.batch_characters, self.seed = batch_characters, seed
        self._run = re.compile(f"[{re.escape(''.join(c for c in characters[2:]))}]{{{MIN_LENGTH},}}")

    def batches(self, epoch: int) -> Iterator[list[str]]:
        """Yield the batches of one pass: lists of sentences of equal length."""
        rng = np.random.default_rng((self.seed, epoch))
        buffer: list[str] = []
        for sentence in self._sentences(rng):
            buffer.append(sentence)
            if len(buffer) >= BUFFER:
                yield from self._cut(buffer, rng)
                buffer = []
        yield from self._cut(buffer, rng)

    def _cut(self, buffer: list[str], rng: np.random.Generator) -> Iterator[list[str]]:
        of_length: dict[int, list[str]] = {}
        for i in rng.permutation(len(buffer)):
            of_length.setdefault(len(buffer[i]), []).append(buffer[i])
        parts = []
        for length, sentences in of_length.items():
            size = max(1, self.batch_characters // length)
            parts += [sentences[at : at + size] for at in range(0, len(sentences), size)]
        for i in rng.permutation(len(parts)):
            yield parts[i]

    def _sentences(self, rng: np.random.Generator) -> Iterator[str]:
        """Yield the runs of known characters of all files, interleaved so that the files end at the same time."""
        sources = [text.lines() for text in self.texts]
        remaining = np.array([text.path.stat().st_size * text.weight for text in self.texts], dtype=np.float64)
        while remaining.any():
            for source in rng.choice(len(sources), 4096, p=remaining / remaining.sum()):
                if not remaining[source]:
                    continue
                weight = self.texts[source].weight
                line = next((x for x in sources[source] if weight >= 1 or rng.random() < weight), None)
                if line is None:
                    remaining[source] = 0.0
                elif line not in self.exclude:
                    for run in self._run.findall(line.translate(VARIANTS_TABLE)):
                        for at in range(0, len(run), MAX_LENGTH):
                            if len(run) - at >= MIN_LENGTH:
                                yield run[at : at + MAX_LENGTH]


def read_ahead(jobs: Iterator[Callable[[], TextBatch]]) -> Iterator[TextBatch]:
    """Yield the batches in order; threads make the next ones while one is trained on."""
    with ThreadPoolExecutor(THREADS) as pool:
        waiting: deque[Future[TextBatch]] = deque()
        for job in jobs:
            waiting.append(pool.submit(job))
            if len(waiting) > AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
