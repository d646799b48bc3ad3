"""The listener of CMU's course (11-785): a convolution over time and pyramidal BiLSTM layers, each of which halves time
(Chan et al., arXiv 1508.01211)."""

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from ramospeech.errors import ModelError
from ramospeech.model.encoders.base import MAX_SIZE, Encoder, register_encoder, without_rest
from ramospeech.model.layers.dropout import Dropout
from ramospeech.model.layers.extractors import FrameExtractor
from ramospeech.model.layers.recurrent import BiLSTM, Normalised
from ramospeech.settings import setting


@dataclass(frozen=True)
class PyramidalSizes:
    """Sizes of a pyramidal encoder."""

    channels: int = setting(256, "channels of the convolution", minimum=1, maximum=MAX_SIZE)
    kernel: int = setting(5, "frames that the convolution reads, an odd number", minimum=1, maximum=63)
    stride: int = setting(1, "frames from one output of the convolution to the next", minimum=1, maximum=8)
    rnn: int = setting(256, "cells of the recurrent layers, per direction", minimum=1, maximum=MAX_SIZE)
    pyramid_layers: int = setting(3, "recurrent layers, each of which halves time", minimum=1, maximum=6)
    rnn_norm: bool = setting(False, "batch normalisation after each recurrent layer, as in Deep Speech 2")
    dropout: float = setting(0.2, "dropout rate after each recurrent layer but the last", minimum=0.0, maximum=0.95)


@register_encoder
class Pyramidal(Encoder):
    """Features (B, T, F), (B,) frames -> states (B, T', D), (B,) with D = 2 * rnn.

    T' is ceil(T / stride), halved and rounded down as often as there are layers: each reads pairs of the frames below
    it. Raises ValueError for a clip that is too short, ModelError for an even kernel.
    """

    name = "pyramidal"
    Sizes = PyramidalSizes
    default_features = "fbank"
    default_normalise = "bin"

    def __init__(self, bins: int, sizes: PyramidalSizes) -> None:
        super().__init__(bins, sizes)
        if sizes.kernel % 2 == 0:
            raise ModelError(f"kernel must be odd, not {sizes.kernel}: it reads as far to both sides")
        self.extractor = FrameExtractor(bins, sizes.channels, sizes.kernel, sizes.stride)
        self.reduction = sizes.stride * 2**sizes.pyramid_layers
        self.dim = 2 * sizes.rnn
        rnn = partial(Normalised, BiLSTM) if sizes.rnn_norm else BiLSTM
        self.rnns = nn.ModuleList(
            rnn(2 * (self.dim if layer else sizes.channels), sizes.rnn) for layer in range(sizes.pyramid_layers)
        )
        self.dropout = Dropout(sizes.dropout)

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        frames = self.checked_lengths(lengths)  # on the CPU: they steer masks and packing
        x, frames = self.extractor(without_rest(features, frames), frames)
        for number, rnn in enumerate(self.rnns):
            x = self.dropout(x) if number else x
            second = x[:, 1::2]
            x, frames = torch.cat([x[:, ::2][:, : second.shape[1]], second], 2), frames // 2
            x = rnn(x, frames)
        return x, frames.to(lengths.device)
