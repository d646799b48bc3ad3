"""Samples as they come in, to what the recogniser takes: float32 at 16 kHz."""

import numpy as np
import soxr

from ramospeech.audio.framing import SAMPLE_RATE
from ramospeech.errors import AudioError

RATES = (8_000, 192_000)  # Hz


class Resampler:
    """Blocks (n,) float32 at `rate` Hz -> (m,) float32 at 16 kHz within [-1, 1]. Raises AudioError for other rates."""

    def __init__(self, rate: float):
        if not RATES[0] <= rate <= RATES[1]:
            raise AudioError(f"a sampling rate of {str(rate)[:12]} Hz; send audio of {RATES[0]} to {RATES[1]} Hz")
        self._stream = None if rate == SAMPLE_RATE else soxr.ResampleStream(rate, SAMPLE_RATE, 1, dtype="float32")

    def __call__(self, block: np.ndarray, last: bool = False) -> np.ndarray:
        """Resample a block; last: nothing follows, so what was held back comes too."""
        block = block.astype(np.float32, copy=False)
        return np.clip(self._stream.resample_chunk(block, last=last) if self._stream else block, -1.0, 1.0)


class Pcm16:
    """Messages of int16 little-endian mono at `rate` Hz, cut anywhere -> (m,) float32 at 16 kHz.

    Raises AudioError for a rate that speech does not have.
    """

    def __init__(self, rate: float):
        self._resample = Resampler(rate)
        self._half = b""  # of a sample that was cut

    def __call__(self, message: bytes) -> np.ndarray:
        """Decode a message."""
        data = self._half + message
        whole = len(data) // 2 * 2
        self._half = data[whole:]
        return self._resample(np.frombuffer(data[:whole], "<i2").astype(np.float32) / 32_768)

    def finish(self) -> np.ndarray:
        """Return what was held back. Raises AudioError where half a sample is left."""
        if self._half:
            raise AudioError("the audio ended within a sample; send int16, two bytes for each")
        return self._resample(np.zeros(0, np.float32), last=True)
