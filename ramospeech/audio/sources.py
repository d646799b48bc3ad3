"""Where audio comes from: paths, bytes, file objects, arrays, a channel of one; what is none of these is refused."""

import io
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from ramospeech.errors import AudioError

Whole = str | Path | bytes | IO[bytes] | tuple[np.ndarray, int]

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:/")  # of two slashes a Path leaves one


@dataclass(frozen=True)
class Channel:
    """One channel of a recording, by its number from 1. It is read once for each channel, so a file object must be
    seekable."""

    source: Whole
    number: int


Source = Whole | Channel


def name_of(source: Source) -> str:
    """Return what to call a source in a message."""
    if isinstance(source, Channel):
        return f"{name_of(source.source)}#{source.number}"
    if isinstance(source, bytes):
        return f"<{len(source)} bytes of audio>"
    if isinstance(source, tuple):
        samples = len(source[0]) if source and isinstance(source[0], np.ndarray) and source[0].ndim else "no"
        return f"<{samples} samples at {source[-1] if source else 'no'} Hz>"
    if isinstance(source, Path) and is_url(str(source)):
        return str(source).replace(":/", "://", 1)
    return str(source if isinstance(source, str | Path) else getattr(source, "name", "<file object>"))


def is_url(name: str) -> bool:
    """Return whether that is a URL and not a path that exists."""
    return bool(_URL.match(name)) and not Path(name).exists()


def check_source(source: object) -> None:
    """Raise AudioError for an invalid source, or a file object that cannot be read."""
    if isinstance(source, tuple):
        is_waveform = len(source) == 2 and isinstance(source[0], np.ndarray) and source[0].ndim > 0
        if not is_waveform or not isinstance(source[1], int | np.integer):
            raise AudioError("is not (waveform, sample rate); give a numpy array of floats and an integer in Hz")
    elif isinstance(source, io.TextIOBase):
        raise AudioError("is open as text; open it as binary (mode rb)")
    elif not isinstance(source, str | Path | bytes) and not hasattr(source, "read"):
        raise AudioError(
            f"is of type {type(source).__name__}; give a path, the bytes of a file, a binary file object or "
            "(waveform, sample rate)"
        )
    elif getattr(source, "closed", False):
        raise AudioError("is a closed file; open it again")


@contextmanager
def opened(source: str | Path | bytes | IO[bytes]) -> Iterator[IO[bytes]]:
    """Open a seekable binary file of a source."""
    if isinstance(source, bytes):
        yield io.BytesIO(source)
    elif not isinstance(source, str | Path):
        if source.seekable():
            yield source
        else:
            with tempfile.TemporaryFile() as copy:
                shutil.copyfileobj(source, copy)
                yield copy
    else:
        _check_path(str(source))
        with Path(source).open("rb") as file:
            yield file


def _check_path(name: str) -> None:
    """Refuse a path that is not a file, with the reason."""
    if is_url(name):
        raise AudioError("is a URL; download the recording first and give its file")
    if name.rstrip().endswith("|"):
        raise AudioError("is a command; run it first and list the file that it makes")
    path = Path(name)
    if not path.exists():
        raise AudioError("no such file; check the path and, for lists, --data_root")
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise AudioError("is a folder, where an audio file is expected")
    if not stat.S_ISREG(mode):
        raise AudioError("is not a regular file; write the recording to a file first")
