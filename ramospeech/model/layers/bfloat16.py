"""Layers in bfloat16 for inference on a CPU that multiplies tiles of it (Intel's AMX): as fast as products of bytes
there and more exact, and attention over what they give is two to three times as fast as in float32.

oneDNN makes a kernel for each size of product that it meets, which takes longer than most of the products and 1 MB of
memory, and keeps those it used last. So rows are multiplied in blocks of two sizes.
"""

from collections.abc import Callable
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ramospeech.model.layers.int8 import int8_linear

MANY, FEW = 256, 64  # rows of a block


class Bfloat16Linear(nn.Module):
    """What nn.Linear does, (..., inputs) -> (..., outputs) bfloat16, with weights in bfloat16. For inference only.

    weight: (outputs, inputs). bias: (outputs,), or None. gelu: whether a Gaussian error linear unit follows
    (Hendrycks and Gimpel, arXiv 1606.08415).
    """

    def __init__(self, weight: Tensor, bias: Tensor | None, gelu: bool = False) -> None:
        super().__init__()
        (self.out_features, self.in_features), self.gelu = weight.shape, gelu
        self.bias = None if bias is None else nn.Parameter(bias.detach().bfloat16(), requires_grad=False)
        self.packed = packs_weights()
        self.weight = _pack(weight.detach().bfloat16()) if self.packed else weight.detach().bfloat16()

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., inputs) to (..., outputs) bfloat16; under autocast in its type."""
        return by_blocks(self.product, x)

    def product(self, rows: Tensor) -> Tensor:
        """Map one block (N, inputs) bfloat16 to (N, outputs)."""
        if self.packed:
            return _multiply(rows, self.weight, self.bias, self.gelu)
        y = F.linear(rows, self.weight, self.bias)
        return F.gelu(y) if self.gelu else y

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Bfloat16FeedForward(nn.Module):
    """Two linear layers with a Gaussian error linear unit between them, (..., inputs) -> (..., outputs) bfloat16, block
    after block, so that what is between them stays in the processor's caches. For inference only."""

    def __init__(self, first: nn.Linear, second: nn.Linear) -> None:
        super().__init__()
        self.first = Bfloat16Linear(first.weight, first.bias, gelu=True)
        self.second = Bfloat16Linear(second.weight, second.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., inputs) to (..., outputs) bfloat16; under autocast in its type."""
        return by_blocks(lambda rows: self.second.product(self.first.product(rows)), x)


class Bfloat16Conv1d(nn.Module):
    """A convolution (B, C, T) -> (B, outputs, T') and a Gaussian error linear unit, as the products of its windows in
    bfloat16. For inference only."""

    def __init__(self, conv: nn.Conv1d) -> None:
        super().__init__()
        [self.size], [self.stride], self.padding = conv.kernel_size, conv.stride, int(conv.padding[0])
        self.linear = Bfloat16Linear(conv.weight.transpose(1, 2).flatten(1), conv.bias, gelu=True)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, T) to (B, outputs, T') of the same type; under autocast in its type."""
        frames = F.pad(x.transpose(1, 2), (0, 0, self.padding, self.padding))
        windows = frames.unfold(1, self.size, self.stride).transpose(2, 3).flatten(2)
        y = self.linear(windows).transpose(1, 2)
        return y if torch.is_autocast_enabled("cpu") else y.to(x.dtype)


def by_blocks(product: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Return the products of (..., inputs), whose rows are taken in blocks of bfloat16 of two sizes; under autocast in
    its type."""
    rows, start = x.flatten(0, -2), 0
    blocks: list[Tensor] = []
    with torch.autocast("cpu", enabled=False):
        while start < len(rows) or not blocks:
            size = MANY if len(rows) - start >= MANY else FEW
            block = rows[start : start + size].to(torch.bfloat16).contiguous()
            blocks.append(product(F.pad(block, (0, 0, 0, size - len(block))) if len(block) < size else block))
            start += size
        y = (blocks[0] if len(blocks) == 1 else torch.cat(blocks))[: len(rows)].unflatten(0, x.shape[:-1])
    return y.to(torch.get_autocast_dtype("cpu")) if torch.is_autocast_enabled("cpu") else y


def fast_linear(linear: nn.Linear) -> nn.Module:
    """Return the fastest layer in place of one: in bfloat16 where the CPU multiplies tiles of it, else in 8 bits where
    it multiplies bytes exactly, else the layer itself; so too on other devices."""
    return Bfloat16Linear(linear.weight, linear.bias) if _on_tiles(linear.weight) else int8_linear(linear)


def fast_output(linear: nn.Linear) -> nn.Module:
    """Return the fastest output layer in place of one: in bfloat16 where the CPU multiplies tiles of it."""
    return Bfloat16Linear(linear.weight, linear.bias) if _on_tiles(linear.weight) else linear


def fast_feed_forward(first: nn.Linear, second: nn.Linear) -> nn.Module:
    """Return the fastest of two layers with a Gaussian error linear unit between them, as `fast_linear` does."""
    if _on_tiles(first.weight):
        return Bfloat16FeedForward(first, second)
    return nn.Sequential(int8_linear(first), nn.GELU(), int8_linear(second))


def fast_conv(conv: nn.Conv1d) -> nn.Module:
    """Return the fastest of a convolution and a Gaussian error linear unit, as `fast_linear` does; never in 8 bits."""
    plain = conv.dilation == (1,) and conv.groups == 1 and conv.padding_mode == "zeros"
    return Bfloat16Conv1d(conv) if plain and _on_tiles(conv.weight) else nn.Sequential(conv, nn.GELU())


def _on_tiles(weight: Tensor) -> bool:
    return weight.device.type == "cpu" and multiplies_bfloat16()


def _pack(weight: Tensor) -> Tensor:
    """Return weights in the layout of oneDNN's kernels, which otherwise make it anew for each product."""
    return torch.ops.mkldnn._reorder_linear_weight(weight, None)


def _multiply(rows: Tensor, packed: Tensor, bias: Tensor | None, gelu: bool) -> Tensor:
    unit, kind = ("gelu", "none") if gelu else ("none", "")  # exact, not by a tanh
    return torch.ops.mkldnn._linear_pointwise(rows, packed, bias, unit, [], kind)


@lru_cache(maxsize=1)
def packs_weights() -> bool:
    """Return whether torch has what `_pack` and `_multiply` call, and the processor what these need."""
    weight, rows = (torch.linspace(-1, 1, n * 32).view(n, 32).bfloat16() for n in (16, 4))
    expected = F.gelu(F.linear(rows.float(), weight.float(), weight[:, 0].float()))
    try:
        found = _multiply(rows, _pack(weight), weight[:, 0].contiguous(), gelu=True)
    except (RuntimeError, AttributeError, NotImplementedError):
        return False
    return torch.allclose(found.float(), expected, atol=0.02, rtol=0.02)


@lru_cache(maxsize=1)
def multiplies_bfloat16() -> bool:
    """Return whether the CPU has instructions for products of tiles of bfloat16, by which they are some ten times as
    fast as those of float32."""
    capabilities = getattr(torch.cpu, "get_capabilities", None)  # an older torch does not tell
    return capabilities is not None and bool(capabilities().get("amx_bf16"))
