"""Labelled text: sentences of hanzi with the reading of each character, all in memory at three bytes per character.

Pinyin is made once, by pypinyin and its phrase dictionaries, in as many processes as there are threads; a GPU would
otherwise wait for it. `Corpus.save` keeps the result, so that other runs begin at once.
"""

import multiprocessing
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import islice
from pathlib import Path

import numpy as np

from ramospeech.errors import ListError, TrainingError, extra
from ramospeech.files import whole_file
from ramospeech.lm.counting import BOUNDARY
from ramospeech.lm.text import VARIANTS, TextFile
from ramospeech.translate.error_model import Syllables

SUFFIX = ".corpus"  # what the names of files of labelled text end in
MAX_LENGTH = 48  # characters of a sentence; a longer one is cut
MIN_LENGTH = 2
LINES_AT_ONCE = 20_000  # that a process labels
MAX_READINGS = 256  # of a character
VARIANTS_TABLE = str.maketrans(VARIANTS)


@dataclass(frozen=True)
class Corpus:
    """S sentences of N characters together.

    Attributes:
        characters: V characters, of the n-gram model.
        hanzi: (N,) uint16 ids of characters; reading: (N,) uint8, which of its readings each has.
        readings: (V, R) uint16 ids of syllables (`error_model.Syllables`), the first that was met first; 0 is none.
        lengths: (S,) uint8.
    """

    characters: str
    hanzi: np.ndarray
    reading: np.ndarray
    readings: np.ndarray
    lengths: np.ndarray

    def __len__(self) -> int:
        return len(self.lengths)

    @classmethod
    def label(
        cls,
        texts: Sequence[TextFile],
        characters: str,
        exclude: frozenset[str] = frozenset(),
        seed: int = 0,
        processes: int = 1,
    ) -> "Corpus":
        """Label text files; a weight w <= 1 takes that fraction of a file's lines.

        exclude: lines to leave out. Raises: ListError: a file cannot be read; TrainingError: there are no sentences.
        """
        chunks = _chunks(texts, exclude, np.random.default_rng(seed))
        work = partial(_label, characters=characters)
        numbers: list[dict[int, int]] = [{} for _ in characters]
        parts = []
        if processes > 1:
            with multiprocessing.get_context("spawn").Pool(processes) as pool:
                parts = [_ranked(*part, numbers) for part in pool.imap(work, chunks)]
        else:
            parts = [_ranked(*part, numbers) for part in map(work, chunks)]
        if not sum(len(lengths) for *_, lengths in parts):
            raise TrainingError("the text has no sentences of hanzi; give text with one per line")
        readings = np.zeros((len(characters), max(map(len, numbers))), np.uint16)
        for row, known in zip(readings, numbers, strict=True):
            row[: len(known)] = list(known)
        hanzi, reading, lengths = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        return cls(characters, hanzi, reading, readings, lengths)

    def running(self) -> np.ndarray:
        """Return the characters with a boundary before each sentence, (N + S,) uint16."""
        return np.insert(self.hanzi, np.concatenate(([0], np.cumsum(self.lengths[:-1], dtype=np.int64))), BOUNDARY)

    def save(self, path: Path) -> None:
        """Write the file completely or not at all; raises TrainingError."""
        with whole_file(path, "wb", TrainingError, "make room or choose another place") as file:
            np.savez(
                file,
                characters=np.frombuffer(self.characters.encode("utf-32-le"), np.uint32),
                hanzi=self.hanzi,
                reading=self.reading,
                readings=self.readings,
                lengths=self.lengths,
            )

    @classmethod
    def load(cls, path: Path) -> "Corpus":
        """Read what `save` wrote; raises ListError."""
        try:
            with np.load(path, allow_pickle=False) as file:
                arrays = {name: file[name] for name in ("hanzi", "reading", "readings", "lengths")}
                corpus = cls(file["characters"].tobytes().decode("utf-32-le"), **arrays)
            if not len(corpus.hanzi) == len(corpus.reading) == int(corpus.lengths.sum(dtype=np.int64)) > 0:
                raise ValueError("its parts do not fit together")
        except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile) as error:
            raise ListError(f"{path}: not a file of labelled text ({error}); label the text again") from None
        return corpus


def _chunks(texts: Sequence[TextFile], exclude: frozenset[str], rng: np.random.Generator) -> Iterator[list[str]]:
    for text in texts:
        lines = (
            line for line in text.lines() if line not in exclude and (text.weight >= 1 or rng.random() < text.weight)
        )
        while chunk := list(islice(lines, LINES_AT_ONCE)):
            yield chunk


class Reader:
    """Reads sentences of hanzi as pypinyin and its dictionary of phrases do; keeps the readings of every phrase."""

    def __init__(self, syllables: Syllables) -> None:
        with extra("text"):
            from pypinyin import Style, lazy_pinyin
            from pypinyin.contrib.mmseg import seg
        self._phrases = seg.cut
        self._read = partial(lazy_pinyin, style=Style.TONE3, errors=list)  # type: ignore[arg-type]
        self.syllables = syllables
        self._known: dict[str, list[int]] = {}

    def read(self, sentence: str) -> list[int]:
        """Return the ids of the syllables."""
        observed: list[int] = []
        for phrase in self._phrases(sentence):
            if phrase not in self._known:
                # One by one, since a phrase of neutral tones is not one that is written without tones.
                self._known[phrase] = [self.syllables.ids([syllable])[0] for syllable in self._read(phrase)]
            observed += self._known[phrase]
        return observed


@cache
def _tables(characters: str) -> tuple[dict[str, int], re.Pattern[str], Reader]:
    run = re.compile(f"[{re.escape(characters[2:])}]{{{MIN_LENGTH},}}")
    return {character: i for i, character in enumerate(characters)}, run, Reader(Syllables())


def _label(lines: Sequence[str], characters: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return hanzi (N,) uint16, syllables (N,) uint16 and lengths (S,) uint8 of the runs of known characters."""
    ids, run, reader = _tables(characters)
    hanzi: list[int] = []
    observed: list[int] = []
    lengths: list[int] = []
    for line in lines:
        for found in run.findall(line.translate(VARIANTS_TABLE)):
            for at in range(0, len(found), MAX_LENGTH):
                sentence = found[at : at + MAX_LENGTH]
                read = reader.read(sentence)
                if len(sentence) >= MIN_LENGTH and len(read) == len(sentence):
                    observed += read
                    hanzi += [ids[character] for character in sentence]
                    lengths.append(len(sentence))
    return np.array(hanzi, np.uint16), np.array(observed, np.uint16), np.array(lengths, np.uint8)


def _ranked(
    hanzi: np.ndarray, observed: np.ndarray, lengths: np.ndarray, numbers: list[dict[int, int]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Replace syllables by their numbers among the readings of the character; `numbers` grows."""
    pairs, which = np.unique((hanzi.astype(np.int64) << 16) | observed, return_inverse=True)
    ranks = []
    for pair in pairs.tolist():
        known = numbers[pair >> 16]
        ranks.append(min(known.setdefault(pair & 0xFFFF, len(known)), MAX_READINGS - 1))
    return hanzi, np.array(ranks, np.uint8)[which], lengths
