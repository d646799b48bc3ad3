"""Reading recordings with libsndfile (wav, flac, ogg, opus, mp3, aiff ...) and resampling them with soxr.

Whatever the rate, width and number of channels of a file, samples come out as float32 mono at 16 kHz. A
file that is shorter than its header says is refused: half a recording under a whole transcript teaches a
model wrong.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile
import soxr

from ramospeech.errors import AudioError

SAMPLE_RATE = 16_000
EXTENSIONS = frozenset(
    {
        ".wav",
        ".flac",
        ".ogg",
        ".opus",
        ".mp3",
        ".aiff",
        ".aif",
        ".au",
        ".caf",
        ".w64",
        ".rf64",
        ".sph",
        ".voc",
    }
)

_BLOCK_SECONDS = 30
# Float files are nominally within [-1, 1] and may overshoot a little; far beyond, they hold integers.
_MAX_PEAK = 16.0
# libsndfile mends the size of a short file without an error, and tells so only in its log.
_SHORT_CHUNK = re.compile(r"(?:data|SSND|Data Size)\s*: (\d+) \(should be (\d+)\)")
_BROKEN_PAGE = re.compile(r"Ogg\s?: Junk after the last page")
# Programs that write to a pipe cannot know the size and put the largest number there.
_UNKNOWN_SIZE = 0x7FFF0000

Source = str | Path | bytes


def name_of(source: Source) -> str:
    """What to call a source in a message."""
    return f"<{len(source)} bytes of audio>" if isinstance(source, bytes) else str(source)


@contextmanager
def _opened(source: Source) -> Iterator[soundfile.SoundFile]:
    """Open a recording; everything that is wrong with it, here or while it is read, becomes an AudioError."""
    name = name_of(source)
    try:
        if not isinstance(source, bytes):
            path = Path(source)
            if not path.exists():
                raise AudioError(f"{name}: no such file; check the path and, for lists, --data_root")
            if path.is_dir():
                raise AudioError(f"{name}: is a folder, where an audio file is expected")
            if path.stat().st_size == 0:
                raise AudioError(f"{name}: the file is empty (0 bytes); copy or record it again")
        with soundfile.SoundFile(io.BytesIO(source) if isinstance(source, bytes) else str(source)) as file:
            _check_whole(file, name)
            yield file
    except (soundfile.LibsndfileError, OSError, TypeError) as error:  # TypeError: a raw file has no rate
        reason = getattr(error, "error_string", "") or "damaged or not audio"
        raise AudioError(
            f"{name}: cannot be read as audio ({reason.strip(' .')}); convert it to wav or flac, "
            "for instance `ffmpeg -i FILE -ar 16000 -ac 1 FILE.wav`"
        ) from error


def _check_whole(file: soundfile.SoundFile, name: str) -> None:
    """Refuse a file that ends before its header says."""
    log = file.extra_info
    if (short := _SHORT_CHUNK.search(log)) and int(short[2]) < int(short[1]) < _UNKNOWN_SIZE:
        raise AudioError(
            f"{name}: truncated: its header says {short[1]} bytes of samples and {short[2]} are there; "
            "copy or download it again"
        )
    if _BROKEN_PAGE.search(log):
        raise AudioError(f"{name}: truncated: it ends within an Ogg page; copy or download it again")
    if file.frames == 0:
        raise AudioError(f"{name}: holds no samples; leave it out or record it again")


def _checked_mono(block: np.ndarray, name: str) -> np.ndarray:
    """(n, channels) -> (n,), the mean of the channels."""
    mono = block.mean(axis=1, dtype=np.float32)
    peak = np.abs(mono).max(initial=0.0)
    if not np.isfinite(peak):
        raise AudioError(f"{name}: holds samples that are not numbers (NaN or infinite); export it again")
    if peak > _MAX_PEAK:
        raise AudioError(
            f"{name}: holds samples as large as {peak:.6g} where floating point audio lies within [-1, 1]; "
            "divide them by 32768 if they are 16-bit integers"
        )
    return mono


def blocks(source: Source) -> Iterator[np.ndarray]:
    """A recording of any length as consecutive pieces (n,) of float32 mono at 16 kHz, in bounded memory.

    The pieces together are what `load` returns. Raises AudioError, possibly after some pieces were given.
    """
    name = name_of(source)
    with _opened(source) as file:
        rate = file.samplerate
        resampler = None if rate == SAMPLE_RATE else soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32")
        found = 0
        while len(block := file.read(rate * _BLOCK_SECONDS, dtype="float32", always_2d=True)):
            found += len(block)
            mono = _checked_mono(block, name)
            yield np.clip(resampler.resample_chunk(mono) if resampler else mono, -1.0, 1.0)
        # An mp3 header counts whole frames, so the samples found may be a little fewer.
        if found < 0.99 * file.frames - 2400:
            raise AudioError(
                f"{name}: truncated: its header says {file.frames} samples and {found} could be read; "
                "copy or download it again"
            )
        if resampler:
            rest = resampler.resample_chunk(np.zeros(0, np.float32), last=True)
            yield np.clip(rest, -1.0, 1.0)


def load(source: Source) -> np.ndarray:
    """Read a whole recording.

    source: the path of an audio file, or its bytes.
    Returns (S,) float32 mono at 16 kHz in [-1, 1].
    Raises AudioError that names the source: missing, a folder, empty, truncated, not audio, not finite.
    """
    return np.concatenate(list(blocks(source)))


def duration(path: str | Path) -> float:
    """Seconds of a recording, from its header alone. Raises AudioError for what a header shows."""
    with _opened(path) as file:
        return file.frames / file.samplerate
