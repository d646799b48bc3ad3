"""Files of training text: plain or gzip, UTF-8, one sentence per line."""

import gzip
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ramospeech.errors import ListError, UsageError
from ramospeech.text.hanzi import fold_hanzi

BLOCK = 1 << 22  # characters read at once
VARIANTS = {"〇": "零"}  # the zero of written years, which transcripts of speech spell out


@dataclass(frozen=True)
class TextFile:
    """A file of training text; its counts are multiplied by `weight`."""

    path: Path
    weight: float = 1.0

    @classmethod
    def parse(cls, argument: str) -> "TextFile":
        """Parse `FILE` or `FILE=WEIGHT`; raises UsageError."""
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
        """Yield the lines that are not empty; raises ListError, which names the file (and line) that cannot be read."""
        number = 0
        try:
            with open(self.path, "rb") as file:
                packed = file.read(2) == b"\x1f\x8b"
            with gzip.open(self.path) if packed else open(self.path, "rb") as binary:
                for raw in binary:
                    number += 1
                    if line := fold_hanzi(raw.decode("utf-8-sig")).strip():
                        yield line
        except (OSError, EOFError, zlib.error) as error:
            raise ListError(f"{self.path}: cannot be read: {error}") from None
        except UnicodeDecodeError as error:
            raise ListError(f"{self.path}:{number}: not UTF-8: {error}") from None


def excluded(paths: Sequence[Path]) -> frozenset[str]:
    """Return the sentences of files: every line, or every column of a line with tabs."""
    sentences: set[str] = set()
    for path in paths:
        for line in TextFile(path).lines():
            sentences.update(column.strip() for column in line.split("\t"))
    return frozenset(sentences - {""})


def blocks(text: TextFile, exclude: frozenset[str] = frozenset()) -> Iterator[np.ndarray]:
    """Yield the text as arrays of code points (n,) uint32, whole lines, each line between line feeds."""
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
