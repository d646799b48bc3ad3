"""The beam search of a speller: a beam of everything against going through all texts."""

import math
from itertools import pairwise, product

import numpy as np
import pytest
import torch

from ctc_decode import Hotwords
from ramospeech.attention import AutomatonScorer, CtcPrefixScorer, Weights, search, teacher_forced
from ramospeech.attention.search import Spelled

T = 4
EVERYTHING = {"units_per_frame": 0.0, "extra_units": 4, "margin": math.inf}


def states(B: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.zeros(B, T, 1), torch.full((B,), T)


def posteriors(rng: np.random.Generator, B: int, V: int) -> np.ndarray:
    logits = 2 * rng.normal(size=(B, T, V))
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def every_text(V: int, longest: int) -> list[tuple[int, ...]]:
    return [text for U in range(longest) for text in product(range(1, V), repeat=U)]


def ended(found: list[Spelled]) -> list[Spelled]:
    return [each for each in found if each.ended]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("ctc_weight", "length_bonus", "length_penalty"), [(0, 0, 0), (0.4, 0, 0), (0.3, 0.7, 0.6)])
def test_a_beam_of_everything_finds_what_going_through_all_texts_finds(
    table_speller, seed, ctc_weight, length_bonus, length_penalty
):
    B, V = 2, 4
    speller = table_speller(B, 2, V, seed)
    log_probs = posteriors(np.random.default_rng(seed), B, V)
    texts = every_text(V, 4)
    spoken = teacher_forced(speller, *states(B), [texts] * B)
    scorer = CtcPrefixScorer(log_probs, np.full(B, T))
    weights = Weights(
        beam_width=1000, nbest=1000, top_k=V, ctc_weight=ctc_weight, length_bonus=length_bonus,
        length_penalty=length_penalty, **EVERYTHING,
    )  # fmt: skip
    found = search(speller, *states(B), weights, scorer)
    for n in range(B):
        scored = {}
        for text, attention in zip(texts, spoken[n], strict=True):
            total = (
                (1 - ctc_weight) * attention
                + (ctc_weight and ctc_weight * by_ctc(log_probs[n], text))
                + length_bonus * len(text)
            )
            scored[text] = total / ((5 + len(text)) / 6) ** length_penalty if np.isfinite(total) else -np.inf
        got = ended(found[n])
        assert {each.ids for each in got} == {text for text in scored if scored[text] > -np.inf}
        np.testing.assert_allclose([each.score for each in got], [scored[each.ids] for each in got])
        np.testing.assert_allclose([each.score for each in got], sorted((e.score for e in got), reverse=True))
        # Fewer are asked for: the search may stop early, and must not miss one of them.
        few = search(speller, *states(B), Weights(**{**vars(weights), "nbest": 3}), scorer)[n]
        assert [each.ids for each in few] == [each.ids for each in found[n][:3]]


def by_ctc(log_probs: np.ndarray, text: tuple[int, ...]) -> float:
    """Of one utterance (T', V)."""
    scorer = CtcPrefixScorer(log_probs[None], np.array([T]))
    state, total = scorer.start(1), 0.0
    for unit in text:
        total += float(scorer.score(state, np.array([[unit]]))[0, 0])
        if total == -np.inf:
            return total
        state = scorer.advance(state, np.array([0]), np.array([unit]))
    return total + float(scorer.score(state, np.array([[0]]))[0, 0])


def test_a_beam_of_one_takes_the_best_unit_each_time(table_speller):
    speller = table_speller(3, 3, 5, seed=7)
    found = search(speller, *states(3), Weights(beam_width=1, extra_units=30))
    for n, [best] in enumerate(found):
        last, ids, total = 0, [], 0.0
        while True:
            row = speller.log_probs[n, min(len(ids), 2), last]
            last = int(row.argmax())
            total += float(row[last])
            if last == 0:
                break
            ids.append(last)
        assert best.ended and best.ids == tuple(ids)
        assert best.score == pytest.approx(total) == best.attention_score
        probabilities = [
            math.exp(speller.log_probs[n, min(u, 2), a, b]) for u, (a, b) in enumerate(pairwise([0, *ids]))
        ]
        assert best.probabilities == pytest.approx(probabilities)


def test_a_batch_finds_what_each_utterance_alone_finds(table_speller, rng):
    B, V = 4, 6
    speller = table_speller(B, 3, V, seed=3)
    log_probs, lengths = posteriors(rng, B, V), torch.tensor([4, 2, 3, 4])
    weights = Weights(beam_width=3, nbest=3)
    together = search(speller, torch.zeros(B, T, 1), lengths, weights, CtcPrefixScorer(log_probs, lengths.numpy()))
    for n in range(B):
        alone = type(speller)(speller.log_probs[n : n + 1])
        scorer = CtcPrefixScorer(log_probs[n : n + 1], lengths.numpy()[n : n + 1])
        [found] = search(alone, torch.zeros(1, T, 1), lengths[n : n + 1], weights, scorer)
        assert [each.ids for each in found] == [each.ids for each in together[n]]
        np.testing.assert_allclose([e.score for e in found], [e.score for e in together[n]])


def test_a_speller_that_never_ends_is_cut_and_said_to_be(table_speller):
    speller = table_speller(1, 1, 4)
    speller.log_probs[..., 0] = -1e4
    found = search(speller, *states(1), Weights(beam_width=3, nbest=3, units_per_frame=2, extra_units=1))[0]
    assert [len(each.ids) for each in found] == [9, 9, 9]  # 2 a frame and 1
    assert not any(each.ended for each in found)
    assert speller.steps == 9


def test_where_nothing_may_follow_what_there_is_is_kept(table_speller):
    """CTC with no probability for anything, the end included: the search says so and does not lose the utterance."""
    nothing = np.full((1, T, 4), -np.inf)
    nothing[0, 0, 2] = 0.0  # the first frame is unit 2, the others are nothing at all
    [[best]] = search(table_speller(1, 1, 4), *states(1), Weights(), CtcPrefixScorer(nothing, np.array([T])))
    assert best.ids == (2,) and not best.ended


def test_the_attention_of_each_unit_is_kept(table_speller):
    [[best]] = search(table_speller(1, 1, 4, seed=1), *states(1), Weights(beam_width=5, length_bonus=5.0))
    assert len(best.attention) == len(best.ids) > 3
    assert [int(row.argmax()) for row in best.attention[:4]] == [0, 1, 2, 3]


@pytest.mark.parametrize("boost", [0.0, 30.0])
def test_hotwords_take_part(table_speller, boost):
    units = ["<blank>", "a", "b", "c"]
    speller = table_speller(1, 1, 4, seed=5)
    scorer = AutomatonScorer(Hotwords({"b b c": boost} if boost else {"c c c c c c c c": 1e-6}).automaton(units), 4)
    [[best]] = search(speller, *states(1), Weights(beam_width=8), others=[(scorer, 1.0)])
    plain = search(speller, *states(1), Weights(beam_width=8))[0][0]
    assert ((2, 2, 3) in [best.ids[n : n + 3] for n in range(len(best.ids))]) == bool(boost)
    assert boost or best.ids == plain.ids


def test_probabilities_that_are_not_numbers_are_an_error(table_speller):
    speller = table_speller(1, 1, 4)
    speller.log_probs[:] = math.nan
    with pytest.raises(ValueError, match="not numbers"):
        search(speller, *states(1))
