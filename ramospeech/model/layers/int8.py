"""Linear layers in 8 bits for inference on a CPU: four to five times as fast as float32 where the processor multiplies
bytes, and a quarter of its memory."""

import warnings
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

LEVELS = (127, 63)  # largest activation: in 8 bits, or in 7 where products of bytes are added in 16 bits
MAX_WEIGHT = 127


class Int8Linear(nn.Module):
    """nn.Linear (..., inputs) -> (..., outputs) with weights in 8 bits, a scale for each output, and activations that
    are rounded to 8 bits, a scale for each row: a row does not depend on the others. For inference only.

    The sums are exact integers. Raises RuntimeError where torch cannot compute them exactly: see `int8_levels`.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.levels = int8_levels()
        if not self.levels:
            raise RuntimeError("no exact 8-bit products on this processor")
        self.in_features, self.out_features = linear.in_features, linear.out_features
        weight = linear.weight.detach().float()
        scale = weight.abs().amax(1).clamp(min=1e-12) / MAX_WEIGHT
        self.packed = _packed((weight / scale[:, None]).round().to(torch.int8), scale)
        self.bias = None if linear.bias is None else nn.Parameter(linear.bias.detach().clone(), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., inputs) to (..., outputs) float32."""
        rows = x.flatten(0, -2).float()
        scale = torch.maximum(rows.amax(1, keepdim=True), -rows.amin(1, keepdim=True)).clamp_(min=1e-12)
        y = _multiplied(rows / scale, self.packed, self.levels)
        y = y.mul_(scale) if self.bias is None else torch.addcmul(self.bias, y, scale, out=y)
        return y.unflatten(0, x.shape[:-1])

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


def int8_linear(linear: nn.Linear) -> nn.Module:
    """Return an Int8Linear in place of a layer, or the layer itself where it is not on a CPU or there are none."""
    return Int8Linear(linear) if linear.weight.device.type == "cpu" and int8_levels() else linear


@lru_cache(maxsize=1)
def int8_levels() -> int:
    """Return the finest of LEVELS with which products of bytes are exact on this processor; 0 for none.

    Processors without VNNI add pairs of products in 16 bits, which 8-bit activations overflow, and torch says nothing:
    so the largest sums, and those of drawn numbers, are compared with the exact ones.
    """
    generator = torch.Generator().manual_seed(0)
    for levels in LEVELS:
        weight = torch.randint(-MAX_WEIGHT, MAX_WEIGHT + 1, (48, 1000), generator=generator).to(torch.int8)
        weight[0], weight[1] = MAX_WEIGHT, -MAX_WEIGHT
        rows = torch.randint(-levels, levels + 1, (5, 1000), generator=generator).float()
        rows[0], rows[1] = levels, -levels
        try:
            found = _multiplied(rows / levels, _packed(weight, torch.ones(48)), levels) * levels
        except (RuntimeError, AttributeError, NotImplementedError):  # another engine, or a torch without the operator
            return 0
        if torch.allclose(found.double(), rows.double() @ weight.double().T, rtol=1e-4, atol=1.0):
            return levels
    return 0


def _packed(weight: Tensor, scale: Tensor) -> Any:
    """Return int8 (outputs, inputs) and a scale for each output, in the layout of torch's kernels."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # quantised tensors are on their way out; the kernels stay
        zeros = torch.zeros(len(weight), dtype=torch.int64)
        quantised = torch._make_per_channel_quantized_tensor(weight, scale.double(), zeros, 0)
        return torch.ops.quantized.linear_prepack(quantised, None)


def _multiplied(rows: Tensor, packed: Any, levels: int) -> Tensor:
    """Map rows (N, inputs) within -1 and 1, rounded to so many levels on each side of 0, to (N, outputs) float32."""
    return torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32(rows, 1 / levels, levels + 1, packed)
