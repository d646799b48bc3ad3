"""Dropout with random bytes: the rate, the scale, the gradient, memory layouts; torch's own where it does not apply."""

import pytest
import torch

from ramospeech.model.layers import Dropout


@pytest.mark.parametrize("rate", [0.08, 0.1, 0.2, 0.5])
def test_drops_at_its_rate_and_keeps_the_mean(rate):
    torch.manual_seed(0)
    y = Dropout(rate)(torch.ones(1000, 1001))
    kept = y != 0
    assert 1 - kept.double().mean() == pytest.approx(rate, abs=0.003)
    assert y.double().mean() == pytest.approx(1.0, abs=0.003)
    assert len(y[kept].unique()) == 1


def test_every_position_is_dropped_with_equal_probability():
    """Of a random word each byte is used, and each must be as random as the others."""
    torch.manual_seed(0)
    dropped = (Dropout(0.25)(torch.ones(40_000, 8)) == 0).double().mean(0)
    assert dropped.tolist() == pytest.approx([0.25] * 8, abs=0.01)


@pytest.mark.parametrize("layout", ["contiguous", "channels_last", "strided"])
def test_gradient_is_that_of_what_was_kept(layout):
    torch.manual_seed(0)
    x = torch.randn(2, 3, 5, 7)
    if layout == "channels_last":
        x = x.contiguous(memory_format=torch.channels_last)
    if layout == "strided":
        x = x[:, :, ::2, ::2]
    x = x.clone(memory_format=torch.preserve_format) if layout != "strided" else x
    x.requires_grad_(True)
    y = Dropout(0.5)(x)
    y.sum().backward()
    assert (y.shape == x.shape and y.stride() == x.stride()) or layout == "strided"
    assert torch.equal(y, x * x.grad)
    assert sorted(x.grad.unique().tolist()) == [0.0, 2.0]


def test_nothing_is_dropped_where_there_is_nothing_to_drop():
    x = torch.randn(100)
    assert Dropout(0.5).eval()(x) is x or torch.equal(Dropout(0.5).eval()(x), x)
    assert torch.equal(Dropout(0.0)(x), x)
    assert torch.equal(Dropout(1.0)(x), torch.zeros(100))


def test_the_seed_decides():
    def draw():
        torch.manual_seed(3)
        return Dropout(0.3)(torch.ones(1000))

    assert torch.equal(draw(), draw())
