"""Marks that a path in a list may end with: a piece of a recording, samples without a header, a member of a tar.

    talk.flac#12.34-15.67           from second 12.34 to second 15.67
    talk.flac#12.34-15.67@2         of its second channel alone
    talk.raw#s16be                  samples of 16 bits without a header, big endian (`s16le`: little), at 16 kHz
    talk.pcm#s16le@8000             the same at 8 kHz
    shard-000001.tar#1536+64044     64,044 bytes from byte 1,536 on; the tar may be at an http address

Marks may follow each other: `shard.tar#1536+64044#0-2.5`. A file whose own name ends like a mark is taken as itself.
"""

import os
import re
from pathlib import Path

from ramospeech.audio import remote
from ramospeech.audio.framing import SAMPLE_RATE
from ramospeech.audio.sources import is_url, name_of, opened
from ramospeech.errors import AudioError

_MARK = re.compile(
    r"(?P<start>\d+(?:\.\d+)?)-(?P<end>\d+(?:\.\d+)?)(?:@(?P<channel>[1-9]\d*))?"
    r"|(?P<offset>\d+)\+(?P<size>\d+)"
    r"|s16(?P<order>[bl])e(?:@(?P<rate>[1-9]\d*))?"
)
_BLOCK = 512  # bytes, of which the header of a tar's member has one


def split_mark(name: str) -> tuple[str, re.Match[str] | None]:
    """Return a path without its last mark, and the mark; None where it has none.

    >>> split_mark("talk.flac#12.34-15.67")[0]
    'talk.flac'
    """
    file, sign, end = name.rpartition("#")
    mark = _MARK.fullmatch(end) if sign and file else None
    return (name, None) if mark is None or (not is_url(name) and os.path.exists(name)) else (file, mark)


def file_of(name: str | Path) -> str:
    """Return the file that a path with marks is about.

    >>> file_of("shard.tar#1536+64044#0-2.5")
    'shard.tar'
    """
    file, mark = split_mark(str(name))
    return file if mark is None else file_of(file)


def piece(name: str | Path, start: float, end: float, channel: int | None = None) -> Path:
    """Return the path of a piece of a recording, in seconds; of one channel, from 1, where one is given.

    Raises ValueError for times between which nothing lies.

    >>> piece("talk.flac", 1.5, 2.25).name
    'talk.flac#1.5-2.25'
    """
    if not 0 <= start < end < float("inf"):
        raise ValueError(f"nothing lies from {start:g} to {end:g} s")
    return Path(f"{name}#{_seconds(start)}-{_seconds(end)}" + (f"@{channel}" if channel else ""))


def headerless(name: str | Path, order: str, rate: int = SAMPLE_RATE) -> Path:
    """Return the path of samples of 16 bits without a header; `order` is "b" for big endian, "l" for little."""
    return Path(f"{name}#s16{order}e" + (f"@{rate}" if rate != SAMPLE_RATE else ""))


def member_of(tar: str | Path, offset: int, size: int) -> Path:
    """Return the path of a file in a tar, by the byte that its content begins at and its bytes."""
    return Path(f"{tar}#{offset}+{size}")


def located(root: str | Path, name: str) -> Path:
    """Return where the recording of a list is: relative to `root`, absolute, or at an address."""
    return Path(name) if is_url(name) else Path(root) / name


def exists(path: str | Path) -> bool:
    """Return whether the file of a path with marks is there; of one at an address only reading tells."""
    file = file_of(path)
    return is_url(file) or os.path.isfile(file)


def shard_of(name: str | Path) -> str | None:
    """Return the tar that a path names a member of; None where it names none.

    >>> shard_of("shard.tar#1536+64044#0-2.5")
    'shard.tar'
    """
    file, mark = split_mark(str(name))
    return None if mark is None else file if mark["size"] else shard_of(file)


def piece_seconds(path: str | Path) -> float | None:
    """Return how long the piece of a recording is that a path names; None where it names none."""
    mark = split_mark(str(path))[1]
    return float(mark["end"]) - float(mark["start"]) if mark and mark["end"] else None


def member(file: str, offset: int, size: int) -> bytes:
    """Return the content of a tar's member. Raises AudioError where no member of that size is there."""
    if is_url(file):
        return checked(remote.read(name_of(Path(file)), max(0, offset - _BLOCK), _BLOCK + size), offset, size)
    try:
        with open(file, "rb") as tar:
            tar.seek(max(0, offset - _BLOCK))
            found = tar.read(_BLOCK + size)
    except OSError as error:
        raise AudioError(f"cannot be read ({error.strerror or error}); check the shard and --data_root") from error
    return checked(found, offset, size)


def content(name: str) -> bytes:
    """Return the bytes of a file without a header, or of a tar's member. Raises AudioError for an odd number."""
    file, mark = split_mark(name)
    if mark and mark["size"]:
        found = member(file, int(mark["offset"]), int(mark["size"]))
    else:
        with opened(name) as opened_file:
            found = opened_file.read()
    if not found or len(found) % 2:
        raise AudioError(f"holds {len(found)} bytes, where samples of 16 bits are expected; copy it again")
    return found


def checked(found: bytes, offset: int, size: int) -> bytes:
    """Return the content of a member without its header, which the bytes found begin with. Raises AudioError."""
    header = found[:_BLOCK]
    if offset < _BLOCK or header[257:262] != b"ustar" or _size(header[124:136]) != size:
        raise AudioError(
            f"no file of {size} bytes begins at byte {offset} of the shard; list and shard are not of one packing: "
            "copy them again, or pack again"
        )
    if len(found) < _BLOCK + size:
        raise AudioError(
            f"truncated: the shard ends {_BLOCK + size - len(found)} bytes before its member does; copy it again"
        )
    return found[_BLOCK:]


def _size(field: bytes) -> int:
    """Return the size that a header has: octal digits, or binary from 8 GiB on; -1 for neither."""
    if field[:1] == b"\x80":
        return int.from_bytes(field[1:])
    try:
        return int(field.strip(b" \0") or b"-1", 8)
    except ValueError:
        return -1


def _seconds(value: float) -> str:
    return f"{value:.4f}".rstrip("0").rstrip(".")
