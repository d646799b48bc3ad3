"""The log spectrogram of the original toolkit: 200 bins of 40 Hz."""

import torch
from torch import Tensor

from ramospeech.audio.framing import SAMPLE_RATE, WINDOW
from ramospeech.features.framing import FrameFeatures, power_spectrum


class Spectrogram(FrameFeatures):
    """log(|X| + 1) of bins 0..199 of a 400-point transform under a symmetric 25 ms Hamming window."""

    bins = WINDOW // 2

    def __init__(self) -> None:
        super().__init__()
        window = torch.hamming_window(WINDOW, periodic=False, dtype=torch.float64)
        self.register_buffer("window", window.float(), persistent=False)
        self.frequencies = torch.arange(self.bins) * (SAMPLE_RATE / WINDOW)

    def analyse(self, frames: Tensor) -> Tensor:
        return power_spectrum(frames * self.window)[..., : self.bins].sqrt().log1p()
