"""A piece of a recording, decoded by itself: the decoder moves to its start where it can do that exactly."""

import io
from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np
import soundfile

from ramospeech.audio.bytesource import Section
from ramospeech.audio.marks import member, split_mark
from ramospeech.errors import AudioError

_SLACK = 0.05  # seconds that a piece may end behind its recording: manifests round
_EXACT = frozenset({"WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "FLAC", "OGG", "NIST", "CAF"})
_SECONDS = 30  # that are decoded at a time
# Ogg decoders need what comes before to sound the same, and libsndfile misses its place within the last page.
_BEFORE, _LAST_PAGE = 2, 30  # seconds

Decoded = tuple[Section, int, np.ndarray]


def sought(source: str, start: float, end: float, channel: int | None, count_only: bool) -> list[Decoded] | None:
    """Return the blocks of a piece of a file, None where its file must be decoded from the beginning.

    count_only: samples that need no decoding to be counted are not read.
    """
    found: list[Decoded] = []
    with ExitStack() as stack:
        try:
            sound = stack.enter_context(soundfile.SoundFile(_target(source)))
            rate = sound.samplerate
            first, last = round(start * rate), round(end * rate)
            if sound.format not in _EXACT or not sound.seekable() or last > sound.frames + round(_SLACK * rate):
                return None
            last = min(last, sound.frames)
            if channel is not None and channel > sound.channels:
                raise AudioError(f"has no channel {channel}, but {sound.channels}")
            if count_only and sound.format != "OGG" and sound.subtype.startswith("PCM"):
                return [(Section(0, 0, "piece"), rate, np.broadcast_to(np.float32(0), (max(0, last - first), 1)))]
            at = min(first - _BEFORE * rate, sound.frames - _LAST_PAGE * rate) if sound.format == "OGG" else first
            at = min(max(0, at), last)
            sound.seek(at)
            while at < last:
                block = sound.read(min(last - at, _SECONDS * rate), dtype="float32", always_2d=True)
                if not len(block):
                    return None
                wanted = block[max(0, first - at) :]
                at += len(block)
                found.append(
                    (Section(0, 0, "piece"), rate, wanted if channel is None else wanted[:, channel - 1 :][:, :1])
                )
        except (soundfile.LibsndfileError, OSError, TypeError):
            return None
    return found


def _target(source: str) -> str | io.BytesIO:
    file, mark = split_mark(source)
    return io.BytesIO(member(file, int(mark["offset"]), int(mark["size"]))) if mark and mark["size"] else source


def cut(blocks: Iterator[Decoded], start: float, end: float) -> Iterator[Decoded]:
    """Yield what lies between two times of blocks from the beginning of a recording, and stop there.

    Raises AudioError: the recording ends before the piece.
    """
    before = 0.0
    for part, rate, block in blocks:
        first, last = round((start - before) * rate), round((end - before) * rate)
        yield part, rate, block[max(0, first) : max(0, last)]
        before += len(block) / rate
        if before >= end:
            return
    if before < end - _SLACK:
        raise AudioError(f"the recording ends at {before:.2f} s, before the piece does; correct the list")
