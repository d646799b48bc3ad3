"""The recordings that one file holds: containers are walked to the end of the file, joined and chained ones too.

Decoders stop where the first header says. Here each container is followed by its own structure, and what comes behind
it is looked at again, until the file ends. What belongs to no recording is named in the warnings.
"""

import re
from collections.abc import Callable

from ramospeech.audio import flac, mpeg, riff
from ramospeech.audio.bytesource import Bytes, Section, Signature
from ramospeech.errors import AudioError

# How files begin that libsndfile reads or that a walker below knows.
_PCM = rb"RIFF....WAVE|RIFX....WAVE|RF64....WAVE|BW64....WAVE|FORM....AIF[FC]|riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb"
_AU = rb"\.snd\0\0[\0-\x0f].|dns\..[\0-\x0f]\0\0"
_FLAC = rb"fLaC[\0\x80]\0\0\x22"
_OGG = rb"OggS\0[\x02\x06]"
_MEDIA = {  # containers and streams that only PyAV reads
    "mp4": rb"\0\0..ftyp",
    "matroska": rb"\x1a\x45\xdf\xa3",
    "asf": rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c",
    "amr": rb"#!AMR",
    "avi": rb"RIFF....AVI |RIFF....CDXA",
    "flv": rb"FLV\x01",
    "mpeg-ps": rb"\0\0\x01\xba",
    "mpeg-ts": rb"\x47.{187}\x47|.{4}\x47.{191}\x47",
    "ac3": rb"\x0b\x77",
    "aac": rb"\xff[\xf0\xf1\xf8\xf9]|ADIF",
    "ape": rb"MAC ",
    "wavpack": rb"wvpk",
    "tta": rb"TTA1",
    "realmedia": rb"\.RMF",
    "dsf": rb"DSD ",
}
_MEDIA_STARTS = {kind: re.compile(pattern, re.DOTALL) for kind, pattern in _MEDIA.items()}
_WORDS = (b"RIFF", b"RIFX", b"RF64", b"BW64", b"FORM", b"riff", b"fLaC", b"OggS")
_NOT_MPEG = Signature(_PCM, _FLAC, _OGG, words=_WORDS)
_START = Signature(_PCM, _AU, _FLAC, _OGG, rb"ID3[\x02-\x04]\0", words=(*_WORDS, b".snd", b"dns.", b"ID3"))
# What begins another file inside of one: longer, since it is searched for in compressed data too.
_JOINED = Signature(
    _PCM,
    rb"\.snd\0\0[\0-\x0f].{5}\0\0\0[\x01-\x1b]\0.{3}\0\0\0[\x01-\x10]",
    _FLAC,
    _OGG,
    rb"ID3[\x02-\x04]\0.[\0-\x7f]{4}[A-Z0-9]{4}",
    rb"\xff[\xe2-\xff].{11,34}(?:Xing|Info)\0\0\0",
    _MEDIA["mp4"],
    rb"\x1a\x45\xdf\xa3.{0,40}(?:webm|matroska)",
    _MEDIA["asf"],
    rb"#!AMR",
    words=(*_WORDS, b".snd", b"ID3", b"Xing", b"Info", b"ftyp", b"webm", b"matroska", b"\x30\x26\xb2\x75", b"#!AMR"),
)
_OTHER = re.compile(rb"caff|Creative Voice File|NIST_1A|fap |FORM....8SVX|MThd|\xffXI", re.DOTALL)
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


def kind_of(file: Bytes, start: int = 0) -> str | None:
    """Return the container that begins here: that of a Section, or None."""
    head = file.read(start, 400)
    if re.match(_FLAC, head):
        return "flac"
    if re.match(_OGG, head, re.DOTALL):
        return "ogg"
    if riff.locate(file, start) is not None:
        return "pcm"
    for kind, pattern in _MEDIA_STARTS.items():
        if pattern.match(head) and not (kind == "aac" and mpeg.starts_here(file, start)):
            return kind
    if mpeg.starts_here(file, start):
        return "mp3"
    return "other" if _OTHER.match(head) or re.match(_PCM, head, re.DOTALL) else None


def sections(file: Bytes) -> tuple[list[Section], list[str]]:
    """Return the recordings of a file in their order, and warnings about bytes outside them.

    A file in which nothing is known gives one section of kind "other", so that a decoder may try.
    Raises AudioError for one that ends before its header says.
    """
    found: list[Section] = []
    warnings: list[str] = []
    position = _behind_tags(file, 0)
    while position < file.size:
        kind = kind_of(file, position)
        if kind is None or kind == "other":
            if not found:
                return [Section(0, file.size, "other")], warnings
            position = _skipped(file, position, warnings)
            continue
        parts, after = _WALKERS.get(kind, _media)(file, position, warnings)
        found += parts
        if after <= position:
            return found or [Section(0, file.size, "other")], warnings
        position = _behind_tags(file, after)
    return found or [Section(0, file.size, "other")], warnings


def _behind_tags(file: Bytes, position: int) -> int:
    """Return the position past the tags (ID3, APE ...) that begin here."""
    while size := mpeg.tag_size(file, position):
        position += size
    return min(position, file.size)


def _skipped(file: Bytes, position: int, warnings: list[str]) -> int:
    """Return where the next recording begins after bytes that are none; they are named, except for zeros."""
    further = file.find(_START, position + 1)
    end = file.size if further is None else further
    if not file.is_zero(position, end):
        where = "behind its end" if further is None else "between its parts"
        warnings.append(f"{end - position} bytes {where} are not audio; they were left out")
    return end


def _pcm(file: Bytes, start: int, warnings: list[str]) -> tuple[list[Section], int]:
    samples = riff.locate(file, start)
    assert samples is not None
    part, end = riff.section(file, samples, warnings, _JOINED)
    return [part], end


def _ogg(file: Bytes, start: int, warnings: list[str]) -> tuple[list[Section], int]:
    """Return the pages up to the first of another chain."""
    position, inside = start, False
    sequence: dict[bytes, int] = {}
    lost = 0
    while (head := file.read(position, 27))[:5] == b"OggS\0" and len(head) == 27:
        first = bool(head[5] & 2)
        if first and inside:
            break
        inside = not first
        serial, number = head[14:18], int.from_bytes(head[18:22], "little")
        lost += max(0, number - sequence.get(serial, number - 1) - 1)
        sequence[serial] = number
        position += 27 + head[26] + sum(file.read(position + 27, head[26]))
    if position > file.size:
        raise AudioError("truncated: it ends within an Ogg page; copy or download it again")
    if lost:
        warnings.append(f"{lost} of its Ogg pages are missing; the speech in them is lost")
    return [Section(start, position, "ogg")], position


def _flac(file: Bytes, start: int, warnings: list[str]) -> tuple[list[Section], int]:
    end = file.find(_JOINED, start + 4) or file.size
    return [flac.section(file, start, end, warnings)], end


def _mpeg(file: Bytes, start: int, warnings: list[str]) -> tuple[list[Section], int]:
    return mpeg.sections(file, start, warnings, _NOT_MPEG)


def _media(file: Bytes, start: int, warnings: list[str]) -> tuple[list[Section], int]:
    """Return the position up to the next file of the same kinds; the decoder of such files tells the rest."""
    kind = kind_of(file, start) or "other"
    end = _mp4_end(file, start) if kind == "mp4" else file.find(_JOINED, start + 16) or file.size
    if kind == "asf" and (at := file.read(start, 1 << 16).find(_ASF_PROPERTIES)) >= 0:
        _check_size(file.number(start + at + 40, 8), end - start)
    return [Section(start, end, kind)], end


def _check_size(stated: int, available: int) -> None:
    if stated > available:
        raise AudioError(
            f"truncated: its header says {stated} bytes and {available} are there; copy or download it again"
        )


def _mp4_end(file: Bytes, start: int) -> int:
    """Return the position behind the boxes of one file: the next `ftyp`, or data that is not a box."""
    position = start
    while position + 8 <= file.size:
        size, name = file.number(position, 4, "big"), file.read(position + 4, 4)
        if (name == b"ftyp" and position > start) or not re.fullmatch(rb"[ -~\xa9]{4}", name):
            break
        if size == 1:
            size = file.number(position + 8, 8, "big")
        if size == 0:
            return file.size
        if size < 8:
            break
        if position + size > file.size:
            raise AudioError(
                f"truncated: its part {name.decode('latin-1')!r} has {size} bytes and {file.size - position} are "
                "there; copy or download it again"
            )
        position += size
    return min(position, file.size)


_WALKERS: dict[str, Callable[[Bytes, int, list[str]], tuple[list[Section], int]]] = {
    "pcm": _pcm,
    "ogg": _ogg,
    "flac": _flac,
    "mp3": _mpeg,
}
