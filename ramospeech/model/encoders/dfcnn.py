"""DFCNN + BiLSTM: four convolution stages that shorten time and frequency eightfold, then recurrent layers.

It is the network of the original toolkit, layer by layer and name by name; its fc3 is the CTC head. New is that lengths
are honoured: the states of a clip do not depend on padding or on the other clips of a batch.
"""

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ramospeech.model.encoders.base import (
    MAX_LAYERS,
    MAX_SIZE,
    Encoder,
    kaiming,
    open_forget_gates,
    register_encoder,
    without_rest,
)
from ramospeech.model.layers.batch_norm import MaskedBatchNorm2d
from ramospeech.model.layers.dropout import Dropout
from ramospeech.model.layers.padding import padding_rows, zero_padding
from ramospeech.model.layers.recurrent import BiLSTM
from ramospeech.settings import setting

KINDS = {
    nn.Conv2d: "conv",
    MaskedBatchNorm2d: "norm",
    nn.ReLU: "relu",
    Dropout: "dropout",
    nn.MaxPool2d: "maxpool",
}


@dataclass(frozen=True)
class DfcnnSizes:
    """Sizes of a DFCNN."""

    maps: tuple[int, int, int, int] = setting(
        (32, 64, 128, 128), "channels of the convolution stages", minimum=1, maximum=MAX_SIZE
    )
    fc: int = setting(128, "width of the layers around the LSTM", minimum=1, maximum=MAX_SIZE)
    rnn: int = setting(128, "LSTM cells per direction", minimum=1, maximum=MAX_SIZE)
    rnn_layers: int = setting(4, "LSTM layers", minimum=1, maximum=MAX_LAYERS)
    reduction: int = setting(8, "input frames per output frame; 4 for fast speech", choices=(4, 8))
    dropout_scale: float = setting(1.0, "scale of the dropout rates 0.1, 0.2 and 0.5", minimum=0.0, maximum=1.9)


@register_encoder
class DFCNN(Encoder):
    """Features (B, T, F), (B,) frames -> states (B, T', D), (B,) with T' = T // reduction and D = fc.

    With F = 200, the default sizes and a CTC head of 1,215 units a model has 2,779,903 parameters. Raises ValueError
    for a clip of fewer than `reduction` frames. With a reduction of 4 the third stage leaves time alone.
    """

    name = "dfcnn"
    Sizes = DfcnnSizes
    default_features, default_normalise, default_share_parts = "fbank", "bin", True
    output_name = "fc3"
    printed = ("dropout", "conv1", "conv2", "conv3", "conv4", "fc1", "fc2", "fc3", "rnn")  # as the original's

    def __init__(self, bins: int, sizes: DfcnnSizes) -> None:
        super().__init__(bins, sizes)
        self.reduction, self.dim = sizes.reduction, sizes.fc

        def conv(inputs: int, outputs: int, bias: bool = True) -> nn.Conv2d:
            return nn.Conv2d(inputs, outputs, kernel_size=3, padding=1, bias=bias)

        def relu() -> nn.ReLU:
            return nn.ReLU(inplace=True)

        def drop(rate: float) -> Dropout:
            return Dropout(rate * sizes.dropout_scale)

        norm, pool = MaskedBatchNorm2d, nn.MaxPool2d
        one, two, three, four = sizes.maps
        self.conv1 = Stage(
            "conv1",
            *(conv(1, one, bias=False), norm(one), relu(), drop(0.1)),
            *(conv(one, one), norm(one), relu(), pool((2, 2)), drop(0.1)),
        )
        self.conv2 = Stage(
            "conv2",
            *(conv(one, two), norm(two), relu(), drop(0.1)),
            *(conv(two, two), norm(two), relu(), pool((2, 2)), drop(0.1)),
        )
        self.conv3 = Stage(
            "conv3",
            *(conv(two, three), relu(), drop(0.2), norm(three)),
            *(conv(three, three), norm(three), relu(), pool((sizes.reduction // 4, 2)), drop(0.2)),
        )
        self.conv4 = Stage(
            "conv4",
            *(conv(three, four), norm(four), relu(), drop(0.2)),
            *(conv(four, four), relu()),
            *(conv(four, four), norm(four), relu(), drop(0.2)),
        )
        self.fc1 = nn.Linear(four * (bins // 8), sizes.fc)
        self.rnn = BiLSTM(sizes.fc, sizes.rnn, sizes.rnn_layers, dropout=0.1 * sizes.dropout_scale)
        self.fc2 = nn.Linear(2 * sizes.rnn, sizes.fc)
        self.dropout = drop(0.5)

    def reset_parameters(self) -> None:
        """He et al. 2015 before a ReLU; recurrent weights orthogonal and forget gates open (bias 1)."""
        kaiming(self)
        nn.init.kaiming_normal_(self.fc1.weight, nonlinearity="relu")
        open_forget_gates(self.rnn)

    def optimise_for_inference(self) -> None:
        """Fold batch norm into the convolutions: about 10 % faster; states change by rounding only."""
        for stage in (self.conv1, self.conv2, self.conv3, self.conv4):
            stage.fold_batch_norm()

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        frames = self.checked_lengths(lengths)  # on the CPU: they steer masks and packing
        x = without_rest(features, frames).unsqueeze(1).contiguous(memory_format=torch.channels_last)
        for stage in (self.conv1, self.conv2, self.conv3, self.conv4):
            x, frames = stage(x, frames)
        x = F.relu(self.fc1(x.transpose(1, 2).flatten(2)))
        x = self.rnn(x, frames)
        return self.dropout(self.fc2(x)), frames.to(lengths.device)


class Stage(nn.Sequential):
    """Layers in a row, named `{name}_{kind}{number}`, through which padding goes as zeros.

    A convolution reads one frame beyond each of its outputs, so wherever padding may have become non-zero it is set
    to 0 again before the next one: a clip then sees what it would see alone.
    """

    def __init__(self, name: str, *layers: nn.Module) -> None:
        super().__init__()
        numbers: Counter[str] = Counter()
        for layer in layers:
            kind = KINDS[type(layer)]
            numbers[kind] += 1
            self.add_module(f"{name}_{kind}" + ("" if kind == "maxpool" else str(numbers[kind])), layer)
        for conv, after in pairwise(layers):
            if isinstance(conv, nn.Conv2d) and conv.bias is not None and isinstance(after, MaskedBatchNorm2d):
                # The normalisation takes away what this bias adds: its gradient is rounding noise, which Adam would
                # scale up to full steps.
                conv.bias.requires_grad_(False)

    def fold_batch_norm(self) -> None:
        """Take the normalisations that follow a convolution into its weights; the stage can be trained no more."""
        for (before, conv), (after, norm) in pairwise(list(self.named_children())):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, MaskedBatchNorm2d):
                setattr(self, before, fuse_conv_bn_eval(conv, norm))
                delattr(self, after)

    def forward(self, x: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """Map x (B, C, T, F) channels last, frames (B,) on the CPU to the same after the stage."""
        padding, clean = padding_rows(frames, x.shape[2], x.device), False
        for layer in self:
            if isinstance(layer, nn.Conv2d):
                x = layer(x if clean else zero_padding(x, padding))
                clean = False
            elif isinstance(layer, MaskedBatchNorm2d):
                x = layer(x, padding)
                clean = True
            elif isinstance(layer, nn.MaxPool2d):
                x, frames = layer(x), frames // layer.kernel_size[0]  # type: ignore[index]
                padding, clean = padding_rows(frames, x.shape[2], x.device), False
            else:
                x = layer(x)
        return x, frames
