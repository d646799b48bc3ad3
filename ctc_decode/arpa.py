"""ARPA files of n-gram models: reading, with the line number of whatever is wrong, and writing.

The arrays are those of `ctc_decode.lm.NgramModel`. In the file logarithms are decimal.
"""

import gzip
import os
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import IO, NoReturn

import numpy as np

LINES = 1 << 16  # parsed at once: bounds the memory
LN10 = float(np.log(10))
_COUNT = re.compile(rb"ngram\s+(\d+)\s*=\s*(\d+)")

Arrays = tuple[tuple[str, ...], np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def read(path: Path) -> Arrays:
    """Read words, levels, context, word, log_prob and backoff of a file, plain or gzip. Raises ValueError."""
    with open(path, "rb") as file:
        start = file.read(8)
    if start == b"mmap lm ":
        raise ValueError(
            f"{path}: a binary file of KenLM, which only KenLM can read; give the ARPA file that it was built from, "
            "or make one from the text: lmplz -o 3 < TEXT > lm.arpa, "
            "or python -m ramospeech.train_lm TEXT --output lm.arpa"
        )
    with gzip.open(path) if start[:2] == b"\x1f\x8b" else open(path, "rb") as file:
        reader = _Reader(path, file)
        try:
            return reader.model()
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            reader.fail(f"the compressed file is cut off or broken ({error}); copy it again")


class _Reader:
    """Goes through a file once, counting lines."""

    def __init__(self, path: Path, lines: Iterator[bytes] | IO[bytes]) -> None:
        self.path = path
        self.lines = iter(lines)
        self.number = 0  # of the line read last

    def fail(self, message: str, number: int | None = None) -> NoReturn:
        raise ValueError(f"{self.path}:{self.number if number is None else number}: {message}")

    def line(self) -> bytes:
        """Return the next line that is not blank; b"" at the end of the file."""
        for line in self.lines:
            self.number += 1
            if line := line.strip():
                return line
        return b""

    def model(self) -> Arrays:
        counts, line = self._counts()
        order = len(counts)
        words: dict[bytes, int] = {}
        keys: list[np.ndarray] = []  # of each length, sorted: context * W + word
        log_probs: list[np.ndarray] = []
        backoffs = [np.zeros(0, np.float32)]
        for n, count in enumerate(counts, 1):
            if line != b"\\%d-grams:" % n:
                self.fail(f"expected \\{n}-grams: and found {_quoted(line)}{self._cut(line)}")
            first = self.number + 1
            ids, log_prob, backoff = self._section(n, count, words)
            context = np.zeros(count, np.int64)
            for column in range(n - 1):
                prefixes = context * len(words) + ids[column]
                shorter = keys[column]
                position = np.minimum(np.searchsorted(shorter, prefixes), len(shorter) - 1)
                for bad in np.flatnonzero(shorter[position] != prefixes)[:1]:
                    self.fail(f"the first {column + 1} words of this {n}-gram are not a {column + 1}-gram", first + bad)
                context = position + 1 + sum(map(len, keys[:column]))
            key = context * len(words) + ids[n - 1]
            sort = np.argsort(key, kind="stable")
            key = key[sort]
            for twice in np.flatnonzero(key[1:] == key[:-1])[:1] + 1:
                self.fail(f"this {n}-gram occurs twice", first + int(sort[twice]))
            keys.append(key)
            log_probs.append(log_prob[sort])
            if n < order:
                backoffs.append(backoff[sort])
            line = self.line()
        if line != b"\\end\\":
            self.fail(f"expected \\end\\ and found {_quoted(line)}{self._cut(line)}")
        key = np.concatenate(keys)
        return (
            tuple(word.decode() for word in words),
            np.cumsum([0, *counts]),
            (key // len(words)).astype(np.int32),
            (key % len(words)).astype(np.int32),
            np.concatenate(log_probs),
            np.concatenate(backoffs),
        )

    def _counts(self) -> tuple[list[int], bytes]:
        r"""Return how many n-grams of each length the head announces, and the line after it."""
        line = self.line()
        if line != b"\\data\\":
            self.fail(f"not an ARPA file: it must begin with \\data\\, and begins with {_quoted(line)}")
        counts: list[int] = []
        while match := _COUNT.fullmatch(line := self.line()):
            counts.append(int(match[2]))
            if int(match[1]) != len(counts) or not counts[-1]:
                self.fail(f"expected the number of {len(counts)}-grams, at least 1, and found {_quoted(line)}")
        if not counts:
            self.fail(f"expected `ngram 1=...` and found {_quoted(line)}{self._cut(line)}")
        return counts, line

    def _section(self, n: int, count: int, words: dict[bytes, int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Read ids (n, count), log_prob and backoff (count,) of the n-grams of one length; unigrams fill `words`."""
        ids: list[np.ndarray] = []
        numbers: list[np.ndarray] = []
        done = 0
        while done < count:
            first = self.number + 1
            rows = [line.split() for line in islice(self.lines, min(LINES, count - done))]
            self.number += len(rows)
            lengths = np.fromiter(map(len, rows), np.int64, len(rows))
            for bad in np.flatnonzero((lengths != n + 1) & (lengths != n + 2))[:1]:
                self._bad_row(rows[bad], n, done + int(bad), count, first + int(bad))
            if not rows:
                self.fail(f"the file is cut off after {done} of {count} {n}-grams; copy it again")
            if n == 1:
                self._add_words(rows, words, first)
            try:
                ids.append(
                    np.array([[words[word] for word in map(itemgetter(column), rows)] for column in range(1, n + 1)])
                )
            except KeyError as error:
                bad = next(i for i, row in enumerate(rows) if error.args[0] in row[1 : n + 1])
                self.fail(f"{_quoted(error.args[0])} is not among the 1-grams", first + bad)
            try:
                block = np.array([[float(row[0]), float(row[-1]) if len(row) == n + 2 else 0.0] for row in rows])
            except ValueError:
                block = np.array([[_number(row[0]), _number(row[-1]) if len(row) == n + 2 else 0.0] for row in rows])
            for bad in np.flatnonzero(~np.isfinite(block).all(axis=1) | (block[:, 0] > 1e-4))[:1]:
                self.fail(
                    f"{_quoted(b' '.join(rows[bad]))}: not logarithms of a probability and a back-off", first + bad
                )
            numbers.append((block * LN10).astype(np.float32))
            done += len(rows)
        both = np.concatenate(numbers)
        return np.concatenate(ids, axis=1), both[:, 0], both[:, 1]

    def _add_words(self, rows: list[list[bytes]], words: dict[bytes, int], first: int) -> None:
        for i, row in enumerate(rows):
            try:
                row[1].decode()
            except UnicodeDecodeError:
                self.fail(f"{row[1]!r} is not UTF-8; save the file as UTF-8", first + i)
            words.setdefault(row[1], len(words))

    def _bad_row(self, row: list[bytes], n: int, done: int, count: int, number: int) -> NoReturn:
        if not row or row[0].startswith(b"\\"):
            self.fail(f"the {n}-grams end after {done} of {count}: the file is cut off; copy it again", number)
        self.fail(f"expected a logarithm, {n} words and perhaps another; found {_quoted(b' '.join(row))}", number)

    @staticmethod
    def _cut(line: bytes) -> str:
        return "" if line else ": the file is cut off; copy it again"


def _quoted(line: bytes) -> str:
    return repr(b" ".join(line.split())[:60].decode("utf-8", "replace")) if line else "the end of the file"


def _number(field: bytes) -> float:
    try:
        return float(field)
    except ValueError:
        return float("nan")


def write(
    path: Path,
    words: tuple[str, ...],
    levels: np.ndarray,
    context: np.ndarray,
    word: np.ndarray,
    log_prob: np.ndarray,
    backoff: np.ndarray,
) -> None:
    """Write a file under its name whole or not at all; gzip where it is named .gz."""
    order = len(levels) - 1
    texts = [""]  # of each state
    with _whole(path) as file:
        file.write("\\data\\\n" + "".join(f"ngram {n + 1}={levels[n + 1] - levels[n]}\n" for n in range(order)))
        for n in range(order):
            low, high = int(levels[n]), int(levels[n + 1])
            file.write(f"\n\\{n + 1}-grams:\n")
            for begin in range(low, high, LINES):
                part = slice(begin, min(begin + LINES, high))
                grams = [
                    f"{texts[c]} {words[w]}" if c else words[w]
                    for c, w in zip(context[part].tolist(), word[part].tolist(), strict=True)
                ]
                logs = (log_prob[part] / LN10).tolist()
                if n + 1 < order:
                    weights = (backoff[part] / LN10).tolist()
                    rows = zip(logs, grams, weights, strict=True)
                    file.writelines(f"{p:.7g}\t{gram}\t{b:.7g}\n" for p, gram, b in rows)
                    texts += grams
                else:
                    file.writelines(f"{p:.7g}\t{gram}\n" for p, gram in zip(logs, grams, strict=True))
        file.write("\n\\end\\\n")


@contextmanager
def _whole(path: Path) -> Iterator[IO[str]]:
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with gzip.open(part, "wt", 6, "utf-8") if path.suffix == ".gz" else part.open("w", encoding="utf-8") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
