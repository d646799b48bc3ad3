"""Posteriors for decoders, and engines to run them with."""

import math
from collections import defaultdict
from itertools import groupby, product

import numpy as np
import pytest


def normalised(logits: np.ndarray) -> np.ndarray:
    """log-softmax in float64, stored as float32."""
    logits = np.asarray(logits, dtype=np.float64)
    top = logits.max(axis=-1, keepdims=True)
    return (logits - top - np.log(np.exp(logits - top).sum(axis=-1, keepdims=True))).astype(np.float32)


@pytest.fixture
def posteriors(rng):
    """(B, T', V) log posteriors: peaky with peak > 0, when one unit of each frame stands out, often the blank."""

    def make(B: int, T: int, V: int, peak: float = 0.0, blank: int = 0) -> np.ndarray:
        logits = rng.normal(size=(B, T, V))
        winner = np.where(rng.random((B, T)) < 0.5, blank, rng.integers(0, V, (B, T)))
        np.put_along_axis(logits, winner[..., None], peak + rng.normal(0, 1, (B, T, 1)), axis=2)
        return normalised(logits)

    return make


@pytest.fixture(scope="session")
def every_labelling():
    """Brute force: the probability of every label sequence of one item, by going through all V ** T' alignments."""

    def enumerate_all(log_probs: np.ndarray, blank: int = 0) -> dict[tuple[int, ...], float]:
        masses: dict[tuple[int, ...], list[float]] = defaultdict(list)
        T, V = log_probs.shape
        for path in product(range(V), repeat=T):
            ids = tuple(unit for unit, _ in groupby(path) if unit != blank)
            masses[ids].append(math.exp(sum(float(log_probs[t, unit]) for t, unit in enumerate(path))))
        return {ids: math.log(total) for ids, each in masses.items() if (total := math.fsum(each)) > 0}

    return enumerate_all


@pytest.fixture(params=["compiled", "numpy"])
def engine(request):
    """The name of each engine of the beam search; the compiled one only where it is built."""
    if request.param == "compiled":
        pytest.importorskip("ctc_decode._core")
    return request.param
