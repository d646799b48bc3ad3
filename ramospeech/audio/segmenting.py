"""Cutting a recording of any length at its pauses, in bounded memory, by energy alone. Nothing is lost."""

from collections.abc import Iterator

import numpy as np

from ramospeech.audio.framing import HOP, SAMPLE_RATE
from ramospeech.audio.reading import Report, blocks, warn
from ramospeech.audio.sources import Source
from ramospeech.errors import AudioError

_SMOOTHING = 20  # hops: a pause long enough for a cut lasts about 0.2 s
_SHORTEST = 0.5  # seconds that any piece keeps, so that none is too short for a model


def segments(source: Source, max_seconds: float = 20.0, report: Report = warn) -> Iterator[tuple[float, np.ndarray]]:
    """Yield pieces (start in seconds, (S,) float32 at 16 kHz) of a recording; together they are the whole of it.

    No piece is longer than `max_seconds` (at least 2). A recording that is longer is cut again and again
    at the quietest 0.2 s of the second half of the window. Memory is bounded by the window alone.
    report: as for `blocks`. Raises AudioError as `load` does, possibly after some pieces were given.
    """
    if max_seconds < 2:
        raise ValueError(f"max_seconds is {max_seconds}; it must be at least 2")
    window = int(max_seconds * SAMPLE_RATE)
    tail = int(_SHORTEST * SAMPLE_RATE)
    start = 0
    buffer = np.zeros(0, np.float32)
    for block in blocks(source, report):
        buffer = np.concatenate([buffer, block])
        while len(buffer) >= window + tail:
            cut = quietest(buffer, window // 2, window)
            yield start / SAMPLE_RATE, buffer[:cut]
            start, buffer = start + cut, buffer[cut:]
    if len(buffer) > window:
        cut = quietest(buffer, window // 2, len(buffer) - tail)
        yield start / SAMPLE_RATE, buffer[:cut]
        start, buffer = start + cut, buffer[cut:]
    if len(buffer):
        yield start / SAMPLE_RATE, buffer


def too_short(name: str, samples: int, min_samples: int) -> AudioError:
    """Return the error of a recording of which no piece is long enough for a model."""
    return AudioError(
        f"{name}: too short: {samples / SAMPLE_RATE:.3f} s, and the model needs {min_samples / SAMPLE_RATE:.3f} s; "
        "leave it out or record more"
    )


def quietest(waveform: np.ndarray, first: int, last: int) -> int:
    """Return the sample between `first` and `last` (at a distance of at least 0.2 s) in the middle of the quietest 0.2
    s.

    Energy is that of each hop less its mean: a constant offset, as of some sound cards, is not speech.
    """
    count = (last - first) // HOP
    hops = waveform[first : first + count * HOP].reshape(count, HOP)
    energy = np.square(hops - hops.mean(axis=1, keepdims=True)).sum(axis=1)
    smooth = np.convolve(energy, np.ones(_SMOOTHING), mode="valid")
    return first + (int(smooth.argmin()) + _SMOOTHING // 2) * HOP
