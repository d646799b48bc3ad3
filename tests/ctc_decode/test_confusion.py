"""Confusion networks: what is in the slots on cases done by hand."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctc_decode import ConfusionNetwork, GreedyDecoder, Hypothesis


def hypothesis(text, score, starts=None):
    """Tokens of 2 frames, every 5 frames where no starts are given."""
    tokens = tuple(text.split())
    starts = tuple(range(0, 5 * len(tokens), 5)) if starts is None else tuple(starts)
    values = {
        "tokens": tokens,
        "ids": tuple(range(1, len(tokens) + 1)),
        "score": score,
        "am_score": score,
        "lm_score": 0.0,
        "start_frames": starts,
        "end_frames": tuple(start + 2 for start in starts),
        "confidences": (1.0,) * len(tokens),
    }
    return Hypothesis(**{field.name: values[field.name] for field in fields(Hypothesis)})


def readable(network):
    return [{token: round(p, 6) for token, p in slot.alternatives} for slot in network.slots]


UNITS = ("<blank>", "a", "b", "c", "d")


def rows(*frames):
    """log_probs of frames given as {unit: probability}; the blank has the rest."""
    p = np.zeros((len(frames), len(UNITS)))
    for row, frame in zip(p, frames, strict=True):
        for unit, probability in frame.items():
            row[UNITS.index(unit)] = probability
        row[0] = 1 - row.sum()
    with np.errstate(divide="ignore"):
        return np.log(p)


def test_every_token_has_its_alternatives_by_the_posteriors():
    log_probs = rows({"a": 0.6, "b": 0.3}, {}, {"d": 0.02}, {"c": 0.2}, {"c": 0.5, "d": 0.25, "a": 0.002}, {})
    [[greedy]] = GreedyDecoder(UNITS).decode(log_probs[None], np.array([6]))
    assert greedy.tokens == ("a", "c")
    network = ConfusionNetwork.from_posteriors(log_probs, greedy, UNITS)
    # The border is in the middle of the frames 1 to 3 between the two tokens; the best frame of a unit counts, and the
    # worst of the blank. In the gap something else than "a" and "c" may have been spoken in frame 2 only.
    assert readable(network) == [
        {"a": round(0.6 / 1.02, 6), "b": round(0.3 / 1.02, 6), None: round(0.1 / 1.02, 6), "d": round(0.02 / 1.02, 6)},
        {None: 0.98, "d": 0.02},
        {"c": round(0.5 / 0.998, 6), "d": round(0.25 / 0.998, 6), None: round(0.248 / 0.998, 6)},
    ]
    assert [(slot.start_frame, slot.end_frame) for slot in network.slots] == [(0, 1), (2, 3), (4, 5)]
    assert network.best() == greedy.tokens
    every = ConfusionNetwork.from_posteriors(log_probs, greedy, UNITS, min_probability=0.0)
    assert "a" in readable(every)[2]
    with pytest.warns(DeprecationWarning, match="min_probability"):
        assert ConfusionNetwork.from_posteriors(log_probs, greedy, UNITS, least=0.0) == every


def test_gaps_before_and_after_all_tokens_and_between_two_alike():
    log_probs = rows(
        {"b": 0.1, "a": 0.2}, {"a": 0.9}, {"a": 0.4, "c": 0.1}, {"a": 0.8, "b": 0.2}, {"d": 0.3}, {"d": 0.4}
    )
    chosen = Hypothesis(("a", "a"), (1, 1), -1.0, -1.0, 0.0, (1, 3), (2, 4), (0.0, 0.0))
    network = ConfusionNetwork.from_posteriors(log_probs, chosen, UNITS)
    assert [(slot.start_frame, slot.end_frame) for slot in network.slots] == [(0, 1), (1, 2), (2, 3), (3, 4), (5, 6)]
    found = readable(network)
    assert (found[0], found[2], found[4]) == ({None: 0.9, "b": 0.1}, {None: 0.9, "c": 0.1}, {None: 0.6, "d": 0.4})
    assert network.best() == ("a", "a")


def test_what_a_language_model_chose_counts_as_much_as_the_best_of_the_posteriors():
    log_probs = rows({"a": 0.9, "b": 0.05})
    chosen = Hypothesis(("d",), (4,), -1.0, -9.0, 8.0, (0,), (1,), (0.0,))
    assert readable(ConfusionNetwork.from_posteriors(log_probs, chosen, UNITS)) == [
        {"d": round(0.9 / 1.9, 6), "a": round(0.9 / 1.9, 6), None: round(0.05 / 1.9, 6), "b": round(0.05 / 1.9, 6)}
    ]
    assert ConfusionNetwork.from_posteriors(log_probs, chosen, UNITS).best() == ("d",)


def test_among_many_that_are_alike_the_token_stays():
    units = ("<blank>", *(f"u{i}" for i in range(500)))
    log_probs = np.full((2, 501), -np.log(501))
    chosen = Hypothesis(("u9",), (10,), -1.0, -1.0, 0.0, (0,), (1,), (0.0,))
    network = ConfusionNetwork.from_posteriors(log_probs, chosen, units)
    assert network.best() == ("u9",) and [len(slot.alternatives) for slot in network.slots] == [501]


def test_posteriors_of_silence():
    assert ConfusionNetwork.from_posteriors(rows({}, {}), hypothesis("", 0.0), UNITS).slots == ()


@pytest.mark.parametrize("shape", [(3, 5), (7,), (7, 4)])
def test_posteriors_that_do_not_belong_to_the_hypothesis(shape):
    with pytest.raises(ValueError, match=r"it must be \(T', 5\), with the hypothesis's 7 frames"):
        ConfusionNetwork.from_posteriors(np.zeros(shape), hypothesis("a b", 0.0), UNITS)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 12), st.integers(0, 2**32 - 1))
def test_greedy_tokens_are_the_best_of_their_slots(frames, seed):
    log_probs = np.random.default_rng(seed).normal(size=(frames, len(UNITS))) * 3
    log_probs -= np.log(np.exp(log_probs).sum(axis=1, keepdims=True))
    [[greedy]] = GreedyDecoder(UNITS).decode(log_probs[None], np.array([frames]))
    network = ConfusionNetwork.from_posteriors(log_probs, greedy, UNITS)
    assert network.best() == greedy.tokens
    for slot in network.slots:
        probabilities = [p for _, p in slot.alternatives]
        assert sum(probabilities) == pytest.approx(1.0)
        assert probabilities == sorted(probabilities, reverse=True) and UNITS[0] not in dict(slot.alternatives)
