"""Deep Speech (Amodei et al., arXiv 1512.02595): convolutions and batch-normalised recurrent layers.

`deepspeech` has the form of the notebook that people learn it from: two convolutions, bidirectional layers. What of it
is free in Deep Speech 2 is in `deepspeech2.py`.
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ramospeech.errors import ModelError
from ramospeech.model.encoders.base import MAX_LAYERS, MAX_SIZE, Encoder, register_encoder, without_rest
from ramospeech.model.layers.batch_norm import MaskedBatchNorm2d, over_frames
from ramospeech.model.layers.dropout import Dropout
from ramospeech.model.layers.extractors import CEILING
from ramospeech.model.layers.large_kernels import LargeKernelConv2d
from ramospeech.model.layers.padding import padding_rows, zero_padding
from ramospeech.model.layers.recurrent import BIDIRECTIONAL, FORWARD, Lookahead
from ramospeech.settings import setting

CHANNELS = (32, 32, 96)
KERNELS = ((11, 41), (11, 21), (11, 21))  # frames and bins that a convolution reads
STRIDES = ((2, 2), (1, 2), (1, 2))


@dataclass(frozen=True)
class DeepSpeechSizes:
    """Sizes of a Deep Speech encoder."""

    rnn: int = setting(768, "cells of the recurrent layers, per direction", minimum=1, maximum=MAX_SIZE)
    rnn_layers: int = setting(5, "recurrent layers", minimum=1, maximum=MAX_LAYERS)
    rnn_type: str = setting("lstm", "kind of the recurrent layers", choices=tuple(BIDIRECTIONAL))
    dropout: float = setting(0.0, "dropout rate before each recurrent layer but the first", minimum=0.0, maximum=0.95)
    rnn_bias: bool = setting(True, "biases of the recurrent layers")
    pad_bins: bool = setting(True, "pad the convolutions in frequency; without, 161 bins give 672 inputs (32 x 21)")


@register_encoder
class DeepSpeech(Encoder):
    """Features (B, T, F), (B,) frames -> states (B, T', D), (B,) with T' = (T + 1) // 2 and D = rnn.

    The directions of a recurrent layer are summed. In time the convolutions are padded always. A batch normalisation
    ends the encoder, so the output layer above it has no bias. Raises ValueError for a clip of fewer than 2 frames.
    """

    name = "deepspeech"
    Sizes = DeepSpeechSizes
    output_name = "fc"
    output_bias = False
    reduction = 2

    def __init__(
        self, bins: int, sizes: DeepSpeechSizes, convs: int = 2, bidirectional: bool = True, lookahead: int = 0
    ) -> None:
        super().__init__(bins, sizes)
        least = least_bins(convs) if not sizes.pad_bins else 1
        if bins < least:
            raise ModelError(
                f"{convs} convolutions without padding need {least} bins, and the features have {bins}: more "
                "--feature_bins, or --pad_bins"
            )
        self.dim = sizes.rnn
        self.convs, self.norms = nn.ModuleList(), nn.ModuleList()
        channels = 1
        for kernel, stride, width in zip(KERNELS[:convs], STRIDES, CHANNELS, strict=False):
            padding = kernel[0] // 2, kernel[1] // 2 if sizes.pad_bins else 0
            conv = LargeKernelConv2d(channels, width, kernel, stride, padding)
            assert conv.bias is not None
            # The normalisation takes away what this bias adds: its gradient is rounding noise, which Adam would scale
            # up to full steps.
            conv.bias.requires_grad_(False)
            self.convs.append(conv)
            self.norms.append(MaskedBatchNorm2d(width))
            channels, bins = width, (bins + 2 * padding[1] - kernel[1]) // stride[1] + 1
        layer: Any = (BIDIRECTIONAL if bidirectional else FORWARD)[sizes.rnn_type]
        self.rnns = nn.ModuleList(
            layer(sizes.rnn if i else channels * bins, sizes.rnn, bias=sizes.rnn_bias) for i in range(sizes.rnn_layers)
        )
        self.rnn_norms = nn.ModuleList(MaskedBatchNorm2d(sizes.rnn) for _ in range(sizes.rnn_layers))
        self.dropout = Dropout(sizes.dropout)
        self.lookahead = Lookahead(sizes.rnn, lookahead) if lookahead else None

    def optimise_for_inference(self) -> None:
        """Fold the normalisations of the convolutions into their weights."""
        for i, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            if isinstance(norm, MaskedBatchNorm2d):
                assert isinstance(conv, nn.Conv2d)
                self.convs[i], self.norms[i] = fuse_conv_bn_eval(conv, norm), nn.Identity()

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        frames = self.checked_lengths(lengths)  # on the CPU: they steer masks and packing
        x = without_rest(features, frames).unsqueeze(1).contiguous(memory_format=torch.channels_last)
        # Each convolution reads beyond its outputs, so padding is 0 before it: a clip sees what it would see alone.
        x = zero_padding(x, padding_rows(frames, x.shape[2], x.device))
        frames = (frames + 1) // 2
        padding = None
        for conv, norm in zip(self.convs, self.norms, strict=True):
            x = conv(x)
            padding = padding_rows(frames, x.shape[2], x.device)
            x = norm(x, padding) if isinstance(norm, MaskedBatchNorm2d) else zero_padding(x, padding)
            x = F.hardtanh(x, 0.0, CEILING)
        x = x.transpose(1, 2).flatten(2)
        for rnn, norm in zip(self.rnns, self.rnn_norms, strict=True):
            x = rnn(x, frames)
            if rnn.bidirectional:
                x = x[..., : self.dim] + x[..., self.dim :]
            if self.lookahead is not None and norm is self.rnn_norms[-1]:
                x = F.hardtanh(self.lookahead(x), 0.0, CEILING)
            x = over_frames(norm, x, padding)
            x = self.dropout(x) if norm is not self.rnn_norms[-1] else x
        return x, frames.to(lengths.device)


def least_bins(convs: int) -> int:
    """Return the bins that so many convolutions need where nothing is padded in frequency."""
    bins = 1
    for kernel, stride in zip(KERNELS[convs - 1 :: -1], STRIDES[convs - 1 :: -1], strict=True):
        bins = (bins - 1) * stride[1] + kernel[1]
    return bins
