"""Networks weighed by language models and hotwords."""

import numpy as np
import pytest

from ctc_decode import BeamSearchDecoder, ConfusionNetwork, Hotwords
from ctc_decode.automaton import Automaton

UNITS = ("<blank>", "a", "b", "c")


def unigram(**weights: float) -> Automaton:
    """What each unit costs wherever it stands; the end costs nothing."""
    return Automaton(
        begin=np.array([0, 3]),
        unit=np.array([1, 2, 3]),
        target=np.zeros(3),
        weight=np.array([weights.get(unit, 0.0) for unit in UNITS[1:]]),
        fallback=np.zeros(1),
        fallback_weight=np.zeros(1),
        final=np.zeros(1),
        otherwise=0.0,
        start=0,
    )


class Model:
    """A language model of unigrams."""

    def __init__(self, **weights: float) -> None:
        self.weights = weights

    def automaton(self, vocabulary):
        return unigram(**self.weights)


def posteriors() -> np.ndarray:
    """a or b, a gap where c may be, then b or c."""
    frames = [[0.1, 0.5, 0.39, 0.01], [0.8, 0.01, 0.01, 0.18], [0.1, 0.01, 0.5, 0.39]]
    return np.log(np.array(frames, np.float32))


def weighed(decoder: BeamSearchDecoder) -> tuple[ConfusionNetwork, ConfusionNetwork]:
    log_probs = posteriors()
    hypothesis = decoder.decode(log_probs[None], [3])[0][0]
    network = ConfusionNetwork.from_posteriors(log_probs, hypothesis, UNITS)
    return network, decoder.weigh(network, hypothesis)


def test_without_either_a_network_stays_as_it_is() -> None:
    network, same = weighed(BeamSearchDecoder(UNITS))
    assert same == network and len(network.slots) == 3


def test_each_alternative_has_its_share_of_the_language_model() -> None:
    network, other = weighed(
        BeamSearchDecoder(UNITS, lm=Model(a=-1.0, b=-0.5, c=-2.0), lm_weight=0.5, length_bonus=0.3)
    )
    cost = {None: 0.0, "a": -0.2, "b": 0.05, "c": -0.7}
    for before, after in zip(network.slots, other.slots, strict=True):
        expected = {token: p * np.exp(cost[token]) for token, p in before.alternatives}
        total = sum(expected.values())
        assert dict(after.alternatives) == pytest.approx({token: p / total for token, p in expected.items()})
        assert list(dict(after.alternatives).values()) == sorted(dict(after.alternatives).values(), reverse=True)
        assert (after.start_frame, after.end_frame) == (before.start_frame, before.end_frame)


@pytest.mark.parametrize("phrase", ["a c", "b c", "a c b"])
def test_a_hotword_counts_as_a_whole(phrase: str) -> None:
    """In the context of the hypothesis, that is of the hotword's other units where the search found them."""
    decoder = BeamSearchDecoder(UNITS, hotwords=Hotwords({phrase: 6.0}), beam_width=30)
    log_probs = posteriors()
    hypothesis = decoder.decode(log_probs[None], [3])[0][0]
    network = ConfusionNetwork.from_posteriors(log_probs, hypothesis, UNITS)
    assert phrase in " ".join(hypothesis.tokens)
    assert phrase in " ".join(decoder.weigh(network, hypothesis).best())


def test_an_empty_hypothesis_and_an_impossible_preference() -> None:
    decoder = BeamSearchDecoder(UNITS, lm=Model(c=-5000.0, a=-5000.0, b=-5000.0), lm_weight=1.0)
    network, other = weighed(decoder)
    assert network.slots == other.slots == ()
