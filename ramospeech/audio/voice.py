"""Which parts of a piece of a recording are worth recognising: without digital silence, or where a detector hears a
voice."""

from collections.abc import Callable
from functools import cache
from types import ModuleType

import numpy as np

from ramospeech.audio.framing import SAMPLE_RATE
from ramospeech.errors import UsageError

Spans = Callable[[np.ndarray], list[tuple[int, int]]]
"""(S,) float32 at 16 kHz -> the parts to recognise, as first and one past the last sample, in order."""

_SILENCE = 2 * SAMPLE_RATE  # samples of digital silence at the ends of a piece from which they are left out,
_MARGIN = SAMPLE_RATE // 2  # but for so many

_FRAME = 480  # samples: 30 ms
_MODE = 1  # of 0 to 3: 2 loses quiet speech (-40 dB), 3 all of it
_SMOOTHING = 10  # frames: 0.3 s, half of which must be voiced
_GAP = 50  # frames without a voice, 1.5 s, that are left out, but for a margin of
_AROUND = 17  # frames, 0.5 s, before and after speech


def sounding(waveform: np.ndarray) -> list[tuple[int, int]]:
    """Return the whole, or where more than 2 s at the ends are digital silence (all samples equal) what is within, with
    half a second around it."""
    changes = np.flatnonzero(waveform[1:] != waveform[:-1])
    if not len(changes):
        return [] if len(waveform) > _SILENCE else [(0, len(waveform))]
    first = max(0, int(changes[0]) + 1 - _MARGIN)
    last = min(len(waveform), int(changes[-1]) + 1 + _MARGIN)
    return [(first, last)] if len(waveform) - last + first > _SILENCE else [(0, len(waveform))]


def voiced(waveform: np.ndarray) -> list[tuple[int, int]]:
    """Return the parts with a voice, by WebRTC's detector, with half a second around each; pauses shorter than 1.5 s
    are within them. Raises UsageError where webrtcvad is not installed."""
    detector = _webrtcvad().Vad(_MODE)
    samples = (np.clip(waveform, -1, 1) * 32767).astype("<i2")
    frames = [samples[at : at + _FRAME].tobytes() for at in range(0, len(samples) - _FRAME + 1, _FRAME)]
    heard = np.array([detector.is_speech(frame, SAMPLE_RATE) for frame in frames], float)
    if len(heard) < _SMOOTHING:
        return [(0, len(waveform))]
    voice = np.flatnonzero(np.convolve(heard, np.ones(_SMOOTHING), "same") >= _SMOOTHING / 2)
    spans = []
    for group in np.split(voice, np.flatnonzero(np.diff(voice) > _GAP) + 1) if len(voice) else []:
        first, last = int(group[0]) - _AROUND, int(group[-1]) + 1 + _AROUND
        # Less than a margin at the ends of the piece stays.
        spans.append((max(0, first) * _FRAME, last * _FRAME if last < len(heard) else len(waveform)))
    return spans


def without_silence(waveform: np.ndarray) -> np.ndarray:
    """Return the parts with a voice, (S',), one behind the other; the whole where there is none."""
    spans = voiced(waveform)
    return np.concatenate([waveform[first:last] for first, last in spans]) if spans else waveform


@cache
def _webrtcvad(option: str = "--vad") -> ModuleType:
    try:
        import webrtcvad
    except ImportError as error:
        raise UsageError(f"{option} needs webrtcvad: pip install webrtcvad-wheels, or leave out {option}") from error
    return webrtcvad


def check_voice(option: str = "--vad") -> None:
    """Raise UsageError, which names the option, where webrtcvad is not installed."""
    _webrtcvad(option)
