"""Syllable ids, the noise of the training data, and the characters of an observed syllable."""

import numpy as np
import pytest

from ramospeech.text import Vocabulary, pinyin
from ramospeech.translate import NgramTranslator
from ramospeech.translate.channel import CANDIDATES, Channel
from ramospeech.translate.error_model import ERROR_RATE, TONE_FRACTION, UNKNOWN, ErrorModel, Noise, Syllables
from ramospeech.translate.lexicon import FALLBACK_ID, NEUTRAL_COST, SANDHI_COST


@pytest.fixture(scope="module")
def syllables() -> Syllables:
    return Syllables()


@pytest.fixture(scope="module")
def channel(small_translator: NgramTranslator) -> Channel:
    return Channel(small_translator.model.lexicon, small_translator.model.unigram)


def test_every_syllable_has_its_own_id_and_name(syllables: Syllables) -> None:
    units = list(Vocabulary.inventory().units[2:])
    ids = [syllables.ids([unit])[0] for unit in units]
    assert len(set(ids)) == len(units) and min(ids) > UNKNOWN and max(ids) < len(syllables)
    assert [syllables.name(i) for i in ids] == units
    assert sorted(ids) == syllables.known.tolist()


def test_a_sentence_without_any_tone_has_unknown_tones(syllables: Syllables) -> None:
    toned, neutral, toneless = (syllables.ids(s.split()) for s in ("ni3 ma", "ma", "ni ma"))
    assert toned[1] == neutral[0]  # a neutral tone after a full one, or alone
    assert toneless[1] != neutral[0] and syllables.name(toneless[0]) == "ni"
    assert syllables.ids(["<UNK>", "qqq", "", "k"]) == [UNKNOWN] * 4


def test_noise_has_the_requested_rate_and_the_fractions_of_the_table(syllables: Syllables) -> None:
    rng = np.random.default_rng(1)
    spoken = rng.choice(syllables.known, (2, 50_000))
    observed = Noise(syllables).corrupt(spoken, np.array([0.0, 0.1]), rng)
    assert (observed[0] == spoken[0]).all()
    wrong = observed[1] != spoken[1]
    assert wrong.mean() == pytest.approx(0.1, abs=0.005)
    assert np.isin(observed, syllables.known).all()
    same_base = [
        pinyin.toneless(syllables.name(a)) == pinyin.toneless(syllables.name(b))
        for a, b in zip(spoken[1][wrong], observed[1][wrong], strict=True)
    ]
    assert np.mean(same_base) == pytest.approx(TONE_FRACTION, abs=0.03)


def test_a_row_is_the_sum_over_the_spoken_syllables(channel: Channel, small_translator: NgramTranslator) -> None:
    """Compared with the definition, term by term: sum over s of p(observed | s) p(s | character)."""
    tables, lexicon = channel.syllables, small_translator.model.lexicon
    observed = tables.ids(["ta3"])[0]
    spoken = {tables.ids([s])[0]: 0.0 for s in lexicon.syllables}
    for s in spoken:
        spoken[s] += 1 - ERROR_RATE if s == observed else 0.0
        spoken[s] += np.exp(-NEUTRAL_COST) if s == tables.ids(["ta"])[0] else 0.0
        spoken[s] += ERROR_RATE * TONE_FRACTION / len(tables.tones[s]) if observed in tables.tones[s] else 0.0
        spoken[s] += ERROR_RATE * 0.25 / len(tables.near[s]) if observed in tables.near[s] else 0.0
    expected = np.full(len(small_translator.model.characters), ERROR_RATE * 0.05 / len(tables.known))
    for number, syllable in enumerate(lexicon.syllables):
        for row in range(lexicon.first[number], lexicon.first[number + 1]):
            p = np.exp(lexicon.log_probs[row])
            expected[lexicon.ids[row]] += p * spoken[tables.ids([syllable])[0]]
    np.testing.assert_allclose(channel.row(observed), np.log(expected), atol=1e-5)


def test_candidates(channel: Channel, small_translator: NgramTranslator) -> None:
    characters, ids = small_translator.model.characters, channel.syllables.ids
    chosen, costs = channel.candidates(ids(["ta1"])[0])
    assert len(chosen) == len(costs) == CANDIDATES
    best = characters[chosen[np.argmax(costs + channel.log_frequency[chosen])]]
    assert best == "他"
    # With a wrong tone it is still a candidate, at a cost.
    wrong, wrong_costs = channel.candidates(ids(["ta3"])[0])
    place = [characters[i] for i in wrong].index("他")
    assert wrong_costs[place] < costs.max() - 1
    # A token that is not a syllable gives FALLBACK.
    none, none_costs = channel.candidates(UNKNOWN)
    assert none[0] == FALLBACK_ID and none_costs[0] == 0 and np.isneginf(none_costs[1:]).all()


def test_a_second_tone_before_a_third_may_be_a_third(channel: Channel) -> None:
    ids = channel.syllables.ids
    spoken, before_third, other = (ids(line.split()) for line in ("ni2 hao2 ma3", "ni2 hao2 ma3", "ni2 hao2 ma1"))
    slots = channel.slots(before_third)
    plain = channel.slots(other)
    for u in range(2):  # both: ni3 hao3 ma3 is spoken as ni2 hao2 ma3
        row = channel.row(spoken[u], before_third=True)
        for (found, costs), expected in ((slots[u], row), (plain[u], channel.row(spoken[u]))):
            np.testing.assert_allclose(costs[costs > -np.inf], expected[found[costs > -np.inf]], rtol=1e-6)
        third = channel.row(spoken[u] + 1)
        likely = np.argmax(third)
        assert row[likely] > channel.row(spoken[u])[likely] + 1
        assert row[likely] == pytest.approx(third[likely] - SANDHI_COST, abs=0.7)


@pytest.mark.parametrize("observed", ["ta3", "ma", "shi4", "zhang1", "er2"])
def test_the_default_error_model_gives_probabilities(observed: str) -> None:
    """As a model learnt from a report does, so that networks can be made with either."""
    model = ErrorModel.default()
    probabilities = model.spoken_given(observed)
    assert probabilities[0][0] == observed and probabilities[0][1] > 0.5
    assert sum(p for _, p in probabilities) == pytest.approx(1.0)
    assert [p for _, p in probabilities] == sorted((p for _, p in probabilities), reverse=True)
    assert len({syllable for syllable, _ in probabilities}) == len(probabilities) > 3
    network = model.network([observed, "<UNK>", "hao3"])
    assert [slot.alternatives[0][0] for slot in network.slots] == [observed, "<UNK>", "hao3"]
    assert network.slots[1].alternatives == (("<UNK>", 1.0),)
