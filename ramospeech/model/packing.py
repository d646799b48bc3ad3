"""Weights in few bytes: matrices in 8 bits or fewer, each row with a scale of its own, the rest in half precision.

Rows are those of the first axis, so a convolution has one for each of its maps. The scale of a row is that of the least
squared error: a few large weights are cut for the sake of the many. A weight takes a byte, however few bits it has;
fewer make the file smaller where it is compressed, as in a wheel or a git repository: 6 bits by a quarter.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

SCALE = ".scale"  # what the name of a matrix ends in where its rows' scales are
CUTS = torch.linspace(0.4, 1.0, 25)  # shares of a row's largest weight that may be the largest that is kept


def pack(tensors: Mapping[str, Tensor], bits: int = 8) -> dict[str, Tensor]:
    """A matrix (R, ...) becomes int8 (R, ...) and, under its name with SCALE, float32 (R,); whole numbers stay."""
    most = 2 ** (bits - 1) - 1
    packed = {}
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            packed[name] = tensor
        elif tensor.ndim < 2:
            packed[name] = tensor.to(torch.float16)
        else:
            scale = _scale(tensor.flatten(1), most)
            packed[name] = (tensor / _column(scale, tensor)).round().clamp(-most, most).to(torch.int8)
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


def _scale(rows: Tensor, most: int) -> Tensor:
    """(R, N) -> (R,): of each row the step whose multiples up to `most` come nearest to it, by the squared error."""
    scales = CUTS.to(rows)[:, None] * rows.abs().amax(1).clamp_min(1e-8) / most
    errors = [
        ((rows / scale[:, None]).round().clamp(-most, most) * scale[:, None] - rows).square().sum(1) for scale in scales
    ]
    return scales.gather(0, torch.stack(errors).argmin(0, keepdim=True))[0]


def _column(scale: Tensor, tensor: Tensor) -> Tensor:
    return scale.view(-1, *[1] * (tensor.ndim - 1))
