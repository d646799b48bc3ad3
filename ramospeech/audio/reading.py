"""Reading recordings: libsndfile (wav, flac, ogg, opus, mp3 ...) or PyAV (m4a, mp4, webm ...), resampled with soxr.

Whatever the rate, width and number of channels of a file, samples come out as float32 mono at 16 kHz. A
file that is shorter than its header says is refused: half a recording under a whole transcript teaches a
model wrong. One that is longer than its header says is read to its end.
"""

import io
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import numpy as np
import soundfile
import soxr

from ramospeech.audio import marks, media, pieces
from ramospeech.audio.bytesource import Bytes, Section, Window
from ramospeech.audio.folders import EXTENSIONS
from ramospeech.audio.framing import SAMPLE_RATE
from ramospeech.audio.mixing import mixed
from ramospeech.audio.sections import sections
from ramospeech.audio.sources import Channel, Source, Whole, check_source, name_of, opened
from ramospeech.errors import AudioError
from ramospeech.files import MEDIA_EXTENSIONS

_BLOCK_SECONDS = 30
_BLOCK_VALUES = 1 << 24  # of all channels, whatever rate and channels a header announces
_RATES = (1_000, 1_000_000)
# libsndfile mends the size of a short file without an error, and tells so only in its log.
_SHORT_CHUNK = re.compile(r"(?:data|SSND|Data Size)\s*: (\d+) \(should be (\d+)\)")
_CONVERT = "convert it to wav or flac, for instance `ffmpeg -i FILE -ar 16000 -ac 1 FILE.wav`"
_PCM_KINDS = frozenset({"wav", "aiff", "w64", "au"})
_BY_SOUNDFILE = _PCM_KINDS | {"flac", "ogg", "mp3", "other"}

Report = Callable[[str], None]
Decoded = tuple[Section, int, np.ndarray]


class AudioWarning(UserWarning):
    """A recording was read, and something about it should be known: bytes left out, a header that was wrong."""


def warn(message: str) -> None:
    """Report as a Python warning, where no other way was given."""
    warnings.warn(AudioWarning(message), stacklevel=2)


def _decoded(source: Source, report: Report, count_only: bool = False) -> Iterator[Decoded]:
    """Yield (section, rate, (n, channels) float32) block by block.

    count_only: only the lengths of blocks are used, so samples that need no counting are not read.
    Errors are AudioErrors that do not name the source yet.
    """
    if isinstance(source, Channel):
        yield from _one_channel(_decoded(source.source, report), source.number)
        return
    check_source(source)
    if isinstance(source, tuple):
        yield from _of_array(*source)
        return
    if isinstance(source, str | Path):
        file_name, mark = marks.split_mark(str(source))
        if mark:
            yield from _marked(file_name, mark, report, count_only)
            return
    try:
        with opened(source) as file:
            content = Bytes(file)
            if content.size == 0:
                raise AudioError("the file is empty (0 bytes); copy or record it again")
            parts, notes = sections(content)
            for note in notes:
                report(note)
            path = str(source) if isinstance(source, str | Path) else None
            for part in parts:
                whole = len(parts) == 1 and not part.header
                yield from _section(file, part, path if whole else None, whole, report, count_only)
    except OSError as error:
        raise AudioError(f"cannot be read ({error.strerror or error}); check the disk and the name") from error


def _marked(name: str, mark: re.Match[str], report: Report, count_only: bool) -> Iterator[Decoded]:
    """Yield as `_decoded` does, of a path that ends with a mark."""
    if mark["size"]:
        yield from _decoded(marks.member(name, int(mark["offset"]), int(mark["size"])), report, count_only)
    elif mark["order"]:
        samples = np.frombuffer(marks.content(name), ">i2" if mark["order"] == "b" else "<i2")
        yield from _of_array(samples.astype(np.float32) / np.float32(32768), int(mark["rate"] or SAMPLE_RATE))
    else:
        start, end, channel = float(mark["start"]), float(mark["end"]), int(mark["channel"] or 0) or None
        if start >= end:
            raise AudioError(f"a piece from {start:g} to {end:g} s holds nothing; correct the list")
        found = pieces.sought(name, start, end, channel, count_only)
        if found is None:
            whole = _decoded(name if channel is None else Channel(name, channel), report)
            yield from pieces.cut(whole, start, end)
        else:
            yield from found


def _one_channel(blocks: Iterator[Decoded], number: int) -> Iterator[Decoded]:
    """Yield one channel of all blocks. Raises AudioError for a block without it."""
    for part, rate, block in blocks:
        if not 1 <= number <= block.shape[1]:
            raise AudioError(f"has no channel {number}, but {block.shape[1]}; mix them (--channels mix)")
        yield part, rate, block[:, number - 1 : number]


def channels(source: Whole) -> list[Source]:
    """Return a source for each channel of a recording; of one channel the recording itself.

    Raises AudioError as `load` does.
    """
    try:
        count = next((block.shape[1] for _, _, block in _decoded(source, lambda note: None)), 1)
    except AudioError as error:
        raise AudioError(f"{name_of(source)}: {error}") from error.__cause__
    return [source] if count == 1 else [Channel(source, number) for number in range(1, count + 1)]


def _of_array(waveform: np.ndarray, rate: int) -> Iterator[Decoded]:
    """Yield as `_decoded` does, of samples (n,) or (n, channels)."""
    if waveform.ndim not in (1, 2) or not np.issubdtype(waveform.dtype, np.floating):
        raise AudioError(
            f"has the shape {waveform.shape} and type {waveform.dtype}; give (n,) or (n, channels) floats "
            "within [-1, 1] (integers of 16 bits divided by 32768)"
        )
    samples = waveform.reshape(len(waveform), -1).astype(np.float32)
    size = _block_size(rate, samples.shape[1])
    for start in range(0, len(samples), size):
        yield Section(0, 0, "array"), rate, samples[start : start + size]


def _section(
    file: IO[bytes], part: Section, path: str | None, whole: bool, report: Report, count_only: bool
) -> Iterator[Decoded]:
    """Yield one recording of a file, which is opened by `path` where that is given."""
    if part.kind not in _BY_SOUNDFILE:
        for rate, block in media.blocks(_window(file, part), part.kind, _block_size, report):
            yield part, rate, block
        return
    readable = False
    try:
        if path is None:
            target: str | IO[bytes] = _whole(file) if whole else _window(file, part)
        else:
            target = path
        with soundfile.SoundFile(target) as sound:
            readable = True
            slack = 1152  # samples of a frame of mp3
            if not part.repair or part.samples is None or sound.frames >= part.samples - slack:
                yield from _blocks_of(sound, part, count_only)
                return
        report("its header is missing, and the length was counted from its frames")
        with soundfile.SoundFile(_window(file, part, part.repair)) as sound:
            yield from _blocks_of(sound, part, count_only)
    except (soundfile.LibsndfileError, TypeError) as error:  # TypeError: a raw file has no rate
        known = part.kind != "other" or (
            path is not None and Path(path).suffix.lower() in EXTENSIONS | MEDIA_EXTENSIONS
        )
        if not readable and known and part.kind not in _PCM_KINDS | {"mp3"} and media.installed():
            for rate, block in media.blocks(_window(file, part), part.kind, _block_size, report):
                yield part, rate, block
            return
        reason = getattr(error, "error_string", "") or "damaged or not audio"
        if part.kind == "other" and _is_text(file):
            reason = "it is text; the name of a list must end in .txt, .tsv, .lst, .list or .scp"
        raise AudioError(f"cannot be read as audio ({reason.strip(' .')}); {_CONVERT}") from error


def _whole(file: IO[bytes]) -> IO[bytes]:
    file.seek(0)
    return file


def _window(file: IO[bytes], part: Section, header: bytes | None = None) -> IO[bytes]:
    return io.BufferedReader(Window(file, part, header), 1 << 16)


def _is_text(file: IO[bytes]) -> bool:
    file.seek(0)
    head = file.read(4096)
    return b"\0" not in head and not any(byte < 9 or 13 < byte < 32 for byte in head)


def _block_size(rate: int, channels: int) -> int:
    """Return samples that are read at a time."""
    return max(1, min(rate * _BLOCK_SECONDS, _BLOCK_VALUES // channels))


def _blocks_of(file: soundfile.SoundFile, part: Section, count_only: bool) -> Iterator[Decoded]:
    """Yield as `_decoded` does, of a file that libsndfile has open. Refuses one that ends before its header says."""
    if part.kind == "other" and (short := _SHORT_CHUNK.search(file.extra_info)) and int(short[2]) < int(short[1]):
        raise AudioError(
            f"truncated: its header says {short[1]} bytes of samples and {short[2]} are there; "
            "copy or download it again"
        )
    exact = part.kind in _PCM_KINDS and file.subtype.startswith(("PCM", "FLOAT", "DOUBLE", "ULAW", "ALAW"))
    if exact and count_only:  # the size of the file says how many there are
        yield part, file.samplerate, np.broadcast_to(np.float32(0), (file.frames, 1))
        return
    found = 0
    size = _block_size(file.samplerate, file.channels)
    while len(block := file.read(size, dtype="float32", always_2d=True)):
        found += len(block)
        yield part, file.samplerate, block
    announced = file.frames if part.samples is None else min(file.frames, part.samples)
    # An mp3 header counts whole frames, so the samples found may be a little fewer.
    if found < 0.99 * announced - 2400:
        raise AudioError(
            f"truncated: its header says {announced} samples and {found} could be read; copy or download it again"
        )


def blocks(source: Source, report: Report = warn) -> Iterator[np.ndarray]:
    """Yield a recording of any length as consecutive pieces (n,) of float32 mono at 16 kHz, in bounded memory.

    The pieces together are what `load` returns. report: is called with a line for what should be known about the
    recording although it was read. Raises AudioError, possibly after some pieces were given.
    """
    name = name_of(source)
    told: set[str] = set()

    def tell(note: str) -> None:
        if note not in told:
            told.add(note)
            report(f"{name}: {note}")

    resampler, shape, found = None, None, 0
    try:
        for part, rate, block in _decoded(source, tell):
            if shape != (part, rate):
                if resampler:
                    yield _last(resampler)
                if not _RATES[0] <= rate <= _RATES[1]:
                    raise AudioError(f"has a sampling rate of {rate} Hz; speech needs 8000 or more: record it again")
                resampler = None if rate == SAMPLE_RATE else soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32")
                shape = (part, rate)
            found += len(block)
            mono, cancelled = mixed(block, rate)
            if cancelled:
                tell("its channels cancel each other; where they do, one of them was used")
            yield np.clip(resampler.resample_chunk(mono) if resampler else mono, -1.0, 1.0)
        if resampler:
            yield _last(resampler)
        if not found:
            raise AudioError("holds no samples; leave it out or record it again")
    except AudioError as error:
        raise AudioError(f"{name}: {error}") from error.__cause__


def _last(resampler: soxr.ResampleStream) -> np.ndarray:
    return np.clip(resampler.resample_chunk(np.zeros(0, np.float32), last=True), -1.0, 1.0)


def load(source: Source, report: Report = warn) -> np.ndarray:
    """Read a whole recording.

    source: the path of an audio file, its bytes, a binary file object, or (waveform, sample rate).
    report: as for `blocks`.
    Returns (S,) float32 mono at 16 kHz in [-1, 1].
    Raises AudioError that names the source: missing, a folder, empty, truncated, not audio, not finite.
    """
    return np.concatenate(list(blocks(source, report)))


def duration(source: Source, report: Report = warn) -> float:
    """Return seconds of a recording: counted samples, and never what a header says of a compressed file.

    Raises AudioError as `load` does, except for samples that are not finite.
    """
    name = name_of(source)
    seconds = 0.0
    try:
        for _, rate, block in _decoded(source, lambda note: report(f"{name}: {note}"), count_only=True):
            seconds += len(block) / rate
    except AudioError as error:
        raise AudioError(f"{name}: {error}") from error.__cause__
    if not seconds:
        raise AudioError(f"{name}: holds no samples; leave it out or record it again")
    return seconds
