"""Batch normalisation that knows which frames of a batch are padding, and other workers."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ramospeech.model.layers.padding import as_rows, channels_last, zero_padding

EPS = 1e-5  # of a normalisation whose result is not used
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
        """Map x (B, C, T, F), padding: the rows (P,) of its frames that are not real, to (B, C, T, F)."""
        x = channels_last(x)
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


def over_frames(norm: nn.Module, x: Tensor, padding: Tensor | None = None) -> Tensor:
    """Normalise x (B, T', C) as it is between recurrent layers by a MaskedBatchNorm2d of C channels."""
    return norm(x.transpose(1, 2).unsqueeze(3), padding).squeeze(3).transpose(1, 2)


class _Normalise(torch.autograd.Function):
    """y = weight * (x - mean) / sqrt(var + eps) + bias over real frames, 0 in the padding; and mean, var, count.

    The statistics are those of all frames less those of the padding, which is small. The backward pass is that of
    Ioffe and Szegedy 2015. Both are put together from public operations and the gradient of F.batch_norm, which mean
    the same on every device; torch does not promise that of the kernels behind them.
    """

    @staticmethod
    def forward(ctx: Any, x, weight, bias, padding, eps, all_reduce):  # type: ignore[override]
        channels = x.shape[1]
        total, squares = sums_of_channels(x, weight.dtype)
        count = total.new_full((1,), x.numel() / channels)
        if padding is not None:
            extra = as_rows(x)[padding].flatten(0, 1).to(total.dtype)
            count = count - len(extra)
            total, squares = total - extra.sum(0), squares - extra.square().sum(0)
        sums = torch.cat([total, squares, count])
        if all_reduce is not None:
            sums = all_reduce(sums)
        total, squares, count = sums.split([channels, channels, 1])
        mean = total / count
        var = (squares / count - mean.square()).clamp(min=0)
        with torch.enable_grad():  # as if the statistics were constant; a graph of its own for the backward pass
            inputs = weight_in, bias_in = [tensor.detach().requires_grad_() for tensor in (weight, bias)]
            y = F.batch_norm(x.detach(), mean, var, weight_in, bias_in, False, 0.0, eps)
        ctx.inputs, ctx.edge = inputs, torch.autograd.graph.get_gradient_edge(y)
        y = channels_last(y.detach())
        if padding is not None:
            as_rows(y).index_fill_(0, padding, 0.0)
        ctx.save_for_backward(x, weight, mean, var, count, padding)
        ctx.eps, ctx.all_reduce = eps, all_reduce
        ctx.mark_non_differentiable(mean, var, count)
        return y, mean, var, count

    @staticmethod
    def backward(ctx: Any, grad, *_):  # type: ignore[override]
        x, weight, mean, var, count, padding = ctx.saved_tensors
        grad = channels_last(grad)
        scale = (var + ctx.eps).rsqrt()
        grad_weight, grad_bias = torch.autograd.grad(ctx.edge, ctx.inputs, grad, retain_graph=True)
        if padding is not None:
            extra = as_rows(grad)[padding].flatten(0, 1).to(mean.dtype)
            grad_bias = grad_bias - extra.sum(0)
            grad_weight = grad_weight - (extra * (as_rows(x)[padding].flatten(0, 1) - mean) * scale).sum(0)
        sums = torch.cat([grad_bias, grad_weight])
        if ctx.all_reduce is not None:
            sums = ctx.all_reduce(sums)
        mean_bias, mean_weight = (sums / count).chunk(2)
        # weight * scale * grad, and what the statistics add, which is linear in x:
        # -weight * scale * (mean_bias + mean_weight * scale * (x - mean))
        slope = -weight * scale.square() * mean_weight
        offset = -weight * scale * mean_bias - slope * mean
        slope, offset, gain = (each.to(x.dtype).view(-1, 1, 1) for each in (slope, offset, weight * scale))
        grad_x = torch.addcmul(offset, x, slope).addcmul_(grad, gain)
        if padding is not None:
            as_rows(grad_x).index_fill_(0, padding, 0.0)
        return grad_x, grad_weight, grad_bias, None, None, None


def sums_of_channels(x: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Sum x (B, C, T, F), channels last, and its squares, to (C,) each in `dtype`.

    On a CPU the statistics of F.batch_norm are the fastest way to both; on a GPU they are slower than two reductions.
    """
    if x.device.type != "cpu":
        return sums_by_reductions(x, dtype)
    count = x.numel() // x.shape[1]
    mean, var = x.new_zeros(x.shape[1], dtype=dtype), x.new_ones(x.shape[1], dtype=dtype)
    F.batch_norm(x, mean, var, None, None, True, 1.0, EPS)  # replaces them by the statistics of x
    var = var * ((count - 1) / count)  # was unbiased
    return mean * count, (var + mean.square()) * count


def sums_by_reductions(x: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    rows = as_rows(x)
    return rows.sum((0, 1), dtype=dtype), torch.linalg.vector_norm(rows, dim=(0, 1), dtype=dtype).square()
