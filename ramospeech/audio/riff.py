"""Where the samples of wav, rf64, w64, aiff and au files lie, whatever their headers say about sizes.

A recorder that is killed leaves a size of zero, of an earlier moment, or a placeholder; files joined with `cat` have
more behind the size. A header that misleads is written anew in the Section; the samples are never touched.
"""

import re
import struct
from dataclasses import dataclass, field

import numpy as np

from ramospeech.audio.bytesource import Bytes, Section, Signature
from ramospeech.audio.mpeg import tag_size
from ramospeech.errors import AudioError

_W64_RIFF = bytes.fromhex("726966662e91cf11a5d628db04c10000")
_W64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")
_CHUNK_NAME = re.compile(rb"[A-Za-z0-9 _()]{4}")
# Programs that write to a pipe cannot know the size and put the largest number there; libsndfile knows that.
UNKNOWN_SIZE = 0x7FFF0000


@dataclass
class _Samples:
    """The samples of one file. sizes: (position, bytes, addend) of what counts them: bytes of samples + addend."""

    start: int
    data: int
    stated: int
    order: str
    kind: str
    width: int = 2  # bytes of a sample
    align: int = 2  # bytes of a frame of all channels
    pad: int = 2  # chunks begin at multiples of this
    floats: bool = False
    sizes: list[tuple[int, int, int]] = field(default_factory=list)
    frames_at: int | None = None  # where the number of frames is, in aiff

    def header(self, file: Bytes, count: int) -> bytes:
        """Return the header for `count` bytes of samples."""
        head = bytearray(file.read(self.start, self.data - self.start))
        for position, width, addend in self.sizes:
            largest = 256**width - 1
            head[position - self.start : position - self.start + width] = min(count + addend, largest).to_bytes(
                width,
                self.order,  # type: ignore[arg-type]
            )
        if self.frames_at is not None:
            at = self.frames_at - self.start
            head[at : at + 4] = struct.pack(">I", min(count // self.align, 0xFFFFFFFF))
        return bytes(head)


def locate(file: Bytes, start: int) -> _Samples | None:
    """Return the samples of a file that begins at `start`; None where it is none of these or has no samples."""
    head = file.read(start, 40)
    if head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64") and head[8:12] == b"WAVE":
        return _wave(file, start, "big" if head[:4] == b"RIFX" else "little")
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return _aiff(file, start)
    if head[:16] == _W64_RIFF:
        return _w64(file, start)
    if head[:4] in (b".snd", b"dns.") and len(head) >= 24:
        return _au(file, start, "big" if head[:4] == b".snd" else "little")
    return None


def _format(found: _Samples, head: bytes) -> None:
    """Take over what the content of a `fmt ` chunk says."""
    tag, _, _, _, found.align, bits = struct.unpack(
        ">HHIIHH" if found.order == "big" else "<HHIIHH", head[:16].ljust(16, b"\0")
    )
    found.align = max(1, found.align)
    if tag == 0xFFFE and len(head) >= 26:
        tag = int.from_bytes(head[24:26], "little")
    found.width = bits // 8 if tag in (1, 3) else 0
    found.floats = tag == 3


def _wave(file: Bytes, start: int, order: str) -> _Samples | None:
    found = _Samples(start, 0, 0, order, "wav", sizes=[(start + 4, 4, 0)])
    position = start + 12
    large = None
    while position + 8 <= file.size:
        name, size = file.read(position, 4), file.number(position + 4, 4, order)
        if name == b"data":
            found.data, found.stated = position + 8, size
            if large is not None:
                found.stated = file.number(large + 16, 8)
                addend = found.data - start - 8
                found.sizes = [(large + 8, 8, addend), (large + 16, 8, 0)]
            else:
                found.sizes = [(start + 4, 4, found.data - start - 8), (position + 4, 4, 0)]
            return found
        if name == b"ds64":
            large = position
        elif name == b"fmt " and size >= 16:
            _format(found, file.read(position + 8, min(size, 40)))
        position += 8 + size + size % 2
    return None


def _aiff(file: Bytes, start: int) -> _Samples | None:
    found = _Samples(start, 0, 0, "big", "aiff")
    position = start + 12
    while position + 8 <= file.size:
        name, size = file.read(position, 4), file.number(position + 4, 4, "big")
        if name == b"COMM":
            channels, _, bits = struct.unpack(">HIH", file.read(position + 8, 8).ljust(8, b"\0"))
            found.width = (bits + 7) // 8 if file.read(start + 8, 4) == b"AIFF" else 0
            found.align = max(1, channels * found.width)
            found.frames_at = position + 10
        elif name == b"SSND":
            if found.frames_at is None or not found.width:
                return None  # COMM behind the samples, or compressed: as libsndfile reads it
            found.data, found.stated = position + 16, max(0, size - 8)
            found.sizes = [(start + 4, 4, found.data - start - 8), (position + 4, 4, 8)]
            return found
        position += 8 + size + size % 2
    return None


def _w64(file: Bytes, start: int) -> _Samples | None:
    found = _Samples(start, 0, 0, "little", "w64", pad=8)
    position = start + 40
    while position + 24 <= file.size:
        name, size = file.read(position, 16), file.number(position + 16, 8)
        if name[4:] != _W64_TAIL:
            return None
        if name[:4] == b"data":
            found.data, found.stated = position + 24, max(0, size - 24)
            found.sizes = [(start + 16, 8, found.data - start), (position + 16, 8, 24)]
            return found
        if name[:4] == b"fmt ":
            _format(found, file.read(position + 24, 40))
        position += max(24, size + -size % 8)
    return None


def _au(file: Bytes, start: int, order: str) -> _Samples | None:
    offset, size, encoding = (file.number(start + at, 4, order) for at in (4, 8, 12))
    width = {1: 0, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8}.get(encoding, 0)
    channels = file.number(start + 20, 4, order)
    found = _Samples(start, start + offset, size, order, "au", width, max(1, channels * width), pad=1)
    found.floats = encoding in (6, 7)
    found.sizes = [(start + 8, 4, 0)]
    return found if 24 <= offset <= file.size - start else None


def section(file: Bytes, samples: _Samples, warnings: list[str], starts: Signature) -> tuple[Section, int]:
    """Return the recording, and where what follows it begins. `starts`: what begins another recording.

    Raises AudioError for a file that ends before its header says.
    """
    available = file.size - samples.data
    stated = samples.stated
    whole = Section(samples.start, file.size, samples.kind)
    if stated > available:
        if not _is_placeholder(stated):
            raise AudioError(
                f"truncated: its header says {stated} bytes of samples and {available} are there; copy or download "
                "it again, or `ffmpeg -i FILE PART.wav` to keep what is there"
            )
        if stated < UNKNOWN_SIZE:
            warnings.append(f"its header was not finished; all {available} bytes behind it were read")
        further = file.find(starts, samples.data)
        if further is None:
            return whole, file.size
        return _patched(file, samples, further - samples.data), further
    end = samples.data + stated
    after, known = _behind(file, samples, end, starts)
    if after >= file.size or known:
        return Section(samples.start, after, samples.kind), after
    unfinished = stated == 0 or _like_samples(file, samples, end, after)
    if not unfinished:
        return Section(samples.start, after, samples.kind), after
    stop = file.find(starts, after) or file.size
    count = stop - samples.data
    warnings.append(f"its header counts {stated} bytes of samples; the {count - stated} behind them were read too")
    return _patched(file, samples, count), stop


def _patched(file: Bytes, samples: _Samples, count: int) -> Section:
    end = samples.data + count
    return Section(samples.start, end, samples.kind, header=samples.header(file, count), data=samples.data)


def _behind(file: Bytes, samples: _Samples, end: int, starts: Signature) -> tuple[int, bool]:
    """Return where the chunks behind the samples end, and whether that is the start of another recording."""
    for position in (end, end + -(end - samples.start) % samples.pad):
        if starts.match(file.read(position, 64)) or tag_size(file, position):
            return position, True
    position = end + -(end - samples.start) % samples.pad
    while position < file.size and samples.pad > 1:
        if starts.match(file.read(position, 64)):
            return position, True
        name = file.read(position, 4)
        if samples.pad == 8:
            if file.read(position + 4, 12) != _W64_TAIL:
                break
            size = file.number(position + 16, 8)
            size += -size % 8
        else:
            if not _CHUNK_NAME.fullmatch(name):
                break
            size = file.number(position + 4, 4, samples.order)
            size += 8 + size % 2
        if size < 8 or position + size > file.size + 1:
            break
        position += size
    return min(position, file.size), False


def _is_placeholder(size: int) -> bool:
    """Return whether a size is a number that stands for one not known yet: huge, or about a power of two from 16
    MiB."""
    nearest = 1 << max(0, (size + 4096).bit_length() - 1)
    return size >= UNKNOWN_SIZE or (nearest >= 1 << 24 and abs(size - nearest) <= 4096)


def _like_samples(file: Bytes, samples: _Samples, end: int, after: int) -> bool:
    """Return whether the bytes behind the samples look like audio: neighbouring samples are similar."""
    if not samples.width or after != end or file.size - end < 64 * samples.align:
        return False
    start = end + -(end - samples.data) % samples.align
    content = file.read(start, min(1 << 18, (file.size - start) // samples.align * samples.align))
    channels = samples.align // samples.width
    order = ">" if samples.order == "big" else "<"
    if samples.floats:
        with np.errstate(all="ignore"):
            values = np.nan_to_num(np.frombuffer(content, f"{order}f{samples.width}")[::channels].clip(-2, 2), nan=2.0)
    else:
        raw = np.frombuffer(content, np.uint8).reshape(-1, samples.width)[::channels]
        top = raw[:, 0] if samples.order == "big" else raw[:, -1]
        signed = top.astype(np.int8).astype(np.float64)
        values = top.astype(np.float64) - 128 if samples.width == 1 else signed * 256
        if samples.width > 1:
            values = values + (raw[:, 1] if samples.order == "big" else raw[:, -2])
    values = values - values.mean()
    power = float(np.square(values).sum())
    return power > 0 and float((values[1:] * values[:-1]).sum()) > 0.5 * power


__all__ = ["UNKNOWN_SIZE", "locate", "section"]
