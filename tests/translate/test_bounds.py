"""What a search looks at is bounded, whatever the posteriors."""

import numpy as np
import pytest

from ctc_decode import ConfusionNetwork, GreedyDecoder, Slot
from ramospeech.text import Vocabulary
from ramospeech.translate import NgramTranslator
from ramospeech.translate.ngram import lattice, translator

UNITS = Vocabulary.inventory().units


@pytest.fixture
def triples(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The triples of each sentence that is searched."""
    seen: list[int] = []
    lattices = translator.lattices

    def spy(model, sentences):
        for candidates, empty in sentences:
            sizes = [1, *map(len, candidates), 1]
            seen.append(lattice.count_triples(sizes, np.array([-np.inf, *empty, -np.inf])))
        return lattices(model, sentences)

    monkeypatch.setattr(translator, "lattices", spy)
    return seen


def network_of(log_probs: np.ndarray) -> ConfusionNetwork:
    [[hypothesis]] = GreedyDecoder(UNITS).decode(log_probs[None], [len(log_probs)])
    return ConfusionNetwork.from_posteriors(log_probs, hypothesis, UNITS)


@pytest.mark.parametrize("spread", [0.01, 1.0, 3.0, 8.0])
@pytest.mark.parametrize("blank", [-3.0, 0.0, 5.0])
def test_a_search_of_random_posteriors_is_bounded(
    small_translator: NgramTranslator, triples: list[int], monkeypatch: pytest.MonkeyPatch, spread: float, blank: float
) -> None:
    monkeypatch.setattr(translator, "MAX_TRIPLES", 500)
    scores = np.random.default_rng(0).normal(0, spread, (60, len(UNITS)))
    scores[:, 0] += blank
    network = network_of((scores - np.log(np.exp(scores).sum(1, keepdims=True))).astype(np.float32))
    [[found]] = small_translator.translate_networks([network])
    assert len(found.hanzi) == len(found.syllables) <= len(network.slots)
    assert sum(triples) <= 500 * max(1, len(network.slots))


def test_slots_that_are_nearly_empty_are_skipped_at_once(small_translator: NgramTranslator, triples: list[int]) -> None:
    """A thousand of them, between two syllables, each of which could be skipped with all the others."""
    gaps = [Slot(((None, 0.99), ("jin1", 0.01)), frame, frame + 1) for frame in range(1, 1001)]
    ends = [Slot((("ni3", 1.0),), 0, 1), Slot((("hao3", 1.0),), 1001, 1002)]
    [[found]] = small_translator.translate_networks([ConfusionNetwork((ends[0], *gaps, ends[1]))])
    assert (found.hanzi, found.slots) == ("你好", (0, 1001))
    assert triples[0] < 100_000


def test_of_a_slot_with_all_units_the_likely_ones_count(small_translator: NgramTranslator) -> None:
    share = 0.5 / (len(UNITS) - 3)
    rest = tuple((unit, share) for unit in UNITS[2:] if unit != "hao3")
    slots = (Slot((("ni3", 1.0),), 0, 1), Slot((("hao3", 0.5), *rest), 1, 2))
    [[found]] = small_translator.translate_networks([ConfusionNetwork(slots)])
    assert (found.hanzi, found.syllables) == ("你好", ("ni3", "hao3"))


def test_the_bound_leaves_clear_speech_alone(
    small_translator: NgramTranslator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sentence of syllables, and one where each has a rival, at the bound that is shipped and without one."""
    sentence = ["jin1", "tian1", "tian1", "qi4", "hen3", "hao3"]
    slots = tuple(Slot(((syllable, 0.8), ("shi4", 0.2)), n, n + 1) for n, syllable in enumerate(sentence))
    found = []
    for most in (translator.MAX_TRIPLES, 10**12):
        monkeypatch.setattr(translator, "MAX_TRIPLES", most)
        found.append(
            [small_translator.translate(sentence), *small_translator.translate_networks([ConfusionNetwork(slots)])]
        )
    assert found[0] == found[1]
