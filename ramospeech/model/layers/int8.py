"""Linear layers in 8 bits for inference on a CPU: four to five times as fast as float32 where the processor multiplies
bytes, and a quarter of its memory."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn

MAX_WEIGHT = 127


@dataclass(frozen=True)
class Kernel:
    """One of torch's ways to multiply bytes.

    levels: the largest activation: 127, or 63 where products of bytes are added in 16 bits. pack: weights int8
    (outputs, inputs) and a scale for each output, in the layout of the kernel. multiply: rows (N, inputs) float32 and
    their steps (N, 1), of which they become whole numbers within the levels, and packed weights -> (N, outputs) float32
    in these steps.
    """

    levels: int
    pack: Callable[[Tensor, Tensor], Any]
    multiply: Callable[[Tensor, Tensor, Any, int], Tensor]


class Int8Linear(nn.Module):
    """nn.Linear (..., inputs) -> (..., outputs) with weights in 8 bits, a scale for each output, and activations that
    are rounded to 8 bits, a scale for each row: a row does not depend on the others. For inference only.

    The sums are exact integers. Raises RuntimeError where torch cannot compute them exactly: see `int8_kernel`.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        kernel = int8_kernel()
        if kernel is None:
            raise RuntimeError("no exact 8-bit products on this processor")
        self.kernel = kernel
        self.in_features, self.out_features = linear.in_features, linear.out_features
        weight = linear.weight.detach().float()
        scale = weight.abs().amax(1).clamp(min=1e-12) / MAX_WEIGHT
        self.packed = kernel.pack((weight / scale[:, None]).round().to(torch.int8), scale)
        self.bias = None if linear.bias is None else nn.Parameter(linear.bias.detach().clone(), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., inputs) to (..., outputs) float32."""
        rows, levels = x.flatten(0, -2).float(), self.kernel.levels
        steps = torch.maximum(rows.amax(1, keepdim=True), -rows.amin(1, keepdim=True)).clamp_(min=1e-12).div_(levels)
        y = self.kernel.multiply(rows, steps, self.packed, levels)
        y = y.mul_(steps) if self.bias is None else torch.addcmul(self.bias, y, steps, out=y)
        return y.unflatten(0, x.shape[:-1])

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


def int8_linear(linear: nn.Linear) -> nn.Module:
    """Return an Int8Linear in place of a layer, or the layer itself where it is not on a CPU or there are none."""
    return Int8Linear(linear) if linear.weight.device.type == "cpu" and int8_kernel() else linear


@lru_cache(maxsize=1)
def int8_kernel() -> Kernel | None:
    """Return the first of KERNELS whose products are exact on this processor; None for none.

    Processors without VNNI add pairs of products in 16 bits, which 8-bit activations overflow, and torch says nothing:
    so the largest sums, and those of drawn numbers, are compared with the exact ones.
    """
    return next((kernel for kernel in KERNELS if _exact(kernel)), None)


def _exact(kernel: Kernel) -> bool:
    generator, levels = torch.Generator().manual_seed(0), kernel.levels
    weight = torch.randint(-MAX_WEIGHT, MAX_WEIGHT + 1, (48, 1000), generator=generator).to(torch.int8)
    weight[0], weight[1] = MAX_WEIGHT, -MAX_WEIGHT
    rows = torch.randint(-levels, levels + 1, (5, 1000), generator=generator).float()
    rows[0], rows[1] = levels, -levels
    expected = rows.double() @ weight.double().T
    try:
        found = kernel.multiply(rows, torch.ones(5, 1), kernel.pack(weight, torch.ones(48)), levels)
    except (RuntimeError, AttributeError, NotImplementedError):  # another engine, or a torch without the operator
        return False
    return torch.allclose(found.double(), expected, rtol=1e-4, atol=1.0)


def _pack_for_fbgemm(weight: Tensor, scale: Tensor) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # quantised tensors are on their way out; the kernels stay
        zeros = torch.zeros(len(weight), dtype=torch.int64)
        quantised = torch._make_per_channel_quantized_tensor(weight, scale.double(), zeros, 0)
        return torch.ops.quantized.linear_prepack(quantised, None)


def _multiply_by_fbgemm(rows: Tensor, steps: Tensor, packed: Any, levels: int) -> Tensor:
    return torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32(rows / steps, 1.0, levels + 1, packed)


def _pack_for_onednn(weight: Tensor, scale: Tensor) -> Any:
    # Added to a number of float32, it leaves the nearest whole number, plus 128, in the lowest byte: one pass instead
    # of three, of which torch's way from float32 to uint8 is slow.
    shift = torch.full((weight.shape[1],), 1.5 * 2**23 + 128)
    zeros = torch.zeros(len(weight), dtype=torch.int64)
    return torch.ops.onednn.qlinear_prepack(weight, None), scale, zeros, shift


def _multiply_by_onednn(rows: Tensor, steps: Tensor, packed: Any, levels: int) -> Tensor:
    weight, scale, zeros, shift = packed
    if not len(rows):
        return rows.new_zeros(0, len(scale))
    shifted = torch.addcmul(shift, rows, 1 / steps).view(torch.int32).to(torch.uint8)
    return torch.ops.onednn.qlinear_pointwise(
        shifted, 1.0, 128, weight, scale, zeros, None, 1.0, 0, torch.float32, "none", [], ""
    )


# The fastest first. oneDNN is right, and fast, only where the processor has instructions for bytes (VNNI).
KERNELS = (
    Kernel(127, _pack_for_onednn, _multiply_by_onednn),
    Kernel(127, _pack_for_fbgemm, _multiply_by_fbgemm),
    Kernel(63, _pack_for_fbgemm, _multiply_by_fbgemm),
)
