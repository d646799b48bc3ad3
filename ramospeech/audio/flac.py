"""How many samples a flac file really has: its last frame tells, its header may not (RFC 9639)."""

from functools import lru_cache

from ramospeech.audio.bytesource import Bytes, Section
from ramospeech.errors import AudioError

_TOTAL = (1 << 36) - 1
_TAIL = 1 << 18  # a frame is shorter than this at any rate that speech is recorded with
_SIZES = {1: 192, **{code: 144 << code for code in range(2, 6)}, **{code: 1 << code for code in range(8, 16)}}


@lru_cache(1)
def _crc_table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = value << 1 ^ (0x107 if value & 0x80 else 0)
        table.append(value)
    return tuple(table)


def _crc8(data: bytes) -> int:
    table, value = _crc_table(), 0
    for byte in data:
        value = table[value ^ byte]
    return value


def _frame_end(head: bytes, block: int) -> int | None:
    """Return the number of samples up to the end of the frame whose header this is; None if it is not a header."""
    if len(head) < 16 or head[0] != 0xFF or head[1] & 0xFE != 0xF8 or head[3] & 1:
        return None
    more = next((bit for bit in range(8) if not head[4] & 0x80 >> bit), 8)  # bytes of the number, as in UTF-8
    if more in (1, 8):
        return None
    following = max(0, more - 1)
    number = head[4] & (0x7F >> more)
    for byte in head[5 : 5 + following]:
        if byte >> 6 != 2:
            return None
        number = number << 6 | byte & 0x3F
    position = 5 + following
    code = head[2] >> 4
    if code in (6, 7):
        samples = int.from_bytes(head[position : position + code - 5], "big") + 1
        position += code - 5
    elif code in _SIZES:
        samples = _SIZES[code]
    else:
        return None
    position += {12: 1, 13: 2, 14: 2}.get(head[2] & 15, 0)
    if _crc8(head[:position]) != head[position]:
        return None
    return samples + (number if head[1] & 1 else number * block)


def _samples(file: Bytes, start: int, end: int, block: int, shape: tuple[int, int]) -> int | None:
    """Return the number of samples up to the last frame header before `end`, None where none is found."""
    begin = max(start, end - _TAIL)
    tail = file.read(begin, end - begin)
    position = len(tail)
    while (position := tail.rfind(b"\xff", 0, position)) >= 0:
        head = tail[position : position + 16].ljust(16, b"\0")
        if (head[1], head[3] & 0x0F) == shape and (found := _frame_end(head, block)) is not None:
            return found
    return None


def section(file: Bytes, start: int, end: int, warnings: list[str]) -> Section:
    """Return the recording between; with a header of its own where the number of samples in it is not right.

    Raises AudioError for one that ends before its header says.
    """
    position, last = start + 4, False
    while not last and position + 4 <= end:
        last = bool(file.read(position, 1)[0] & 0x80)
        position += 4 + file.number(position + 1, 3, "big")
    block = file.number(start + 8, 2, "big")
    head = file.read(position, 4)
    plain = Section(start, end, "flac")
    if len(head) < 4 or head[0] != 0xFF:
        return plain
    counted = _samples(file, position, end, block, (head[1], head[3] & 0x0F))
    fields = file.number(start + 18, 8, "big")
    stated = fields & _TOTAL
    if counted is None or counted == stated:
        return plain
    if stated > counted:
        raise AudioError(
            f"truncated: its header says {stated} samples and {counted} are there; copy or download it again"
        )
    if stated:
        warnings.append(f"its header says {stated} samples; all {counted} were read")
    header = bytearray(file.read(start, 42))
    header[18:26] = (fields & ~_TOTAL | counted).to_bytes(8, "big")
    return Section(start, end, "flac", header=bytes(header), data=start + 42)
