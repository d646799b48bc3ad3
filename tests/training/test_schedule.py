"""The learning rate by step."""

from itertools import pairwise

import pytest

from ramospeech.training import learning_rate, scaled


def test_warm_up_then_cosine():
    rates = [learning_rate(step, 1.0, 10, 110) for step in range(120)]
    assert rates[:10] == pytest.approx([0.1 * (i + 1) for i in range(10)])
    assert max(rates) == rates[9] == 1.0
    assert all(a >= b for a, b in pairwise(rates[9:]))
    assert rates[60] == pytest.approx(0.505)
    assert rates[110:] == pytest.approx([0.01] * 10)


def test_constant():
    assert learning_rate(5_000, 0.3, 10, 100, "constant") == 0.3


def test_scaling_with_workers():
    assert [scaled(0.1, 4, how) for how in ("none", "sqrt", "linear")] == pytest.approx([0.1, 0.2, 0.4])
