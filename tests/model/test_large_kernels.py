"""Convolutions with large kernels, against torch's own."""

import pytest
import torch
from torch import nn

from ramospeech.model.layers.large_kernels import LargeKernelConv2d


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("channels", "kernel", "stride", "padding"),
    [
        (1, (11, 41), (2, 2), (5, 20)),
        (3, (5, 7), (1, 2), (2, 3)),
        (2, (3, 5), (3, 1), (0, 2)),
        (2, (1, 1), (1, 1), (0, 0)),
    ],
)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_values_and_gradients_are_those_of_torch(channels, kernel, stride, padding, bias, layout):
    torch.manual_seed(0)
    ours = LargeKernelConv2d(channels, 4, kernel, stride, padding, bias=bias).double()
    theirs = nn.Conv2d(channels, 4, kernel, stride, padding, bias=bias).double()
    theirs.load_state_dict(ours.state_dict())
    found = []
    x = torch.randn(3, channels, 17, 43, dtype=torch.float64).contiguous(memory_format=layout)
    for conv in (ours, theirs):
        given = x.clone().requires_grad_()
        y = conv(given)
        torch.manual_seed(1)
        (y * torch.randn(y.shape, dtype=y.dtype)).sum().backward()
        found.append([y, given.grad, *(parameter.grad for parameter in conv.parameters())])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other)
    ours.eval()
    assert torch.equal(ours(x), theirs(x))


def test_what_needs_no_gradient_gets_none():
    conv = LargeKernelConv2d(1, 2, (3, 5), padding=(1, 2))
    x = torch.randn(2, 1, 9, 9)
    conv(x).sum().backward()
    assert x.grad is None and conv.weight.grad is not None
    for parameter in conv.parameters():
        parameter.requires_grad_(False).grad = None
    x.requires_grad_()
    conv(x).sum().backward()
    assert x.grad is not None and conv.weight.grad is None


def test_mixed_precision():
    conv = LargeKernelConv2d(2, 2, (3, 5), padding=(1, 2))
    x = torch.randn(2, 2, 9, 9)
    with torch.autocast("cpu", torch.bfloat16):
        y = conv(x)
    assert y.dtype == torch.bfloat16
    y.sum().backward()
    assert conv.weight.grad is not None and conv.weight.grad.dtype == torch.float32
