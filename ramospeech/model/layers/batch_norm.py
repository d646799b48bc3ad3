"""Batch normalisation that knows which frames of a batch are padding, and other workers."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ramospeech.model.layers.padding import as_rows, zero_padding

AllReduce = Callable[[Tensor], Tensor]


class MaskedBatchNorm2d(nn.BatchNorm2d):
    """nn.BatchNorm2d over the real frames of a batch only; the padding of its output is 0.

    `all_reduce`, a sum over workers, makes the statistics those of the batches of all workers together.
    Parameters and buffers are those of nn.BatchNorm2d. Non-finite statistics do not enter the running ones.
    """

    all_reduce: AllReduce | None = None

    def set_all_reduce(self, all_reduce: AllReduce) -> None:
        """Share the statistics of training with other workers; `ramospeech.parallel` looks for this method."""
        self.all_reduce = all_reduce

    def forward(self, x: Tensor, padding: Tensor | None = None) -> Tensor:  # type: ignore[override]
        """x (B, C, T, F), padding: the rows (P,) of its frames that are not real -> (B, C, T, F)."""
        x = x.contiguous(memory_format=torch.channels_last)
        if not self.training:
            y = F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps)
            return zero_padding(y, padding)
        y, mean, var, count = _Normalise.apply(x, self.weight, self.bias, padding, self.eps, self.all_reduce)
        self._track(mean, var * (count / (count - 1).clamp(min=1)))
        return y

    @torch.no_grad()
    def _track(self, mean: Tensor, var: Tensor) -> None:
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None and self.momentum is not None
        finite = mean.isfinite().all() & var.isfinite().all()
        for running, new in ((self.running_mean, mean), (self.running_var, var)):
            running.lerp_(torch.where(finite, new.to(running), running), self.momentum)
        self.num_batches_tracked += 1


class _Normalise(torch.autograd.Function):
    """y = weight * (x - mean) / sqrt(var + eps) + bias over real frames, 0 in the padding; and mean, var, count.

    The statistics are those of all frames, for which there is a fast kernel, less those of the padding, which is
    small. The backward pass is that of Ioffe and Szegedy 2015. Written out because each pass over x takes time.
    """

    @staticmethod
    def forward(ctx: Any, x, weight, bias, padding, eps, all_reduce):  # type: ignore[override]
        unused = weight.new_zeros(x.shape[1])  # as running statistics; what it gives has their precision, not x's
        mean, var = torch.batch_norm_update_stats(x, unused, unused.clone(), 0.0)
        count = mean.new_full((1,), x.numel() / x.shape[1])
        total, squares = mean * count, (var + mean.square()) * count
        if padding is not None:
            extra = as_rows(x)[padding].flatten(0, 1).to(mean.dtype)
            count = count - len(extra)
            total, squares = total - extra.sum(0), squares - extra.square().sum(0)
        sums = torch.cat([total, squares, count])
        if all_reduce is not None:
            sums = all_reduce(sums)
        total, squares, count = sums.split([x.shape[1], x.shape[1], 1])
        mean = total / count
        var = (squares / count - mean.square()).clamp(min=0)
        y = F.batch_norm(x, mean, var, weight, bias, False, 0.0, eps)
        if padding is not None:
            as_rows(y).index_fill_(0, padding, 0.0)
        ctx.save_for_backward(x, weight, mean, var, count, padding)
        ctx.eps, ctx.all_reduce = eps, all_reduce
        ctx.mark_non_differentiable(mean, var, count)
        return y, mean, var, count

    @staticmethod
    def backward(ctx: Any, grad, *_):  # type: ignore[override]
        x, weight, mean, var, count, padding = ctx.saved_tensors
        grad = grad.contiguous(memory_format=torch.channels_last)
        scale = (var + ctx.eps).rsqrt()
        # as if the statistics were constant: grad * weight * scale, and the two sums in the same sweep
        grad_x, grad_weight, grad_bias = torch.ops.aten.native_batch_norm_backward(
            grad, x, weight, mean, var, None, None, False, ctx.eps, [True, True, True]
        )
        if padding is not None:
            extra = as_rows(grad)[padding].flatten(0, 1).to(mean.dtype)
            grad_bias = grad_bias - extra.sum(0)
            grad_weight = grad_weight - (extra * (as_rows(x)[padding].flatten(0, 1) - mean) * scale).sum(0)
        sums = torch.cat([grad_bias, grad_weight])
        if ctx.all_reduce is not None:
            sums = ctx.all_reduce(sums)
        mean_bias, mean_weight = (sums / count).chunk(2)
        # what the statistics add: -weight * scale * (mean_bias + mean_weight * scale * (x - mean)), linear in x
        slope = -weight * scale.square() * mean_weight
        offset = -weight * scale * mean_bias - slope * mean
        grad_x += offset.to(x.dtype).view(-1, 1, 1)
        grad_x.addcmul_(x, slope.to(x.dtype).view(-1, 1, 1))
        if padding is not None:
            as_rows(grad_x).index_fill_(0, padding, 0.0)
        return grad_x, grad_weight, grad_bias, None, None, None
