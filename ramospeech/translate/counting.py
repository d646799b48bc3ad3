"""From text to counts of characters and of character trigrams, by sorting, in bounded memory.

Text is plain or gzip, UTF-8, one sentence a line. Whatever is no character of the model (punctuation, digits, Latin)
ends a sentence, as a line end does.
"""

import gzip
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ramospeech.errors import ListError, UsageError
from ramospeech.translate.ngram import BOUNDARY, ID_BITS

BLOCK = 1 << 22  # characters read and sorted at once
CODE_POINTS = 0x110000
VARIANTS = {"〇": "零"}  # the zero of written years, which transcripts of speech spell out


@dataclass(frozen=True)
class Text:
    """A file of training text; its counts are multiplied by `weight`."""

    path: Path
    weight: float = 1.0

    @classmethod
    def parse(cls, argument: str) -> "Text":
        """`FILE` or `FILE=WEIGHT`; raises UsageError."""
        path, equals, weight = argument.rpartition("=")
        if not equals or Path(argument).is_file():
            return cls(Path(argument))
        try:
            value = float(weight)
        except ValueError:
            value = 0.0
        if not 0 < value < 1e6:
            raise UsageError(f"{argument}: the weight of a text is a number above 0; write FILE or FILE=0.5")
        return cls(Path(path), value)

    def lines(self) -> Iterator[str]:
        """The lines that are not empty; raises ListError, which names the file (and line) that cannot be read."""
        number = 0
        try:
            with open(self.path, "rb") as file:
                packed = file.read(2) == b"\x1f\x8b"
            with gzip.open(self.path) if packed else open(self.path, "rb") as binary:
                for raw in binary:
                    number += 1
                    if line := raw.decode("utf-8-sig").strip():
                        yield line
        except (OSError, EOFError, zlib.error) as error:
            raise ListError(f"{self.path}: cannot be read: {error}") from None
        except UnicodeDecodeError as error:
            raise ListError(f"{self.path}:{number}: not UTF-8: {error}") from None


@dataclass(frozen=True)
class Counts:
    """Trigrams: keys (n,) int64 sorted, `a << 26 | b << 13 | c`; counts (n,) int64; weighted counts (n,) float64."""

    keys: np.ndarray
    counts: np.ndarray
    weighted: np.ndarray


def blocks(text: Text, exclude: frozenset[str] = frozenset()) -> Iterator[np.ndarray]:
    """The text as arrays of code points (n,) uint32, whole lines, each line between line feeds."""
    lines, size = [""], 0
    for line in text.lines():
        if line not in exclude:
            lines.append(line)
            size += len(line)
            if size >= BLOCK:
                yield _code_points(lines)
                lines, size = [""], 0
    yield _code_points(lines)


def _code_points(lines: list[str]) -> np.ndarray:
    return np.frombuffer(("\n".join(lines) + "\n").encode("utf-32-le", errors="replace"), np.uint32)


def count_characters(texts: Sequence[Text], exclude: frozenset[str] = frozenset()) -> np.ndarray:
    """How often each code point occurs: (0x110000,) int64."""
    total = np.zeros(CODE_POINTS, np.int64)
    for text in texts:
        for block in blocks(text, exclude):
            total += np.bincount(block, minlength=CODE_POINTS)
    return total


def count_trigrams(texts: Sequence[Text], characters: str, exclude: frozenset[str] = frozenset()) -> Counts:
    """Counts all trigrams of `characters` (ids are places in it) within sentences, edges included."""
    ids = np.full(CODE_POINTS, BOUNDARY, np.int64)
    ids[[ord(character) for character in characters]] = np.arange(len(characters))
    for variant, character in VARIANTS.items():
        ids[ord(variant)] = ids[ord(character)]
    counted = [_sort_and_count(ids[block], text.weight) for text in texts for block in blocks(text, exclude)]
    keys = np.concatenate([part.keys for part in counted])
    order = np.argsort(keys, kind="stable")
    first = starts(keys[order])
    counts = np.concatenate([part.counts for part in counted])[order]
    weighted = np.concatenate([part.weighted for part in counted])[order]
    return Counts(keys[order][first], _sums(counts, first), _sums(weighted, first))


def starts(values: np.ndarray) -> np.ndarray:
    """Where the runs of equal values begin in a sorted array."""
    return np.flatnonzero(np.diff(values, prepend=-1))


def _sums(values: np.ndarray, first: np.ndarray) -> np.ndarray:
    return np.add.reduceat(values, first) if len(first) else values[:0]


def _sort_and_count(stream: np.ndarray, weight: float) -> Counts:
    stream = stream[(stream != BOUNDARY) | (np.roll(stream, 1) != BOUNDARY)]  # one boundary between sentences
    stream = np.concatenate(([BOUNDARY], stream, [BOUNDARY]))
    a, b, c = stream[:-2], stream[1:-1], stream[2:]
    keys = np.sort(((a << 2 * ID_BITS) | (b << ID_BITS) | c)[b != BOUNDARY])
    first = starts(keys)
    counts = np.diff(first, append=len(keys))
    return Counts(keys[first], counts, counts * weight)
