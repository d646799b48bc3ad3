"""Weights in few bytes: matrices in 8 bits or fewer, each row with a scale of its own, the rest in half precision.

Rows are those of the first axis, so a convolution has one for each of its maps. The scale of a row is that of the least
squared error: a few large weights are cut for the sake of the many. Where it is known what a matrix is multiplied by,
the error of each weight is made up for by those after it in its row (GPTQ, Frantar et al., arXiv 2210.17323), so that
the products change little rather than the weights. A weight takes a byte, and in 6 bits three quarters of one, where
the last axis is a multiple of 4.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from ramospeech.arrays import SCALE, packed, unpacked

DAMPING = 0.01  # of the mean of the moments' diagonal, so that their inverse exists
CLIP_FRACTIONS = torch.linspace(0.4, 1.0, 25)  # of a row's largest weight: what may be the largest that is kept


def quantise(
    tensors: Mapping[str, Tensor], bits: int = 8, moments: Mapping[str, Tensor] | None = None
) -> dict[str, Tensor]:
    """Make of a matrix (R, ..., N) int8, in 6 bits uint8 (R, ..., 3 * N / 4) as `packed` has them, and, under its name
    with SCALE, float32 (R,); whole numbers stay.

    moments: (N, N) sums of products of the inputs of matrices, by name, as `calibration.input_moments` gives them.
    """
    max_level = 2 ** (bits - 1) - 1
    quantised = {}
    for name, tensor in tensors.items():
        if not tensor.is_floating_point():
            quantised[name] = tensor
        elif tensor.ndim < 2:
            quantised[name] = tensor.to(torch.float16)
        else:
            scale = _scale(tensor.flatten(1), max_level)
            if moments and name in moments:
                levels = _compensated(tensor, scale, max_level, moments[name])
            else:
                levels = _nearest(tensor, _column(scale, tensor), max_level)
            if bits == 6 and levels.shape[-1] % 4 == 0:
                levels = torch.from_numpy(packed(levels.cpu().numpy()))
            quantised[name] = levels
            quantised[name + SCALE] = scale
    return quantised


def dequantise(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return what `quantise` was given, in float32; the others as they are, in float32 too."""
    result = {}
    for name, tensor in tensors.items():
        scale = tensors.get(name + SCALE)
        if scale is not None:
            levels = torch.from_numpy(unpacked(tensor.cpu().numpy())) if tensor.dtype == torch.uint8 else tensor
            result[name] = levels.float() * _column(scale.float(), levels)
        elif not name.endswith(SCALE):
            result[name] = tensor.float() if tensor.is_floating_point() else tensor
    return result


def _scale(rows: Tensor, max_level: int) -> Tensor:
    """Return (R,) for (R, N): of each row the step whose multiples up to `max_level` have the least squared error."""
    scales = CLIP_FRACTIONS.to(rows)[:, None] * rows.abs().amax(1).clamp_min(1e-8) / max_level
    errors = [
        ((rows / scale[:, None]).round().clamp(-max_level, max_level) * scale[:, None] - rows).square().sum(1)
        for scale in scales
    ]
    return scales.gather(0, torch.stack(errors).argmin(0, keepdim=True))[0]


def _nearest(weights: Tensor, scale: Tensor, max_level: int) -> Tensor:
    return (weights / scale).round().clamp(-max_level, max_level).to(torch.int8)


def _compensated(weights: Tensor, scale: Tensor, max_level: int, moments: Tensor) -> Tensor:
    """Return the levels (R, N) of weights; each column's error is taken off the columns after it, in the proportions
    that the inverse of the moments gives."""
    moments = moments.double()
    moments = moments + DAMPING * moments.diagonal().mean() * torch.eye(len(moments), dtype=torch.float64)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(moments))
    factor = torch.linalg.cholesky(inverse, upper=True)
    rest, levels = weights.double(), torch.empty(weights.shape, dtype=torch.int8)
    for n in range(rest.shape[1]):
        levels[:, n] = _nearest(rest[:, n], scale, max_level)
        error = (rest[:, n] - levels[:, n] * scale) / factor[n, n]
        rest[:, n + 1 :] -= error[:, None] * factor[n, n + 1 :]
    return levels


def _column(scale: Tensor, tensor: Tensor) -> Tensor:
    return scale.view(-1, *[1] * (tensor.ndim - 1))
