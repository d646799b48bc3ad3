"""ConvNeXt blocks over time + BiLSTM: what a CPU trains several times as fast as the DFCNN at the same size.

Two strided convolutions shorten time and frequency fourfold, blocks of a depthwise and two pointwise layers (Liu et
al., arXiv 2201.03545, figure 4) look around in time, and a BiLSTM sees the whole clip. Most of the work is matrix
products, where a 2-D convolution over few channels mostly waits for memory; and normalisation is that of a frame, so no
batch statistics are to be kept.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ramospeech.features import padding_mask
from ramospeech.model.config import ModelConfig
from ramospeech.model.dropout import Dropout
from ramospeech.model.recurrent import BiLSTM
from ramospeech.model.units import unit_layer

KERNEL = 7  # frames that a block sees


class ConvNeXt(nn.Module):
    """Features (B, T, F), (B,) frames -> log-posteriors (B, T', V) float32, (B,) with T' = T // reduction.

    Rows at and beyond a clip's T' mean nothing. Raises ValueError for a clip of fewer than `reduction` frames.

    Args:
        maps: channels of the two strided convolutions, of the blocks before time is halved once more and of those
            after it.
        blocks: before and after.
        reduction: 8, or 4 for time that is not halved once more.
    """

    def __init__(self, config: ModelConfig, bins: int) -> None:
        super().__init__()
        one, two, three, four = config.maps
        self.reduction = config.reduction
        self.conv1 = nn.Conv2d(1, one, 3, stride=2, padding=1)
        self.conv2 = nn.Conv2d(one, two, 3, stride=2, padding=1)
        self.fc1 = nn.Linear(two * (-(-bins // 4)), three)
        before, after = config.blocks
        self.blocks1 = nn.ModuleList(Block(three, 0.1 * config.dropout) for _ in range(before))
        self.merge = nn.Linear(three * (config.reduction // 4), four)
        self.blocks2 = nn.ModuleList(Block(four, 0.1 * config.dropout) for _ in range(after))
        self.norm = nn.LayerNorm(four)
        self.rnn = BiLSTM(four, config.rnn, config.rnn_layers, dropout=0.1 * config.dropout)
        self.fc2 = nn.Linear(2 * config.rnn, config.fc)
        self.dropout = Dropout(0.3 * config.dropout)
        self.fc3 = unit_layer(config.fc, config)
        for conv in (self.conv1, self.conv2):
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")

    @classmethod
    def from_config(cls, config: ModelConfig, bins: int) -> "ConvNeXt":
        return cls(config, bins)

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        frames = lengths.cpu()  # steers masks and the LSTM
        short = (frames < self.reduction).nonzero().flatten().tolist()
        if short:
            raise ValueError(
                f"clip {short[0]} of the batch has {int(frames[short[0]])} frames, the model needs at least "
                f"{self.reduction}: leave such clips out"
            )
        # Output frame i of a stride reads 2i - 1 to 2i + 1 and there are frames // 2 of them: never the padding.
        x = features[:, : int(frames.max())].unsqueeze(1).contiguous(memory_format=torch.channels_last)
        x = F.relu(self.conv1(x))
        x = F.relu(self.conv2(x))
        frames = frames // 4
        x = self.fc1(x.transpose(1, 2).flatten(2))[:, : int(frames.max())]
        x = _run(self.blocks1, x, frames)
        if self.reduction == 8:
            frames = frames // 2
            x = x[:, : 2 * int(frames.max())].unflatten(1, (-1, 2)).flatten(2)
        x = _run(self.blocks2, self.merge(x), frames)
        x = self.rnn(self.norm(x), frames)
        x = self.fc3(self.dropout(self.fc2(x)))
        precise = torch.promote_types(x.dtype, torch.float32)
        return F.log_softmax(x, -1, dtype=precise), frames.to(lengths.device)


class Block(nn.Module):
    """x + pointwise(GELU(pointwise(norm(depthwise(x))))); (B, T', C), padding (B, T', 1) -> (B, T', C)."""

    def __init__(self, channels: int, dropout: float) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(channels, channels, KERNEL, padding=KERNEL // 2, groups=channels)
        self.norm = nn.LayerNorm(channels)
        self.expand = nn.Linear(channels, 2 * channels)
        self.project = nn.Linear(2 * channels, channels)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, padding: Tensor) -> Tensor:
        near = self.depthwise(x.masked_fill(padding, 0.0).transpose(1, 2)).transpose(1, 2)
        return x + self.dropout(self.project(F.gelu(self.expand(self.norm(near)))))


def _run(blocks: nn.ModuleList, x: Tensor, frames: Tensor) -> Tensor:
    padding = padding_mask(frames, x.shape[1]).unsqueeze(2).to(x.device)
    for block in blocks:
        x = block(x, padding)
    return x
