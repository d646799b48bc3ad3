"""Whisper's encoder (Radford et al., arXiv 2212.04356): two convolutions and a pre-norm transformer, for clips of up to
30 seconds, without padding to 30 seconds; above it, if wanted, the mean of pairs of frames and a BiLSTM."""

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ramospeech.errors import ModelError
from ramospeech.features import padding_mask
from ramospeech.model.encoders.base import (
    MAX_LAYERS,
    MAX_SIZE,
    Encoder,
    open_forget_gates,
    register_encoder,
    without_rest,
)
from ramospeech.model.layers.bfloat16 import fast_conv, fast_feed_forward, fast_linear
from ramospeech.model.layers.dropout import Dropout
from ramospeech.model.layers.recurrent import BiLSTM
from ramospeech.settings import setting

HEAD_DIM = 64  # of the attention, in Whisper of every size
POSITIONS = 1500  # frames of 20 ms: 30 seconds


@dataclass(frozen=True)
class WhisperSizes:
    """Sizes of a Whisper encoder; the defaults are those of base. Width and layers of the others: tiny 384 and 4, small
    768 and 12, medium 1024 and 24, large 1280 and 32 (large-v3 on log_mel_128)."""

    width: int = setting(512, "width of the transformer, a multiple of 64", minimum=HEAD_DIM, maximum=MAX_SIZE)
    layers: int = setting(6, "layers of the transformer", minimum=1, maximum=MAX_LAYERS)
    attention_window: int = setting(
        0, "frames of a block; each attends to its block and the two beside it; 0: to all", minimum=0, maximum=POSITIONS
    )
    mean_pairs: bool = setting(True, "mean of every two frames: frames of 40 ms instead of 20")
    pairs_after: int = setting(0, "layers below that mean; 0: all", minimum=0, maximum=MAX_LAYERS)
    rnn: int = setting(256, "LSTM cells per direction above the transformer; 0 for none", minimum=0, maximum=MAX_SIZE)
    rnn_layers: int = setting(1, "LSTM layers", minimum=1, maximum=MAX_LAYERS)
    dropout: float = setting(0.1, "dropout rate in the transformer; twice that around the LSTM", minimum=0, maximum=0.5)

    def __post_init__(self) -> None:
        if self.width % HEAD_DIM:
            raise ModelError(f"width must be a multiple of {HEAD_DIM}, not {self.width}")
        if self.pairs_after > self.layers:
            raise ModelError(f"pairs_after is {self.pairs_after}, and there are {self.layers} layers; give fewer, or 0")
        if self.pairs_after and not self.mean_pairs:
            raise ModelError(f"pairs_after is {self.pairs_after}, and there is no mean of pairs: leave one of them out")


@register_encoder
class WhisperEncoder(Encoder):
    """Features (B, T, F), (B,) frames -> states (B, T', D), (B,).

    T' is (T + 1) // 2, halved with `mean_pairs`; D is the width, or 2 * rnn. Whisper attends to all frames and has no
    mean of pairs: `attention_window` and `pairs_after` make it faster and need training. Raises ValueError for a clip
    of more than 3,000 frames or fewer than `reduction`.
    """

    name = "whisper"
    Sizes = WhisperSizes
    default_features = "log_mel"
    silence = 0.48
    default_normalise = "none"
    max_frames = 2 * POSITIONS
    retrainable = ("attention_window", "pairs_after")
    cut = "layers"

    def __init__(self, bins: int, sizes: WhisperSizes) -> None:
        super().__init__(bins, sizes)
        width = sizes.width
        self.reduction, self.dim = (4 if sizes.mean_pairs else 2), (2 * sizes.rnn or width)
        self.window = sizes.attention_window
        self.pairs_after = (sizes.pairs_after or sizes.layers) if sizes.mean_pairs else None
        self.conv1: Any = nn.Conv1d(bins, width, kernel_size=3, padding=1)
        self.conv2: Any = nn.Conv1d(width, width, kernel_size=3, stride=2, padding=1)
        self.activation: nn.Module = nn.GELU()
        self.layers = nn.ModuleList(Layer(width, sizes.dropout) for _ in range(sizes.layers))
        self.norm = nn.LayerNorm(width)
        self.dropout = Dropout(2 * sizes.dropout)
        self.pair_norm, self.rnn = None, None
        if sizes.mean_pairs or sizes.rnn:
            self.pair_norm = nn.LayerNorm(width)
        if sizes.rnn:
            self.rnn = BiLSTM(width, sizes.rnn, sizes.rnn_layers, dropout=2 * sizes.dropout)

    def reset_parameters(self) -> None:
        if self.rnn is not None:
            open_forget_gates(self.rnn)

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        x, frames = self.upper(*self.lower(features, lengths))
        return x, frames.to(lengths.device)

    def lower(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        frames = self.checked_lengths(lengths)
        return self.transform(without_rest(features, frames), frames)

    @property
    def lower_reduction(self) -> int:
        return 4 if self.pairs_after not in (None, len(self.layers)) else 2

    def upper(self, states: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        x = states
        if self.pair_norm is not None:
            x = self.pair_norm(x)
        if self.pairs_after == len(self.layers):
            x, frames = mean_of_pairs(x, frames)
        x = self.dropout(x)
        if self.rnn is not None:
            x = self.dropout(self.rnn(x, frames))
        return x, frames

    def transform(self, features: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Whisper's own part: (B, T, F), (B,) on the CPU -> (B, T'', width), (B,).

        T'' is (T + 1) // 2, halved where the mean of pairs has layers above it.
        """
        x, padding = features.transpose(1, 2), _mask(frames, features)
        if padding is not None:  # a convolution reads a frame beyond each of its outputs
            x = x.masked_fill(padding.unsqueeze(1), 0.0)
        x = self.activation(self.conv1(x))
        if padding is not None:
            x = x.masked_fill(padding.unsqueeze(1), 0.0)
        x, frames = self.activation(self.conv2(x)).transpose(1, 2), (frames + 1) // 2
        x = x + sinusoids(x.shape[1], x.shape[2], x.device).to(x)
        attended, block = self.attended(x, frames)
        for number, layer in enumerate(self.layers):
            if number == self.pairs_after:
                x, frames = mean_of_pairs(x, frames)
                attended, block = self.attended(x, frames)
            x = layer(x, attended, block)
        return self.norm(x), frames

    def attended(self, x: Tensor, frames: Tensor) -> tuple[Tensor | None, int]:
        """Return what the frames of x (B, T', width) attend to, in blocks of how many frames, as `Layer` takes them."""
        padding = _mask(frames, x)
        if self.window and torch.onnx.is_in_onnx_export():
            return attended_blocks(frames, x.shape[1], self.window), 0
        if not 0 < 2 * self.window < x.shape[1]:  # of two blocks each frame attends to both
            return (None if padding is None else ~padding[:, None, None]), 0
        inside = x.new_ones(x.shape[:2], dtype=torch.bool) if padding is None else ~padding
        attended = with_neighbours(padded_to_blocks(inside, self.window), self.window).flatten(0, 1)
        attended = attended | ~attended.any(1, keepdim=True)  # a softmax over nothing is not a number
        return attended[:, None, None], self.window

    def optimise_for_inference(self) -> None:
        """Linear layers of the transformer in bfloat16 or in 8 bits, on a CPU; convolutions in bfloat16."""
        self.conv1, self.conv2 = fast_conv(self.conv1), fast_conv(self.conv2)
        self.activation = nn.Identity()
        for layer in self.layers:
            layer.qkv, layer.out = fast_linear(layer.qkv), fast_linear(layer.out)  # type: ignore[arg-type]
            layer.fc1 = fast_feed_forward(layer.fc1, layer.fc2)  # type: ignore[arg-type]
            layer.activation, layer.fc2 = nn.Identity(), nn.Identity()

    def pretrained_layers(self) -> list[nn.Module]:
        return [nn.ModuleList([self.conv1, self.conv2]), *self.layers, self.norm]


class Layer(nn.Module):
    """Self-attention and a feed-forward network, each added to its input, which is normalised before."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.heads = width // HEAD_DIM
        self.attention_norm, self.feed_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.activation: nn.Module = nn.GELU()
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, attended: Tensor | None, block: int = 0) -> Tensor:
        """x (B, T', width) -> (B, T', width).

        attended: (B, 1, 1, T') bool, or None without padding. With `block`, the frames of a block, (B * blocks, 1, 1,
        3 * block) bool: of each block which frames of it and of the blocks beside it.
        """
        qkv = self.qkv(self.attention_norm(x)).unflatten(2, (3, self.heads, HEAD_DIM))
        q, k, v = in_blocks(qkv, block) if block else qkv.permute(2, 0, 3, 1, 4)
        attend = attention_by_head if torch.onnx.is_in_onnx_export() else F.scaled_dot_product_attention
        y = attend(q, k, v, attended).transpose(1, 2).flatten(2)
        if block:
            y = y.view(len(x), -1, y.shape[2])[:, : x.shape[1]]
        x = x + self.dropout(self.out(y))
        return x + self.dropout(self.fc2(self.activation(self.fc1(self.feed_norm(x)))))


def attention_by_head(q: Tensor, k: Tensor, v: Tensor, attended: Tensor | None) -> Tensor:
    """F.scaled_dot_product_attention, (B, H, T', D), for a graph that would hold the (T', T') of all heads at once."""
    outside = None if attended is None else torch.where(attended[:, 0], 0.0, -math.inf)
    found = []
    for queries, keys, values in zip(q.unbind(1), k.unbind(1), v.unbind(1), strict=True):
        scores = queries * HEAD_DIM**-0.5 @ keys.transpose(1, 2)
        found.append((scores if outside is None else scores + outside).softmax(2) @ values)
    return torch.stack(found, 1)


def attended_blocks(frames: Tensor, size: int, block: int) -> Tensor:
    """Return (B, 1, size, size) bool: which frames each attends to, without cutting blocks, which a graph of any length
    cannot; those of the padding attend to themselves, because a softmax over nothing is not a number."""
    time = torch.arange(size)
    distance = time.div(block, rounding_mode="floor").unsqueeze(1) - time.div(block, rounding_mode="floor")
    inside = ~padding_mask(frames, size)[:, None, None] & (distance.abs() <= 1)
    return inside | (time.unsqueeze(1) == time)


def in_blocks(qkv: Tensor, block: int) -> tuple[Tensor, Tensor, Tensor]:
    """(B, T', 3, H, D) -> queries (B * blocks, H, block, D), and keys and values of three blocks for each of them,
    (B * blocks, H, 3 * block, D)."""
    padded = padded_to_blocks(qkv, block)
    queries = padded[:, block:-block, 0].unflatten(1, (-1, block)).flatten(0, 1).transpose(1, 2)
    around = with_neighbours(padded[:, :, 1:], block)  # (B, blocks, 2, H, D, 3 * block), of one clip without a copy
    keys, values = around.permute(2, 0, 1, 3, 5, 4).flatten(1, 2)
    return queries, keys, values


def padded_to_blocks(x: Tensor, block: int) -> Tensor:
    """(B, T', ...) with zeros to a whole number of blocks behind it, and a block more at each end."""
    behind = -x.shape[1] % block + block
    return F.pad(x, (*(0, 0) * (x.ndim - 2), block, behind))


def with_neighbours(padded: Tensor, block: int) -> Tensor:
    """Return three for each block of `padded_to_blocks`: (B, (blocks + 2) * block, ...) -> (B, blocks, ..., 3 *
    block)."""
    return padded.unfold(1, 3 * block, block)


def mean_of_pairs(x: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
    """(B, T', width), (B,) frames -> half as many; an odd one at the end is left out."""
    return (x[:, :-1:2] + x[:, 1::2]) / 2, frames // 2


def sinusoids(length: int, width: int, device: torch.device | None = None) -> Tensor:
    """Positions as Whisper has them: (length, width), sines of falling frequencies, then their cosines."""
    rates = torch.exp(-math.log(10_000) / (width // 2 - 1) * torch.arange(width // 2, device=device))
    angles = torch.arange(length, device=device).unsqueeze(1) * rates
    return torch.cat([angles.sin(), angles.cos()], 1)


def _mask(frames: Tensor, x: Tensor) -> Tensor | None:
    """(B, T) bool on the device of x (B, T, ...), True in the padding; None where there is none."""
    padding = padding_mask(frames, x.shape[1])
    has_padding = torch.onnx.is_in_onnx_export() or bool(padding.any())
    return padding.to(x.device, non_blocking=True) if has_padding else None
