"""The log spectrogram: of the original toolkit 200 bins of 40 Hz, of Deep Speech 161 of 50 Hz."""

import torch
from torch import Tensor

from ramospeech.features.framing import DEFAULT, FrameFeatures, power_spectrum, window_of
from ramospeech.features.settings import FeatureSettings


class Spectrogram(FrameFeatures):
    """log(|X| + 1) of the first bins of a transform as long as a frame, under a symmetric Hamming window.

    Half as many bins as a frame has samples (200 of 400), unless the settings say otherwise.
    """

    def __init__(self, settings: FeatureSettings = DEFAULT) -> None:
        super().__init__(settings)
        self.bins = settings.feature_bins or self.size // 2
        own = torch.hamming_window(self.size, periodic=False, dtype=torch.float64)
        window = window_of(settings.window_function, self.size, own)
        self.register_buffer("window", window.float(), persistent=False)
        self.frequencies = torch.arange(self.bins) * (settings.sample_rate / self.size)

    def analyse(self, frames: Tensor) -> Tensor:
        return power_spectrum(frames * self.window, self.size, self.size)[..., : self.bins].sqrt().log1p()
