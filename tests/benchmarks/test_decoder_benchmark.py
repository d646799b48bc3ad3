"""The decoder benchmark: its posteriors, and how it judges label sequences."""

import sys
from itertools import groupby, product

import numpy as np
import pytest


@pytest.fixture
def benchmark(root, monkeypatch):
    """The module `decoder`, imported as it is when it is run."""
    pytest.importorskip("torch")
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    import decoder

    yield decoder
    for name in ("decoder", "decoder_worker", "posteriors", "bench_training", "table"):
        sys.modules.pop(name, None)


def test_posteriors_are_seeded_normalised_and_of_their_kind(benchmark):
    sets = benchmark.posteriors.make(5, utterances=3)
    again = benchmark.posteriors.make(5, utterances=3)
    assert {name: len(arrays) for name, arrays in sets.items()} == {"peaky": 3, "flat": 3, "long": 1}
    for name, arrays in sets.items():
        for array, other in zip(arrays, again[name], strict=True):
            assert array.dtype == np.float32 and np.array_equal(array, other)
            assert np.exp(array[:50].astype(np.float64)).sum(axis=1) == pytest.approx(1.0, abs=1e-4)
    blank = {name: np.mean([np.exp(array[:, 0]).mean() for array in arrays]) for name, arrays in sets.items()}
    assert blank["peaky"] > 0.7 > 0.45 > blank["flat"]
    assert sets["long"][0].shape == (7500, benchmark.posteriors.V)


def test_labellings_are_judged_by_their_exact_probability(benchmark, rng):
    logits = rng.normal(size=(5, 3))
    log_probs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    exact: dict[tuple[int, ...], float] = {}
    for path in product(range(3), repeat=5):
        labels = tuple(unit for unit, _ in groupby(path) if unit)
        exact[labels] = exact.get(labels, 0.0) + float(np.exp(log_probs[range(5), path].sum()))
    judge = benchmark.Judge([log_probs])
    answers = [(1, 2), (2,), (), (1, 1)]
    for answer in answers:
        judge.add([list(answer)])
    best = max(exact[answer] for answer in answers)
    for answer in answers:
        assert judge.missed([answer]) == pytest.approx((np.log(best / exact[answer]),), abs=1e-6)


def test_a_cell_counts_what_is_worse(benchmark):
    assert benchmark.Cell(12.34, 1.0, (0.0, 1e-6, 0.5)).text() == "12.3 (1 of 3)"
    assert benchmark.Cell(12.34, 1.0, (9.5,)).text() == "12.3 (9.5)"
