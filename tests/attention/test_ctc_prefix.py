"""CTC prefix scores against sums over every alignment."""

import math
from itertools import groupby, product

import numpy as np
import pytest

from ramospeech.attention import CtcPrefixScorer


def posteriors(rng: np.random.Generator, *shape: int) -> np.ndarray:
    logits = 2 * rng.normal(size=shape)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def labellings(log_probs: np.ndarray) -> dict[tuple[int, ...], float]:
    """The probability of every text of an utterance (T', V), by going through all alignments."""
    T, V = log_probs.shape
    found: dict[tuple[int, ...], float] = {}
    for path in product(range(V), repeat=T):
        text = tuple(unit for unit, _ in groupby(path) if unit)
        found[text] = found.get(text, 0.0) + math.exp(sum(log_probs[t, unit] for t, unit in enumerate(path)))
    return found


@pytest.mark.parametrize("seed", range(4))
def test_prefixes_and_ends_are_sums_over_all_alignments(seed):
    """Of two utterances at once, the shorter one padded with what must not count."""
    rng = np.random.default_rng(seed)
    frames, V = np.array([4, 3]), 3
    log_probs = posteriors(rng, 2, 4, V)
    log_probs[1, 3] = [-np.inf, 0.0, -np.inf]
    of_each = [labellings(log_probs[n, :length]) for n, length in enumerate(frames)]
    scorer = CtcPrefixScorer(log_probs, frames)
    state = scorer.start(2)
    texts: list[tuple[int, ...]] = [(), ()]
    for _ in range(6):  # beyond what the frames can hold
        units = np.tile(np.arange(V), (len(texts), 1))
        found = state.score[:, None] + scorer.score(state, units)
        for row, text in enumerate(texts):
            exact = of_each[state.utterances[row]]
            for unit in range(V):
                longer = (*text, unit) if unit else text
                begun = [p for each, p in exact.items() if each == longer or (unit and each[: len(longer)] == longer)]
                expected = math.log(sum(begun)) if sum(begun) else -np.inf
                np.testing.assert_allclose(found[row, unit], expected, rtol=1e-9, atol=1e-9)
        rows, units = (each.ravel() for each in np.meshgrid(np.arange(len(texts)), [1, 2], indexing="ij"))
        possible = np.isfinite(found[rows, units])
        rows, units = rows[possible][:12], units[possible][:12]
        if not len(rows):
            break
        state = scorer.advance(state, rows, units)
        texts = [(*texts[row], unit) for row, unit in zip(rows.tolist(), units.tolist(), strict=True)]
    else:
        pytest.fail("four frames hold no text of six units")


def test_what_no_frame_can_hold_is_impossible(rng):
    """One frame: one unit, then the end; a second unit, the same or another, does not fit."""
    scorer = CtcPrefixScorer(posteriors(rng, 1, 1, 3), np.array([1]))
    state = scorer.advance(scorer.start(1), np.array([0]), np.array([2]))
    np.testing.assert_allclose(scorer.score(state, np.array([[0, 1, 2]])), [[0.0, -np.inf, -np.inf]])


def test_an_utterance_without_frames_has_the_empty_text_only(rng):
    scorer = CtcPrefixScorer(posteriors(rng, 1, 2, 3), np.array([0]))
    np.testing.assert_allclose(scorer.score(scorer.start(1), np.array([[0, 1, 2]])), [[0.0, -np.inf, -np.inf]])
