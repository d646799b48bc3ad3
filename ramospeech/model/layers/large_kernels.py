"""Convolutions whose kernels have hundreds of places, as Deep Speech's: trained on a CPU at a bearable price."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.grad import conv2d_input


class LargeKernelConv2d(nn.Conv2d):
    """nn.Conv2d without groups and dilation; in training on a CPU its gradient is computed by matrix products, of the
    weights in a sixth of the time that torch takes."""

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, T, F) to (B, O, T', F')."""
        trained = self.training and torch.is_grad_enabled() and x.device.type == "cpu"
        if not trained or torch.is_autocast_enabled("cpu"):
            return super().forward(x)
        # Channels first in memory: with channels last the gradients of the input take long as well.
        y: Tensor = _Convolve.apply(x.contiguous(), self.weight, self.stride, self.padding)
        return y if self.bias is None else y + self.bias.view(-1, 1, 1)


class _Convolve(torch.autograd.Function):
    """F.conv2d, whose gradient of the weights is `weight_gradient`."""

    @staticmethod
    def forward(ctx: Any, x, weight, stride, padding):  # type: ignore[override]
        ctx.save_for_backward(x, weight)
        ctx.where = stride, padding
        return F.conv2d(x, weight, None, stride, padding)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad):  # type: ignore[override]
        x, weight = ctx.saved_tensors
        grad = grad.contiguous()
        inputs = conv2d_input(x.shape, weight, grad, *ctx.where) if ctx.needs_input_grad[0] else None
        weights = weight_gradient(x, grad, weight.shape, *ctx.where) if ctx.needs_input_grad[1] else None
        return inputs, weights, None, None


def weight_gradient(
    x: Tensor, grad: Tensor, shape: torch.Size, stride: tuple[int, int], padding: tuple[int, int]
) -> Tensor:
    """Return the gradient of the weights (O, C, K, L) of a convolution of x (B, C, T, F) by that of its output (B, O,
    T', F'): for each place in time of the kernel a matrix product over the frames and places of a clip."""
    outputs, channels, times, bins = shape
    padded = F.pad(x, (padding[1], padding[1], padding[0], padding[0]))
    result = x.new_zeros(times, outputs, channels * bins)
    last = stride[0] * (grad.shape[2] - 1) + 1
    for clip, of_clip in zip(padded, grad, strict=True):
        read = clip.unfold(2, bins, stride[1]).permute(1, 2, 0, 3)  # (T, F', C, L)
        columns = read.reshape(*read.shape[:2], channels * bins)
        rows = of_clip.flatten(1)  # (O, T' * F')
        for time in range(times):
            result[time].addmm_(rows, columns[time : time + last : stride[0]].flatten(0, 1))
    return result.view(times, outputs, channels, bins).permute(1, 2, 0, 3).contiguous()
