"""Hanzi text -> training pairs: batches of sentences of one length with the syllables that are heard for them.

Text streams: of each pass a buffer of lines is in memory. Pinyin is made on the fly, by pypinyin and its phrase
dictionaries, and then made harder: other readings of a character, tone sandhi, lines without tones, and misheard
syllables at random rates. All workers draw the same batches and label only their own.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from torch import Tensor

from ramospeech.errors import extra
from ramospeech.lm.text import VARIANTS, TextFile
from ramospeech.translate.error_model import FORMS, UNKNOWN, Noise, Syllables
from ramospeech.translate.lexicon import Lexicon

with extra("text"):
    from pypinyin import Style, lazy_pinyin

BUFFER = 40_000  # sentences that are shuffled and sorted by length at a time
LONGEST = 48  # characters of a sentence; a longer one is cut
SHORTEST = 2
CLEAN_SHARE = 0.4  # of the sentences have no misheard syllable
MAX_RATE = 0.2  # of misheard syllables in the others, drawn evenly from 0
SANDHI_SHARE = 0.3  # of the sentences are labelled as spoken
TONELESS_SHARE = 0.03
OTHER_READING = 0.02  # of the syllables are drawn from all readings of the character


@dataclass
class TextBatch:
    """B sentences of U characters. syllables, hanzi: (B, U) int64 ids."""

    syllables: Tensor
    hanzi: Tensor
    unreadable: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.hanzi)

    @property
    def amount(self) -> float:
        """Characters."""
        return float(self.hanzi.numel())

    padded_amount = amount

    def to(self, device: torch.device) -> "TextBatch":
        """The same batch on `device`."""
        return replace(self, syllables=self.syllables.to(device), hanzi=self.hanzi.to(device))


class Labeller:
    """Sentences of hanzi -> what a recogniser may give for them.

    characters: of the model; lexicon: of the same ids.
    """

    def __init__(self, characters: str, lexicon: Lexicon) -> None:
        self.syllables = Syllables()
        self.noise = Noise(self.syllables)
        self._ids = {character: i for i, character in enumerate(characters)}
        self._heard: dict[str, int] = {}
        self._one, self._not = self._ids.get("一", -1), self._ids.get("不", -1)
        readings: list[list[int]] = [[] for _ in characters]
        for number, syllable in enumerate(lexicon.syllables):
            heard = self.syllables.ids([syllable])[0]
            for i in lexicon.ids[lexicon.first[number] : lexicon.first[number + 1]].tolist():
                readings[i].append(heard)
        self._count = np.array([max(1, len(row)) for row in readings])
        self._readings = np.zeros((len(readings), self._count.max()), np.int64)
        for i, row in enumerate(readings):
            self._readings[i, : len(row)] = row

    def read(self, sentences: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Syllable ids and character ids (B, U) of sentences of one length, as pypinyin reads them."""
        hanzi = np.array([[self._ids[character] for character in sentence] for sentence in sentences])
        heard = [lazy_pinyin(s, style=Style.TONE3, errors=list) for s in sentences]  # type: ignore[arg-type]
        return np.array([[self._syllable(syllable) for syllable in line] for line in heard]), hanzi

    def _syllable(self, syllable: str) -> int:
        if syllable not in self._heard:
            self._heard[syllable] = self.syllables.ids([syllable])[0]
        return self._heard[syllable]

    def batch(self, sentences: Sequence[str], chance: np.random.Generator) -> TextBatch:
        """A training batch of sentences of one length."""
        heard, hanzi = self.read(sentences)
        other = (chance.random(heard.shape) < OTHER_READING) & (self._readings[hanzi, 0] != UNKNOWN)
        place = (chance.random(heard.shape) * self._count[hanzi]).astype(np.int64)
        heard = np.where(other, self._readings[hanzi, place], heard)
        spoken = chance.random(len(heard)) < SANDHI_SHARE
        heard[spoken] = self.sandhi(heard[spoken], hanzi[spoken])
        rates = chance.uniform(0, MAX_RATE, len(heard)) * (chance.random(len(heard)) >= CLEAN_SHARE)
        heard = self.noise.mishear(heard, rates, chance)
        toneless = chance.random(len(heard)) < TONELESS_SHARE
        heard[toneless] -= np.where(heard[toneless] == UNKNOWN, 0, (heard[toneless] - 1) % FORMS)
        return TextBatch(torch.from_numpy(heard), torch.from_numpy(hanzi))

    def sandhi(self, heard: np.ndarray, hanzi: np.ndarray) -> np.ndarray:
        """Syllables (B, U) as they are spoken: a third tone before a third tone, 一 and 不 before other tones."""
        tone = np.where(heard == UNKNOWN, 0, (heard - 1) % FORMS)
        following = np.pad(tone[:, 1:], ((0, 0), (0, 1)))
        new = np.where((tone == 3) & (following == 3), 2, tone)
        new = np.where((hanzi == self._not) & (following == 4), 2, new)
        new = np.where((hanzi == self._one) & (following == 4), 2, new)
        new = np.where((hanzi == self._one) & (following >= 1) & (following <= 3), 4, new)
        return heard - tone + new


class TextStream:
    """Batches of sentences from files of text, the same ones for the same seed.

    texts: a weight w <= 1 takes that share of a file's lines in each pass. exclude: lines never to use.
    batch_characters: of a worker's batch.
    """

    def __init__(
        self, texts: Sequence[TextFile], characters: str, batch_characters: int, seed: int, exclude: frozenset[str]
    ) -> None:
        self.texts, self.exclude = texts, exclude
        self.batch_characters, self.seed = batch_characters, seed
        self._run = re.compile(f"[{re.escape(''.join(c for c in characters[2:]))}]{{{SHORTEST},}}")

    def batches(self, epoch: int) -> Iterator[list[str]]:
        """One pass: lists of sentences of one length."""
        chance = np.random.default_rng((self.seed, epoch))
        buffer: list[str] = []
        for sentence in self._sentences(chance):
            buffer.append(sentence)
            if len(buffer) >= BUFFER:
                yield from self._cut(buffer, chance)
                buffer = []
        yield from self._cut(buffer, chance)

    def _cut(self, buffer: list[str], chance: np.random.Generator) -> Iterator[list[str]]:
        of_length: dict[int, list[str]] = {}
        for i in chance.permutation(len(buffer)):
            of_length.setdefault(len(buffer[i]), []).append(buffer[i])
        parts = []
        for length, sentences in of_length.items():
            size = max(1, self.batch_characters // length)
            parts += [sentences[at : at + size] for at in range(0, len(sentences), size)]
        for i in chance.permutation(len(parts)):
            yield parts[i]

    def _sentences(self, chance: np.random.Generator) -> Iterator[str]:
        """The runs of the model's characters in all files, interleaved so that the files end together."""
        sources = [text.lines() for text in self.texts]
        shares = np.array([text.path.stat().st_size * text.weight for text in self.texts], dtype=np.float64)
        while shares.any():
            for source in chance.choice(len(sources), 4096, p=shares / shares.sum()):
                if not shares[source]:
                    continue
                weight = self.texts[source].weight
                line = next((x for x in sources[source] if weight >= 1 or chance.random() < weight), None)
                if line is None:
                    shares[source] = 0.0
                elif line not in self.exclude:
                    for run in self._run.findall(line.translate(_VARIANTS)):
                        for at in range(0, len(run), LONGEST):
                            if len(run) - at >= SHORTEST:
                                yield run[at : at + LONGEST]


_VARIANTS = str.maketrans(VARIANTS)
