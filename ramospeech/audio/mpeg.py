"""Frames of MPEG audio (mp3, mp2): how many there are, and where one recording ends and the next begins.

Headers of these files guess their length; only the frames tell it. Layouts: ISO/IEC 11172-3 and 13818-3; the Xing,
Info and VBRI frames as LAME and Fraunhofer write them; ID3v1, ID3v2, APE and Lyrics3 tags.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from ramospeech.audio.bytesource import Bytes, Section, Signature
from ramospeech.errors import AudioError

_BITRATES = {  # kbit/s by (MPEG 1?, layer)
    (True, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}  # by version bits
_LIMIT = 1 << 20  # bytes searched for the next frame before the rest is given up to whatever else it may be


@dataclass(frozen=True)
class Frame:
    """A frame header: bytes to the next one, samples, and what must not change within a recording."""

    size: int
    samples: int
    rate: int
    same: tuple[int, int, int, bool]  # version, layer, rate, mono
    side: int  # bytes between the header and what follows the side information


@lru_cache(4096)
def parse(header: int) -> Frame | None:
    """Return the frame that these four bytes (big-endian) start, or None if they start none."""
    version, layer, bitrate, rate = header >> 19 & 3, 4 - (header >> 17 & 3), header >> 12 & 15, header >> 10 & 3
    if header >> 21 != 0x7FF or version == 1 or layer == 4 or bitrate in (0, 15) or rate == 3:
        return None
    first = version == 3
    hertz = _RATES[version][rate]
    bits = _BITRATES[first, layer][bitrate] * 1000
    samples = 384 if layer == 1 else 1152 if first or layer == 2 else 576
    padding = header >> 9 & 1
    size = (12 * bits // hertz + padding) * 4 if layer == 1 else samples // 8 * bits // hertz + padding
    mono = header >> 6 & 3 == 3
    side = (17 if mono else 32) if first else (9 if mono else 17)
    return Frame(size, samples, hertz, (version, layer, hertz, mono), side)


def tag_size(file: Bytes, start: int) -> int:
    """Return bytes of the tag (ID3, APE, Lyrics3) that starts here; 0 if none does."""
    head = file.read(start, 32)
    if head[:3] == b"ID3" and len(head) >= 10 and max(head[6:10]) < 128:
        size = 10 + (head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9])
        return size + (10 if head[5] & 16 else 0)
    if head[:3] == b"TAG":
        return 128
    if head[:8] == b"APETAGEX" and len(head) == 32:
        return int.from_bytes(head[12:16], "little") + 32
    if head[:11] == b"LYRICSBEGIN":
        end = file.read(start, 1 << 16).find(b"LYRICS200")
        return end + 9 if end > 0 else 0
    return 0


def starts_here(file: Bytes, start: int) -> bool:
    """Return whether two frames that belong together, or one and the end of the file, are here."""
    frame = parse(file.number(start, 4, "big"))
    if frame is None:
        return False
    after = parse(file.number(start + frame.size, 4, "big"))
    if after is not None:
        return after.same[:3] == frame.same[:3]
    return start + frame.size == file.size or tag_size(file, start + frame.size) > 0


def _announced(file: Bytes, start: int, frame: Frame) -> int | None:
    """Return the number of frames that an information frame announces, 0 if it does not say; None for a frame of
    sound."""
    info = file.read(start, min(frame.size, 64))
    tag = info[4 + frame.side : 4 + frame.side + 12]
    if tag[:4] in (b"Xing", b"Info"):
        return struct.unpack(">I", tag[8:12])[0] if tag[7] & 1 else 0
    if info[36:40] == b"VBRI":
        return struct.unpack(">I", info[50:54])[0]
    return None


def _information(header: int, frames: int, size: int) -> bytes:
    """Return a Xing frame that announces so many frames and bytes."""
    header = header & ~0xF200 | 0x10000 | 12 << 12  # without padding or a checksum, and long enough
    frame = parse(header)
    assert frame is not None
    content = bytearray(frame.size)
    content[:4] = header.to_bytes(4, "big")
    content[4 + frame.side : 20 + frame.side] = b"Xing" + struct.pack(">III", 3, frames, size + frame.size)
    return bytes(content)


def _next(file: Bytes, start: int) -> int | None:
    """Return where frames resume after other bytes."""
    for position in range(start, min(start + _LIMIT, file.size - 3)):
        if file.read(position, 1) == b"\xff" and starts_here(file, position):
            return position
    return None


def sections(file: Bytes, start: int, warnings: list[str], starts: Signature) -> tuple[list[Section], int]:
    """Return the recordings of consecutive frames from `start`, and where the frames end.

    A recording ends where an information frame or another format (`starts`) begins, or where its own information
    frame puts the end.
    Raises AudioError where one announces more frames than are there.
    """
    found: list[Section] = []
    part: list[int] = []  # start of the part, of its first frame of sound, frames, announced frames
    first: Frame | None = None
    damaged = 0
    position = start

    def finish(end: int) -> None:
        if not part or first is None:
            return
        begin, sound, count, announced = part
        if announced > count + 1:
            raise AudioError(
                f"truncated: its header says {announced} frames and {count} are there; copy or download it again"
            )
        repair = b"" if announced or not count else _information(file.number(sound, 4, "big"), count, end - sound)
        if count:
            samples = None if announced else count * first.samples
            found.append(Section(begin, end, "mp3", data=sound if repair else None, samples=samples, repair=repair))

    for position, frame, skipped in _frames(file, start, starts):
        damaged += skipped
        announced = _announced(file, position, frame)
        if first is None or announced is not None or frame.same != first.same or (part[3] and part[2] >= part[3]):
            finish(position)
            first = frame
            part = [position if found else start, position, 0, 0]
            if announced is not None:
                part = [position if found else start, position + frame.size, 0, announced]
                continue
        part[2] += 1
    end = min(position + (frame.size if first else 0), file.size) if first else start
    finish(end)
    if damaged:
        warnings.append(f"{damaged} bytes between its frames are damaged or not audio; they were skipped")
    return found, end


def _frames(file: Bytes, position: int, starts: Signature) -> Iterator[tuple[int, Frame, int]]:
    """Yield (start, frame, damaged bytes before it) of each whole frame."""
    skipped = 0
    while position + 4 <= file.size:
        frame = parse(file.number(position, 4, "big"))
        if frame is not None and position + frame.size <= file.size:
            yield position, frame, skipped
            position, skipped = position + frame.size, 0
        elif size := tag_size(file, position):
            position += size
        else:
            further = None if starts.match(file.read(position, 64)) else _next(file, position + 1)
            if further is None or file.find(starts, position, further) is not None:
                return
            skipped += 0 if file.is_zero(position, further) else further - position
            position = further
