"""Noise under speech, at a signal-to-noise ratio: from recordings, generated, or the voices of other clips."""

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ramospeech import audio
from ramospeech.augment.batched.sounds import as_int16
from ramospeech.errors import AudioError, UsageError

Clips = Callable[[np.random.Generator], np.ndarray]
"""Draws a clip (S,) float32 of those that babble is mixed from."""

_FRAME = audio.SAMPLE_RATE // 40
_MAINS = 50.0  # Hz, in China


def add_noise(waveform: np.ndarray, noise: np.ndarray, snr: float) -> np.ndarray:
    """Mix `noise` (S,) into `waveform` (S,), `snr` dB below the level of its speech -> (S,) float32.

    If either is silent, `waveform` is returned unchanged.
    """
    wanted = speech_power(waveform) / 10.0 ** (snr / 10.0)
    power = float(np.dot(noise, noise)) / len(noise)
    if wanted == 0.0 or power == 0.0:
        return waveform
    return (waveform + np.sqrt(wanted / power) * noise).astype(np.float32)


def speech_power(waveform: np.ndarray) -> float:
    """Return mean square of (S,) samples over the frames of 25 ms within 30 dB of the loudest: pauses do not count."""
    size = min(_FRAME, len(waveform))
    frames = waveform[: len(waveform) // size * size].reshape(-1, size)
    powers = np.einsum("ij,ij->i", frames, frames) / size
    return float(powers[powers >= 1e-3 * powers.max()].mean())


def excerpt(waveform: np.ndarray, samples: int, rng: np.random.Generator) -> np.ndarray:
    """Return (samples,) of (S,) from a random place; a short one is repeated."""
    starts = len(waveform) - samples + 1 if len(waveform) >= samples else len(waveform)
    return np.take(waveform, np.arange(samples) + rng.integers(starts), mode="wrap")


def white(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Noise (samples,) float32 of the same power at every frequency."""
    return rng.standard_normal(samples, dtype=np.float32)


def pink(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Noise (samples,) float32 of the same power in every octave: 3 dB less for twice the frequency."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    spectrum[0] = 0.0
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    return np.fft.irfft(spectrum, samples).astype(np.float32)


def hum(samples: int, rng: np.random.Generator) -> np.ndarray:
    """Return the mains at 50 Hz, within 0.2 %, and its harmonics up to 1 kHz, weaker upwards; -> (samples,) float32."""
    levels = rng.uniform(0.0, 1.0, 20) / np.arange(1, 21)
    phases = rng.uniform(0.0, 2 * np.pi, 20)
    mains = _MAINS * rng.uniform(0.998, 1.002)
    turn = np.exp(2j * np.pi * mains / audio.SAMPLE_RATE * np.arange(samples))
    # Harmonics are powers of the fundamental: a polynomial, far cheaper than twenty sines.
    return np.polyval([*(levels * np.exp(1j * phases))[::-1], 0.0], turn).imag.astype(np.float32)


def babble(samples: int, rng: np.random.Generator, clips: Clips) -> np.ndarray:
    """Return three to eight clips at once, equally loud; -> (samples,) float32."""
    mixed = np.zeros(samples, np.float32)
    for _ in range(rng.integers(3, 9)):
        voice = excerpt(clips(rng), samples, rng)
        mixed += voice / np.sqrt(max(speech_power(voice), 1e-12))
    return mixed


class Recordings:
    """The recordings of noise in a folder and those below it, in any format that `ramospeech.audio` reads.

    Args:
        folder: of the recordings.
        cache_bytes: decoded audio kept in memory as 16-bit samples, at most.

    Raises: UsageError: no such folder, nothing in it, or a file that is not audio.
    """

    def __init__(self, folder: str | Path, cache_bytes: int = 2**29) -> None:
        self.folder = Path(folder)
        if not self.folder.is_dir():
            raise UsageError(f"{folder}: no such folder of noise; give one that holds recordings")
        self.paths = sorted(path for path in self.folder.rglob("*") if path.suffix.lower() in audio.EXTENSIONS)
        if not self.paths:
            raise UsageError(f"{folder}: no recording of noise in it; {' '.join(sorted(audio.EXTENSIONS))} are read")
        try:
            for path in self.paths:
                audio.duration(path)
        except AudioError as error:
            raise UsageError(f"{error}; or take it out of {folder}") from error
        self._cache: dict[Path, np.ndarray] = {}
        self._room = cache_bytes
        self._lock = threading.Lock()

    def __call__(self, samples: int, rng: np.random.Generator) -> np.ndarray:
        """Return (samples,) float32 of a random recording. Raises AudioError: one that is damaged within."""
        return excerpt(self._samples(self.paths[rng.integers(len(self.paths))]), samples, rng) / np.float32(32768.0)

    def _samples(self, path: Path) -> np.ndarray:
        samples = self._cache.get(path)
        if samples is None:
            samples = as_int16(audio.load(path))
            with self._lock:
                if self._room >= samples.nbytes and path not in self._cache:
                    self._room -= samples.nbytes
                    self._cache[path] = samples
        return samples
