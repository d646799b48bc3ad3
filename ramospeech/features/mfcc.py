"""Mel-frequency cepstral coefficients as Kaldi computes them (feat/feature-mfcc.cc), with the coefficient 0."""

import math
from dataclasses import replace

import torch
from torch import Tensor

from ramospeech.features.fbank import Fbank
from ramospeech.features.framing import DEFAULT
from ramospeech.features.settings import FeatureSettings

CEPSTRA = 13
MELS = 23  # bins below that many cepstra; with more there are as many
LIFTER = 22.0


class Mfcc(Fbank):
    """13 cepstra of 23 log mel energies: their orthonormal DCT, liftered by 22, without the energy of the frame."""

    transform: Tensor

    def __init__(self, settings: FeatureSettings = DEFAULT) -> None:
        cepstra = settings.feature_bins or CEPSTRA
        super().__init__(settings=replace(settings, feature_bins=max(cepstra, MELS)))
        mels, self.bins, self.frequencies = self.bins, cepstra, None
        self.settings = settings
        order = torch.arange(cepstra, dtype=torch.float64)
        angle = math.pi / mels * (torch.arange(mels, dtype=torch.float64).unsqueeze(1) + 0.5) * order
        scale = torch.where(order == 0, 1 / mels, 2 / mels).sqrt()
        lifter = 1 + LIFTER / 2 * torch.sin(math.pi * order / LIFTER)
        self.register_buffer("transform", (angle.cos() * scale * lifter).float(), persistent=False)

    def analyse(self, frames: Tensor) -> Tensor:
        return super().analyse(frames) @ self.transform
