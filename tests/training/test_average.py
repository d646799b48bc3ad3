"""The running average of weights: against the plain sum, applied and taken back, resumed exactly."""

import pytest
import torch
from torch import nn

from ramospeech.training import Average


def test_it_is_the_exponential_moving_average() -> None:
    model = nn.Linear(1, 1, bias=False)
    model.weight.data.zero_()
    average, expected = Average(model, 0.9), 0.0
    for step in range(1, 200):
        model.weight.data.fill_(float(step))
        average.update()
        decay = min(0.9, step / (step + 10))
        expected = decay * expected + (1 - decay) * step
        with average.applied():
            assert model.weight.item() == pytest.approx(expected, rel=1e-5)
        assert model.weight.item() == step


def test_weights_come_back_after_an_error() -> None:
    model = nn.Linear(1, 1)
    average = Average(model, 0.5)
    model.weight.data.fill_(3.0)
    with pytest.raises(RuntimeError), average.applied():
        raise RuntimeError
    assert model.weight.item() == 3.0


def test_running_statistics_are_averaged_and_counters_left_alone() -> None:
    model = nn.BatchNorm1d(2)
    average = Average(model, 0.99)
    before = model.running_mean.clone()
    model(torch.randn(8, 2) + 5.0)
    average.update()
    with average.applied():
        assert before.mean() < model.running_mean.mean()
        assert int(model.num_batches_tracked) == 1


def test_a_resumed_average_is_the_same() -> None:
    model = nn.Linear(2, 2)
    one, two = Average(model, 0.9), Average(model, 0.9)
    model.weight.data.add_(1.0)
    one.update()
    two.load_state({"steps": one.steps, "averages": [tensor.clone() for tensor in one.averages]})
    for average in (one, two):
        average.update()
    assert all(torch.equal(a, b) for a, b in zip(one.averages, two.averages, strict=True))
