"""Convolutions below recurrent layers, masked: what is computed of a clip does not depend on the padding around it."""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ramospeech.model.layers.batch_norm import MaskedBatchNorm2d
from ramospeech.model.layers.large_kernels import LargeKernelConv2d
from ramospeech.model.layers.padding import channels_last, padding_rows, zero_padding

CEILING = 20.0  # of the clipped ReLU, Hardtanh from 0


class Extractor(nn.Module):
    """Features (B, T, F), (B,) frames on the CPU -> (B, T', dim), (B,) frames on the CPU, T' >= T // reduction.

    The class itself leaves features as they are.
    """

    reduction = 1

    def __init__(self, bins: int) -> None:
        super().__init__()
        self.dim = bins

    def forward(self, features: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        return features, frames


class VggExtractor(Extractor):
    """Four convolutions of 3 x 3 without a bias, two of 64 and two of 128 maps, and after each pair a pooling that
    halves time and frequency (KoSpeech's VGGExtractor)."""

    reduction = 4

    def __init__(self, bins: int) -> None:
        super().__init__(bins)
        maps = (1, 64, 64, 128, 128)
        self.convs = nn.ModuleList(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False) for inputs, outputs in pairwise(maps)
        )
        self.norms = nn.ModuleList(MaskedBatchNorm2d(outputs) for outputs in maps[1:4])  # none after the last pooling
        self.dim = maps[-1] * (bins // 4)

    def forward(self, features: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        x = channels_last(features.unsqueeze(1))
        # Each convolution reads beyond its outputs, so padding is 0 before it: here, and by the normalisations.
        x = zero_padding(x, padding_rows(frames, x.shape[2], x.device))
        for number, conv in enumerate(self.convs):
            x = F.hardtanh(conv(x), 0.0, CEILING)
            if number % 2:
                x, frames = F.max_pool2d(x, 2), frames // 2
            if number < len(self.norms):
                x = self.norms[number](x, padding_rows(frames, x.shape[2], x.device))
        return x.transpose(1, 2).flatten(2), frames


class DeepSpeechExtractor(Extractor):
    """The two convolutions of Deep Speech 2, without a bias: time is halved, frequency quartered."""

    reduction = 2
    maps = 32

    def __init__(self, bins: int) -> None:
        super().__init__(bins)
        self.convs = nn.ModuleList(
            (
                LargeKernelConv2d(1, self.maps, (11, 41), (2, 2), (5, 20), bias=False),
                LargeKernelConv2d(self.maps, self.maps, (11, 21), (1, 2), (5, 10), bias=False),
            )
        )
        self.norms = nn.ModuleList(MaskedBatchNorm2d(self.maps) for _ in self.convs)
        self.dim = self.maps * ((bins + 3) // 4)

    def forward(self, features: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        x = channels_last(features.unsqueeze(1))
        x = zero_padding(x, padding_rows(frames, x.shape[2], x.device))
        frames = (frames + 1) // 2
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = conv(x)
            x = F.hardtanh(norm(x, padding_rows(frames, x.shape[2], x.device)), 0.0, CEILING)
        return x.transpose(1, 2).flatten(2), frames


class FrameExtractor(Extractor):
    """One convolution over time alone, of `width` frames and so many channels, every `stride` frames."""

    def __init__(self, bins: int, channels: int = 256, width: int = 5, stride: int = 2) -> None:
        super().__init__(bins)
        self.conv = nn.Conv1d(bins, channels, width, stride, width // 2, bias=False)
        self.norm = MaskedBatchNorm2d(channels)
        self.dim, self.reduction = channels, stride

    def forward(self, features: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        x = features.transpose(1, 2).unsqueeze(3)  # (B, C, T, 1): the bins are channels
        x = zero_padding(x, padding_rows(frames, x.shape[2], x.device)).squeeze(3)
        x = self.conv(x).unsqueeze(3)
        frames = torch.div(frames - 1, self.reduction, rounding_mode="floor") + 1
        x = F.hardtanh(self.norm(x, padding_rows(frames, x.shape[2], x.device)), 0.0, CEILING)
        return x.squeeze(3).transpose(1, 2), frames
