"""DFCNN + BiLSTM: four convolution stages that shorten time and frequency eightfold, then recurrent layers.

It is the network of the original toolkit, layer by layer and name by name; new is that lengths are honoured: the
posteriors of a clip do not depend on padding or on its neighbours in the batch.
"""

from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from ramospeech.model.batch_norm import MaskedBatchNorm2d
from ramospeech.model.config import ModelConfig
from ramospeech.model.dropout import Dropout
from ramospeech.model.padding import padding_rows, zero_padding
from ramospeech.model.recurrent import BiLSTM
from ramospeech.model.units import unit_layer

KINDS = {
    nn.Conv2d: "conv",
    MaskedBatchNorm2d: "norm",
    nn.ReLU: "relu",
    Dropout: "dropout",
    nn.MaxPool2d: "maxpool",
}


class DFCNN(nn.Module):
    """Features (B, T, F), (B,) frames -> log-posteriors (B, T', V) float32, (B,) with T' = T // reduction.

    With F = 200, V = 1215 and the default sizes it has 2,779,903 parameters. Rows at and beyond a clip's T' mean
    nothing. Raises ValueError for a clip of fewer than `reduction` frames.

    `reduction` is 8, or 4, where the third stage leaves time alone: for fast speech. `last` makes what takes the place
    of the last layer, (B, T', fc) -> (B, T', V).
    """

    def __init__(
        self,
        bins: int,
        units: int,
        maps: tuple[int, int, int, int] = (32, 64, 128, 128),
        fc: int = 128,
        rnn: int = 128,
        rnn_layers: int = 4,
        dropout: float = 1.0,
        reduction: int = 8,
        last: Callable[[], nn.Module] | None = None,
    ) -> None:
        super().__init__()
        self.reduction = reduction

        def conv(inputs: int, outputs: int, bias: bool = True) -> nn.Conv2d:
            return nn.Conv2d(inputs, outputs, kernel_size=3, padding=1, bias=bias)

        def relu() -> nn.ReLU:
            return nn.ReLU(inplace=True)

        def drop(rate: float) -> Dropout:
            return Dropout(rate * dropout)

        norm, pool = MaskedBatchNorm2d, nn.MaxPool2d
        one, two, three, four = maps
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
            *(conv(three, three), norm(three), relu(), pool((reduction // 4, 2)), drop(0.2)),
        )
        self.conv4 = Stage(
            "conv4",
            *(conv(three, four), norm(four), relu(), drop(0.2)),
            *(conv(four, four), relu()),
            *(conv(four, four), norm(four), relu(), drop(0.2)),
        )
        self.fc1 = nn.Linear(four * (bins // 8), fc)
        self.rnn = BiLSTM(fc, rnn, rnn_layers, dropout=0.1 * dropout)
        self.fc2 = nn.Linear(2 * rnn, fc)
        self.dropout = drop(0.5)
        self.fc3 = last() if last else nn.Linear(fc, units)
        self.reset_parameters()

    @classmethod
    def from_config(cls, config: ModelConfig, bins: int) -> "DFCNN":
        sizes = config.maps, config.fc, config.rnn, config.rnn_layers, config.dropout, config.reduction
        return cls(bins, len(config.units), *sizes, last=partial(unit_layer, config.fc, config))

    def fold(self) -> None:
        """Make the network in evaluation a tenth faster, and fit for nothing else: neither training nor saving."""
        for stage in (self.conv1, self.conv2, self.conv3, self.conv4):
            stage.fold()

    def reset_parameters(self) -> None:
        """He et al. 2015 before a ReLU; recurrent weights orthogonal and forget gates open (bias 1)."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        nn.init.kaiming_normal_(self.fc1.weight, nonlinearity="relu")
        cells = self.rnn.hidden_size
        for name, parameter in self.rnn.named_parameters():
            if name.startswith("weight_ih"):
                nn.init.xavier_uniform_(parameter)
            elif name.startswith("weight_hh"):
                for gate in parameter.split(cells):
                    nn.init.orthogonal_(gate)
            else:
                nn.init.zeros_(parameter)
                if name.startswith("bias_ih"):  # gates in the order input, forget, cell, output
                    nn.init.ones_(parameter.split(cells)[1])

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        frames = lengths.cpu()  # steers masks and packing
        short = (frames < self.reduction).nonzero().flatten().tolist()
        if short:
            raise ValueError(
                f"clip {short[0]} of the batch has {int(frames[short[0]])} frames, the model needs at least "
                f"{self.reduction}: leave such clips out"
            )
        x = features[:, : int(frames.max())].unsqueeze(1).contiguous(memory_format=torch.channels_last)
        for stage in (self.conv1, self.conv2, self.conv3, self.conv4):
            x, frames = stage(x, frames)
        x = F.relu(self.fc1(x.transpose(1, 2).flatten(2)))
        x = self.rnn(x, frames)
        x = self.fc3(self.dropout(self.fc2(x)))
        precise = torch.promote_types(x.dtype, torch.float32)
        return F.log_softmax(x, -1, dtype=precise), frames.to(lengths.device)


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

    def fold(self) -> None:
        """Take the normalisations that follow a convolution into its weights; the stage can be trained no more."""
        for (before, conv), (after, norm) in pairwise(list(self.named_children())):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, MaskedBatchNorm2d):
                setattr(self, before, fuse_conv_bn_eval(conv, norm))
                delattr(self, after)

    def forward(self, x: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        """x (B, C, T, F) channels last, frames (B,) on the CPU -> the same after the stage."""
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
