"""Syllables as ids, and which characters stand behind a syllable that was heard."""

import numpy as np
import pytest

from ramospeech.text import Vocabulary, pinyin
from ramospeech.translate import NgramTranslator
from ramospeech.translate.channel import CANDIDATES, Channel
from ramospeech.translate.error_model import ERROR_RATE, TONE_SHARE, UNKNOWN, ErrorModel, Noise, Syllables
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
    assert toned[1] == neutral[0]  # a neutral tone beside a full one, or alone
    assert toneless[1] != neutral[0] and syllables.name(toneless[0]) == "ni"
    assert syllables.ids(["<UNK>", "qqq", "", "k"]) == [UNKNOWN] * 4


def test_noise_mishears_at_its_rate_and_as_the_channel_says(syllables: Syllables) -> None:
    chance = np.random.default_rng(1)
    said = chance.choice(syllables.known, (2, 50_000))
    heard = Noise(syllables).mishear(said, np.array([0.0, 0.1]), chance)
    assert (heard[0] == said[0]).all()
    wrong = heard[1] != said[1]
    assert wrong.mean() == pytest.approx(0.1, abs=0.005)
    assert np.isin(heard, syllables.known).all()
    same_base = [
        pinyin.toneless(syllables.name(a)) == pinyin.toneless(syllables.name(b))
        for a, b in zip(said[1][wrong], heard[1][wrong], strict=True)
    ]
    assert np.mean(same_base) == pytest.approx(TONE_SHARE, abs=0.03)


def test_a_row_is_the_sum_over_what_may_have_been_said(channel: Channel, small_translator: NgramTranslator) -> None:
    """Against the definition, term by term: sum over s of p(heard | s) p(s | character)."""
    tables, lexicon = channel.syllables, small_translator.model.lexicon
    heard = tables.ids(["ta3"])[0]
    said = {tables.ids([s])[0]: 0.0 for s in lexicon.syllables}
    for s in said:
        said[s] += 1 - ERROR_RATE if s == heard else 0.0
        said[s] += np.exp(-NEUTRAL_COST) if s == tables.ids(["ta"])[0] else 0.0
        said[s] += ERROR_RATE * TONE_SHARE / len(tables.tones[s]) if heard in tables.tones[s] else 0.0
        said[s] += ERROR_RATE * 0.25 / len(tables.near[s]) if heard in tables.near[s] else 0.0
    expected = np.full(len(small_translator.model.characters), ERROR_RATE * 0.05 / len(tables.known))
    for number, syllable in enumerate(lexicon.syllables):
        for row in range(lexicon.first[number], lexicon.first[number + 1]):
            p = np.exp(lexicon.log_probs[row])
            expected[lexicon.ids[row]] += p * said[tables.ids([syllable])[0]]
    np.testing.assert_allclose(channel.row(heard), np.log(expected), atol=1e-5)


def test_candidates(channel: Channel, small_translator: NgramTranslator) -> None:
    characters, ids = small_translator.model.characters, channel.syllables.ids
    chosen, costs = channel.candidates(ids(["ta1"])[0])
    assert len(chosen) == len(costs) == CANDIDATES
    best = characters[chosen[np.argmax(costs + channel.log_frequency[chosen])]]
    assert best == "他"
    # Heard with a wrong tone, it is still there, at a cost.
    wrong, wrong_costs = channel.candidates(ids(["ta3"])[0])
    place = [characters[i] for i in wrong].index("他")
    assert wrong_costs[place] < costs.max() - 1
    # What is no syllable is the sign for that.
    none, none_costs = channel.candidates(UNKNOWN)
    assert none[0] == FALLBACK_ID and none_costs[0] == 0 and np.isneginf(none_costs[1:]).all()


def test_a_second_tone_before_a_third_may_be_a_third(channel: Channel) -> None:
    ids = channel.syllables.ids
    said, before_third, other = (ids(line.split()) for line in ("ni2 hao2 ma3", "ni2 hao2 ma3", "ni2 hao2 ma1"))
    places = channel.places(before_third)
    plain = channel.places(other)
    for u in range(2):  # both: ni3 hao3 ma3 is spoken as ni2 hao2 ma3
        row = channel.row(said[u], before_third=True)
        for (found, costs), expected in ((places[u], row), (plain[u], channel.row(said[u]))):
            np.testing.assert_allclose(costs[costs > -np.inf], expected[found[costs > -np.inf]], rtol=1e-6)
        third = channel.row(said[u] + 1)
        likely = np.argmax(third)
        assert row[likely] > channel.row(said[u])[likely] + 1
        assert row[likely] == pytest.approx(third[likely] - SANDHI_COST, abs=0.7)


@pytest.mark.parametrize("heard", ["ta3", "ma", "shi4", "zhang1", "er2"])
def test_the_default_error_model_gives_shares(heard: str) -> None:
    """The same way as what is learnt from a report, so that networks are made of either."""
    model = ErrorModel.default()
    shares = model.said(heard)
    assert shares[0][0] == heard and shares[0][1] > 0.5
    assert sum(p for _, p in shares) == pytest.approx(1.0)
    assert [p for _, p in shares] == sorted((p for _, p in shares), reverse=True)
    assert len({syllable for syllable, _ in shares}) == len(shares) > 3
    network = model.network([heard, "<UNK>", "hao3"])
    assert [slot.alternatives[0][0] for slot in network.slots] == [heard, "<UNK>", "hao3"]
    assert network.slots[1].alternatives == (("<UNK>", 1.0),)
