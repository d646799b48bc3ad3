"""Deep Speech 2 (Amodei et al., arXiv 1512.02595): convolutions and batch-normalised bidirectional recurrent layers."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ramospeech.model.encoders.base import MAX_LAYERS, MAX_SIZE, Encoder, register_encoder, without_rest
from ramospeech.model.layers.batch_norm import MaskedBatchNorm2d
from ramospeech.model.layers.dropout import Dropout
from ramospeech.model.layers.padding import padding_rows, zero_padding
from ramospeech.model.layers.recurrent import BiGRU, BiLSTM, BiRNN
from ramospeech.settings import setting

CHANNELS = 32
KERNELS = ((11, 41), (11, 21))  # frames and bins that a convolution reads
STRIDES = ((2, 2), (1, 2))
CEILING = 20.0  # of the clipped ReLU
LAYERS = {"lstm": BiLSTM, "gru": BiGRU, "rnn": BiRNN}


@dataclass(frozen=True)
class DeepSpeechSizes:
    """Sizes of a Deep Speech encoder."""

    rnn: int = setting(768, "cells of the recurrent layers, per direction", minimum=1, maximum=MAX_SIZE)
    rnn_layers: int = setting(5, "recurrent layers", minimum=1, maximum=MAX_LAYERS)
    rnn_type: str = setting("lstm", "kind of the recurrent layers", choices=tuple(LAYERS))
    dropout: float = setting(0.0, "dropout rate before each recurrent layer but the first", minimum=0.0, maximum=0.95)


@register_encoder
class DeepSpeech(Encoder):
    """Features (B, T, F), (B,) frames -> states (B, T', D), (B,) with T' = (T + 1) // 2 and D = rnn.

    The directions of a recurrent layer are summed. A batch normalisation ends the encoder, so the output layer above
    it has no bias. Raises ValueError for a clip of fewer than 2 frames.
    """

    name = "deepspeech"
    Sizes = DeepSpeechSizes
    output_name = "fc"
    output_bias = False
    reduction = 2

    def __init__(self, bins: int, sizes: DeepSpeechSizes) -> None:
        super().__init__(bins, sizes)
        self.dim = sizes.rnn
        self.convs, self.norms = nn.ModuleList(), nn.ModuleList()
        channels = 1
        for kernel, stride in zip(KERNELS, STRIDES, strict=True):
            padding = kernel[0] // 2, kernel[1] // 2
            conv = nn.Conv2d(channels, CHANNELS, kernel, stride, padding)
            assert conv.bias is not None
            # The normalisation takes away what this bias adds: its gradient is rounding noise, which Adam would scale
            # up to full steps.
            conv.bias.requires_grad_(False)
            self.convs.append(conv)
            self.norms.append(MaskedBatchNorm2d(CHANNELS))
            channels, bins = CHANNELS, (bins - 1) // stride[1] + 1
        layer = LAYERS[sizes.rnn_type]
        self.rnns = nn.ModuleList(
            layer(sizes.rnn if i else CHANNELS * bins, sizes.rnn) for i in range(sizes.rnn_layers)
        )
        self.rnn_norms = nn.ModuleList(MaskedBatchNorm2d(sizes.rnn) for _ in range(sizes.rnn_layers))
        self.dropout = Dropout(sizes.dropout)

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
            directions = rnn(x, frames)
            x = directions[..., : self.dim] + directions[..., self.dim :]
            x = norm(x.transpose(1, 2).unsqueeze(3), padding).squeeze(3).transpose(1, 2)
            x = self.dropout(x) if norm is not self.rnn_norms[-1] else x
        return x, frames.to(lengths.device)
