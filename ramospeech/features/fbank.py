"""Log mel filterbank energies as Kaldi computes them (feat/feature-fbank.cc, feat/mel-computations.cc)."""

import torch
from torch import Tensor

from ramospeech.audio.framing import SAMPLE_RATE
from ramospeech.features.framing import DEFAULT, FrameFeatures, power_spectrum, window_of
from ramospeech.features.settings import FeatureSettings

FFT = 512  # of a frame of 257 to 512 samples
PREEMPHASIS = 0.97
LOWEST = 20.0  # Hz; the highest is half the rate


class Fbank(FrameFeatures):
    """80 log mel energies: mean removed, pre-emphasis 0.97, Povey window, 512-point power spectrum, 20 to 8000 Hz.

    Of other rates and frames the spectrum has the next power of two of points, and reaches to half the rate.

    Energies are floored at 1 (16-bit scale, so the log is never negative): digital silence then lies near the
    noise of a quiet room instead of far below everything. Above the floor they equal kaldi-native-fbank's with
    dither 0.
    """

    filters: Tensor

    def __init__(self, bins: int = 80, settings: FeatureSettings = DEFAULT) -> None:
        super().__init__(settings)
        self.bins = bins = settings.feature_bins or bins
        self.fft = 1 << (self.size - 1).bit_length()
        povey = torch.hann_window(self.size, periodic=False, dtype=torch.float64).pow(0.85)
        window = window_of(settings.window_function, self.size, povey)
        self.register_buffer("window", window.float(), persistent=False)
        filters = mel_filters(bins, settings.sample_rate, self.fft)
        self.register_buffer("filters", filters.float(), persistent=False)
        self.frequencies = mel_centres(bins, settings.sample_rate)

    def analyse(self, frames: Tensor) -> Tensor:
        frames = frames - frames.mean(-1, keepdim=True)
        previous = torch.cat([frames[..., :1], frames[..., :-1]], -1)
        power = power_spectrum((frames - PREEMPHASIS * previous) * self.window, self.fft, self.size)
        return (power @ self.filters).clamp(min=1.0).log()


def mel_filters(bins: int, rate: int = SAMPLE_RATE, fft: int = FFT) -> Tensor:
    """Return triangles of equal width on the mel scale, (fft // 2 + 1, bins) float64; the Nyquist bin has no weight."""
    mel = _mel(torch.arange(fft // 2, dtype=torch.float64) * rate / fft).unsqueeze(1)
    lowest, highest = _mel(torch.tensor([LOWEST, rate / 2], dtype=torch.float64))
    width = (highest - lowest) / (bins + 1)
    left = lowest + width * torch.arange(bins)
    weights = torch.minimum(mel - left, left + 2 * width - mel).div(width).clamp(min=0)
    return torch.cat([weights, weights.new_zeros(1, bins)])


def mel_centres(bins: int, rate: int = SAMPLE_RATE) -> Tensor:
    """Return where the triangles have their peaks, in Hz: (bins,) float64."""
    lowest, highest = _mel(torch.tensor([LOWEST, rate / 2], dtype=torch.float64))
    return 700.0 * torch.expm1((lowest + (highest - lowest) / (bins + 1) * torch.arange(1, bins + 1)) / 1127.0)


def _mel(hertz: Tensor) -> Tensor:
    return 1127.0 * torch.log1p(hertz / 700.0)
