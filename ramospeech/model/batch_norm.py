"""Batch normalisation that knows which frames of a batch are padding, and other workers."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

AllReduce = Callable[[Tensor], Tensor]


class MaskedBatchNorm2d(nn.BatchNorm2d):
    """nn.BatchNorm2d over the real frames of a batch only; the padding of its output is 0.

    `all_reduce`, a sum over workers, makes the statistics those of the batches of all workers together.
    Parameters and buffers are those of nn.BatchNorm2d. Non-finite statistics do not enter the running ones.
    """

    all_reduce: AllReduce | None = None

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:  # type: ignore[override]
        """x (B, C, T, F), mask (B, 1, T, 1) of 1 for real frames and 0 for padding -> (B, C, T, F)."""
        if not self.training:
            y = F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)
            return y if mask is None else y * mask
        y, mean, var, count = _Normalise.apply(x, self.weight, self.bias, mask, self.eps, self.all_reduce)
        self._track(mean, var * (count / (count - 1).clamp(min=1)))
        return y

    @torch.no_grad()
    def _track(self, mean: Tensor, var: Tensor) -> None:
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None and self.momentum is not None
        step = self.momentum * (mean.isfinite().all() & var.isfinite().all())
        self.running_mean.lerp_(mean.nan_to_num(0, 0, 0).to(self.running_mean), step.to(self.running_mean))
        self.running_var.lerp_(var.nan_to_num(0, 0, 0).to(self.running_var), step.to(self.running_var))
        self.num_batches_tracked += 1


class _Normalise(torch.autograd.Function):
    """y = weight * (x - mean) / sqrt(var + eps) + bias over real frames; also gives mean, var and count (C,), ().

    Padding counts for nothing, whatever is in it. The backward pass is that of Ioffe and Szegedy 2015, with sums
    over all workers; one function instead of many small ones because each pass over x counts.
    """

    @staticmethod
    def forward(ctx: Any, x, weight, bias, mask, eps, all_reduce):  # type: ignore[override]
        precise = torch.promote_types(x.dtype, torch.float32)
        if mask is not None:
            x = x * mask
        count = x.numel() / x.shape[1] if mask is None else mask.sum() * x.shape[3]
        sums = torch.cat(
            [
                x.sum((0, 2, 3), dtype=precise),
                torch.linalg.vector_norm(x, dim=(0, 2, 3), dtype=precise).square(),
                torch.as_tensor(count, dtype=precise, device=x.device).view(1),
            ]
        )
        if all_reduce is not None:
            sums = all_reduce(sums)
        total, squares, count = sums.split([x.shape[1], x.shape[1], 1])
        mean = total / count
        var = (squares / count - mean.square()).clamp(min=0)
        y = F.batch_norm(x, mean, var, weight, bias, False, 0.0, eps)
        if mask is not None:
            y *= mask
        ctx.save_for_backward(x, weight, mean, var, count, mask)
        ctx.eps, ctx.all_reduce = eps, all_reduce
        ctx.mark_non_differentiable(mean, var, count)
        return y, mean, var, count

    @staticmethod
    def backward(ctx: Any, grad, *_):  # type: ignore[override]
        x, weight, mean, var, count, mask = ctx.saved_tensors
        if mask is not None:
            grad = grad * mask
        scale = (var + ctx.eps).rsqrt()
        # the backward pass for constant statistics: weight * scale * grad, and both sums in the same sweep
        grad_x, grad_weight, grad_bias = torch.ops.aten.native_batch_norm_backward(
            grad, x, weight, mean, var, None, None, False, ctx.eps, [True, True, True]
        )
        sums = torch.cat([grad_bias, grad_weight])
        if ctx.all_reduce is not None:
            sums = ctx.all_reduce(sums)
        per_bias, per_weight = (sums / count).chunk(2)
        slope = weight * scale.square() * per_weight
        offset = slope * mean - weight * scale * per_bias
        grad_x = torch.addcmul(
            grad_x + offset.view(-1, 1, 1).to(x.dtype), x, slope.view(-1, 1, 1).to(x.dtype), value=-1
        )
        if mask is not None:
            grad_x *= mask
        return grad_x, grad_weight, grad_bias, None, None, None
