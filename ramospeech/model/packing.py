"""Weights in few bytes: matrices in 8 bits, each row with a scale of its own, the rest in half precision.

Rows are those of the first axis, so a convolution has one for each of its maps. An error is at most a 254th of the
largest weight of its row.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

SCALE = ".scale"  # what the name of a matrix ends in where its rows' scales are


def pack(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A matrix (R, ...) becomes int8 (R, ...) and, under its name with SCALE, float32 (R,); whole numbers stay."""
    packed = {}
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            packed[name] = tensor
        elif tensor.ndim < 2:
            packed[name] = tensor.to(torch.float16)
        else:
            scale = tensor.flatten(1).abs().amax(1).clamp_min(1e-8) / 127
            packed[name] = (tensor / _column(scale, tensor)).round().to(torch.int8)
            packed[name + SCALE] = scale
    return packed


def unpack(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What `pack` was given, in float32; tensors that were not packed are taken as they are, in float32 too."""
    result = {}
    for name, tensor in tensors.items():
        scale = tensors.get(name + SCALE)
        if scale is not None:
            result[name] = tensor.float() * _column(scale.float(), tensor)
        elif not name.endswith(SCALE):
            result[name] = tensor.float() if tensor.is_floating_point() else tensor
    return result


def _column(scale: Tensor, tensor: Tensor) -> Tensor:
    return scale.view(-1, *[1] * (tensor.ndim - 1))
