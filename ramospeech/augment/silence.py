"""Pauses: before, between and after clips, filled with the background noise of their recording."""

from collections.abc import Sequence

import numpy as np

from ramospeech import audio

_FRAME = audio.SAMPLE_RATE // 40


def join(waveforms: Sequence[np.ndarray], pauses: Sequence[float], rng: np.random.Generator) -> np.ndarray:
    """K waveforms (S,) with K + 1 `pauses` in seconds before, between and after them; -> one (S,) float32."""
    pieces = [_room_tone(waveforms[0], pauses[0], rng)]
    for waveform, pause in zip(waveforms, pauses[1:], strict=True):
        pieces += [waveform, _room_tone(waveform, pause, rng)]
    return np.concatenate(pieces)


def _room_tone(waveform: np.ndarray, seconds: float, rng: np.random.Generator) -> np.ndarray:
    """Noise of the spectrum and the level that the quietest tenth of a recording has.

    Zeros would teach a model pauses that no microphone records.
    """
    samples, count = round(seconds * audio.SAMPLE_RATE), len(waveform) // _FRAME
    if not samples or not count:
        return np.zeros(samples, np.float32)
    frames = waveform[: count * _FRAME].reshape(count, _FRAME).astype(np.float64)
    powers = np.mean(frames**2, axis=1)
    quiet = np.argsort(powers, kind="stable")[: max(1, count // 10)]
    shape = np.sqrt(np.mean(np.abs(np.fft.rfft(frames[quiet] * np.hanning(_FRAME))) ** 2, axis=0))
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    spectrum *= np.interp(np.linspace(0.0, 1.0, len(spectrum)), np.linspace(0.0, 1.0, len(shape)), shape)
    tone = np.fft.irfft(spectrum, samples)
    level = np.sqrt(np.mean(powers[quiet]) / max(np.mean(tone**2), 1e-30))
    return (level * tone).astype(np.float32)
