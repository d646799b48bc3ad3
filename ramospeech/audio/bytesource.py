"""Reading parts of a file of any size with little memory, and a window on a file that decoders take for a whole one."""

import errno
import io
import os
import re
from dataclasses import dataclass
from typing import IO

_BLOCK = 1 << 20
_OVERLAP = 64  # bytes: longer than any pattern that is searched for


@dataclass(frozen=True)
class Section:
    """A part of a file that is a recording by itself; an ordinary file has one.

    start, end: its bytes. kind: its container. header: written in place of the bytes from `start` to `data`, where
    those would mislead a decoder. samples: how many samples (per channel) its frames hold, None where only decoding
    tells. repair: a header to try when the decoder believes in fewer samples.
    """

    start: int
    end: int
    kind: str
    header: bytes = b""
    data: int | None = None
    samples: int | None = None
    repair: bytes = b""


class Signature:
    """How files begin: patterns of at most 64 bytes, each of which has one of `words` in it, which are found fast."""

    def __init__(self, *patterns: bytes, words: tuple[bytes, ...]):
        self._pattern = re.compile(b"|".join(patterns), re.DOTALL)
        self._words = words

    def match(self, data: bytes) -> re.Match[bytes] | None:
        """Return a match at the start of `data`."""
        return self._pattern.match(data)

    def search(self, data: bytes) -> re.Match[bytes] | None:
        """Return the first match in `data`."""
        return self._pattern.search(data) if any(word in data for word in self._words) else None


class Bytes:
    """Random access to a seekable binary file, a block of it in memory at a time."""

    def __init__(self, file: IO[bytes]):
        self._file = file
        self.size = file.seek(0, io.SEEK_END)
        self._start = 0
        self._block = b""

    def read(self, start: int, count: int) -> bytes:
        """Read up to `count` bytes (at most 1 MiB) from `start`."""
        offset = start - self._start
        if offset < 0 or offset + count > len(self._block):
            self._file.seek(start)
            self._start, self._block = start, self._file.read(max(count, min(_BLOCK, self.size - start)))
            offset = 0
        return self._block[offset : offset + count]

    def number(self, start: int, count: int, order: str = "little") -> int:
        """Return an unsigned integer of `count` bytes; 0 beyond the end of the file."""
        return int.from_bytes(self.read(start, count), order)  # type: ignore[arg-type]

    def find(self, signature: Signature, start: int, end: int | None = None) -> int | None:
        """Return where the signature matches first."""
        end = self.size if end is None else end
        while (start := self._data_from(start)) < end:
            block = self.read(start, min(_BLOCK, end - start))
            if match := signature.search(block):
                return start + match.start()
            if start + len(block) >= end:
                return None
            start += len(block) - _OVERLAP
        return None

    def is_zero(self, start: int, end: int) -> bool:
        """Return whether the bytes between are all zero."""
        while (start := self._data_from(start)) < end:
            block = self.read(start, min(_BLOCK, end - start))
            if block.strip(b"\0"):
                return False
            start += len(block)
        return True

    def _data_from(self, start: int) -> int:
        """Return the position past the hole of a sparse file that `start` is in, less the overlap."""
        try:
            data = os.lseek(self._file.fileno(), start, os.SEEK_DATA)
        except OSError as error:  # no such file system, a file in memory, or nothing but a hole behind
            return self.size if error.errno == errno.ENXIO else start
        return max(start, data - _OVERLAP)


class Window(io.RawIOBase):
    """Part of a file, with another header where the section has one, as a file of its own that can only be read."""

    def __init__(self, file: IO[bytes], section: Section, header: bytes | None = None):
        super().__init__()
        self._file = file
        self._header = section.header if header is None else header
        self._data = section.start if section.data is None else section.data
        self._size = len(self._header) + section.end - self._data
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        """Fill `buffer` as far as the window reaches; returns the number of bytes."""
        count = max(0, min(len(buffer), self._size - self._position))
        if self._position < len(self._header):
            part = self._header[self._position : self._position + count]
        else:
            self._file.seek(self._data + self._position - len(self._header))
            part = self._file.read(count)
        buffer[: len(part)] = part
        self._position += len(part)
        return len(part)
