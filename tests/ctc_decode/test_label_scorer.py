"""Score, times and confidences of a label sequence, by both engines, against brute force over all alignments."""

import math
from itertools import groupby, pairwise, product

import numpy as np
import pytest

from ctc_decode import BeamSearchDecoder
from ctc_decode.label_scorer import LabelScorer

V, T = 4, 6


@pytest.fixture(params=["compiled", "numpy"])
def examine(request):
    """ids -> (score, starts, ends, confidences), by way of a beam that holds every label sequence."""
    if request.param == "compiled":
        pytest.importorskip("ctc_decode._core")

    def run(log_probs):
        decoder = BeamSearchDecoder(["-", "a", "b", "c"], beam_width=5000, nbest=5000, engine=request.param)
        [found] = decoder.decode(log_probs[None], [len(log_probs)])
        return {h.ids: h for h in found}

    return run


def best_paths(log_probs):
    """The best alignment of every label sequence."""
    best = {}
    for path in product(range(V), repeat=len(log_probs)):
        ids = tuple(unit for unit, _ in groupby(path) if unit)
        score = sum(float(log_probs[t, unit]) for t, unit in enumerate(path))
        if ids not in best or score > best[ids][0]:
            best[ids] = (score, path)
    return {ids: path for ids, (_, path) in best.items()}


def spans(path):
    """Start and end frames of the tokens of an alignment."""
    bounds = [0, *(t for t in range(1, len(path)) if path[t] != path[t - 1]), len(path)]
    kept = [(a, b) for a, b in pairwise(bounds) if path[a]]
    return tuple(a for a, _ in kept), tuple(b for _, b in kept)


def plain_forward(log_probs, ids):
    """The exact score of a label sequence, state by state."""
    labels = [0]
    for unit in ids:
        labels += [unit, 0]
    alpha = {0: float(log_probs[0, 0]), 1: float(log_probs[0, labels[1]])} if ids else {0: float(log_probs[0, 0])}
    for row in log_probs[1:]:
        before, alpha = alpha, {}
        for s, unit in enumerate(labels):
            ways = [before.get(s, -math.inf), before.get(s - 1, -math.inf)]
            if unit and s > 1 and labels[s - 2] != unit:
                ways.append(before.get(s - 2, -math.inf))
            alpha[s] = float(np.logaddexp.reduce(ways) + row[unit])
    return float(np.logaddexp(alpha[len(labels) - 1], alpha.get(len(labels) - 2, -math.inf)))


@pytest.mark.parametrize("peak", [0.0, 3.0])
def test_long_and_short_labellings(rng, posteriors, peak):
    log_probs = posteriors(1, 60, 10, peak)[0]
    scorer = LabelScorer(log_probs, 0)
    for length in (0, 1, 5, 30, 45):
        ids = rng.integers(1, 10, length).tolist()
        assert scorer.score(ids, -np.inf) == pytest.approx(plain_forward(log_probs, ids), abs=1e-6)


@pytest.mark.parametrize("peak", [0.0, 3.0])
def test_times_are_those_of_the_best_alignment(examine, posteriors, peak):
    log_probs = posteriors(1, T, V, peak)[0]
    found = examine(log_probs)
    for ids, path in best_paths(log_probs).items():
        assert (found[ids].start_frames, found[ids].end_frames) == spans(path)


@pytest.mark.parametrize("peak", [0.0, 3.0])
def test_confidence_is_the_largest_probability_in_the_frames_of_a_token(examine, posteriors, peak):
    log_probs = posteriors(1, T, V, peak)[0]
    for hypothesis in examine(log_probs).values():
        spans = zip(hypothesis.ids, hypothesis.start_frames, hypothesis.end_frames, strict=True)
        expected = [math.exp(log_probs[start:end, unit].max()) for unit, start, end in spans]
        assert hypothesis.confidences == pytest.approx(expected, abs=1e-6)


def test_an_impossible_labelling_and_a_tight_one(posteriors):
    log_probs = posteriors(1, 3, V)[0]
    scorer = LabelScorer(log_probs, 0)
    assert scorer.score([1, 1, 2], -np.inf) == -np.inf  # a repeat needs a blank between
    tight = scorer.score([1, 2, 3], -np.inf)
    assert tight == pytest.approx(float(log_probs[[0, 1, 2], [1, 2, 3]].sum()), abs=1e-6)
    assert scorer.tokens()[:2] == ([0, 1, 2], [1, 2, 3])


def test_what_the_margin_leaves_out_is_looked_at_again():
    """The best states of the first frames lead nowhere: only what lay far below them comes to the end."""
    p = np.full((40, 3), 1e-30)
    p[:20, 0] = 1.0
    p[20:, 2] = 1.0
    log_probs = np.log(p / p.sum(axis=1, keepdims=True))
    expected = plain_forward(log_probs, (1, 2))
    assert LabelScorer(log_probs, 0).score([1, 2], expected) == pytest.approx(expected, abs=1e-6)
