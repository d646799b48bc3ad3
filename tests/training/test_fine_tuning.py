"""Weights between the start of fine-tuning and its end."""

import torch

from ramospeech.training.fine_tuning import interpolated, nearest


def test_weights_at_a_fraction_of_the_way():
    start = {"w": torch.tensor([0.0, 2.0]), "count": torch.tensor(3)}
    end = {"w": torch.tensor([4.0, 2.0]), "count": torch.tensor(7)}
    half = interpolated(start, end, 0.25)
    assert half["w"].tolist() == [1.0, 2.0] and half["count"].item() == 7
    assert torch.equal(interpolated(start, end, 1.0)["w"], end["w"])


def test_the_nearest_of_those_that_are_as_good():
    assert nearest({0.25: 0.4, 0.5: 0.2005, 0.75: 0.2, 1.0: 0.21}) == 0.5
    assert nearest({0.25: 0.4, 0.5: 0.3, 0.75: 0.25, 1.0: 0.2}) == 1.0
    assert nearest({0.25: 0.0, 1.0: 0.0}) == 0.25
