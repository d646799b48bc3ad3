"""Beam search of a speller, over the hypotheses of a whole batch at once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from ramospeech.attention.scorers import END, Scorer

MARGIN = 20.0  # natural log: hypotheses so far below the best that ended are given up


class Speller(Protocol):
    """What `AttentionHead` has: unit after unit by the states of an encoder. `State` is known to the speller alone."""

    def start(self, states: Tensor, lengths: Tensor) -> Any:
        """Return the state before the first unit: (B, T', D), (B,) frames -> B rows."""
        ...

    def step(self, state: Any, tokens: Tensor) -> tuple[Tensor, Any, Tensor]:
        """Read the units before (B,) int64, id 0 at the start: log-probabilities of the next (B, V), of which id 0 is
        the end, the state, and the weights of the frames (B, H, T')."""
        ...

    def select(self, state: Any, rows: Tensor) -> Any:
        """Return rows (N,) of a state, in that order; they may repeat."""
        ...


@dataclass(frozen=True)
class Weights:
    """How hypotheses are ranked, and how many there are.

    The score of one of U units is (1 - ctc_weight) * attention + ctc_weight * ctc + its scorers, each by its weight
    + length_bonus * U; then it is divided by ((5 + U) / 6) ** length_penalty (Wu et al. 2016), for which 0 is none.

    beam_width: hypotheses of a length. nbest: that are returned. top_k: units that may follow a hypothesis, by the
    speller. units_per_frame, extra_units: a text has at most so many for each frame of the encoder, and so many more;
    what has not ended there is returned as it is. margin: see `MARGIN`.
    """

    beam_width: int = 10
    ctc_weight: float = 0.3
    length_bonus: float = 0.0
    length_penalty: float = 0.0
    nbest: int = 1
    top_k: int = 40
    units_per_frame: float = 2.0
    extra_units: int = 10
    margin: float = MARGIN

    def ranked(self, total: float, units: int) -> float:
        """Return the score of a text of so many units by the sum of its parts."""
        return total / ((5 + units) / 6) ** self.length_penalty

    def reachable(self, total: float, units: int, longest: int, highest: float) -> float:
        """Return a bound on what a hypothesis can score that may have `longest` units, each adding `highest`."""
        total += highest * (longest - units + 1)
        return self.ranked(total, longest if total < 0 else units)


@dataclass(frozen=True)
class Spelled:
    """A hypothesis of U units.

    score: see `Weights`. attention_score, ctc_score, lm_scores: its parts, natural logs, not weighted; ctc_score is 0
    where CTC had no part. probabilities: (U,) of each unit by the speller. attention: (U, T') weights of the frames,
    the mean over heads. ended: whether the speller ended the text; if not it may go on.
    """

    ids: tuple[int, ...] = ()
    score: float = 0.0
    attention_score: float = 0.0
    ctc_score: float = 0.0
    lm_scores: tuple[float, ...] = ()
    probabilities: tuple[float, ...] = ()
    attention: tuple[np.ndarray, ...] = ()
    ended: bool = False


@dataclass(frozen=True)
class _Live:
    """A hypothesis that has not ended: the utterance that it is of, and the sum of its weighted parts."""

    utterance: int
    total: float
    spelled: Spelled


@torch.inference_mode()
def search(
    speller: Speller,
    states: Tensor,
    lengths: Tensor,
    weights: Weights | None = None,
    ctc: Scorer | None = None,
    others: Sequence[tuple[Scorer, float]] = (),
) -> list[list[Spelled]]:
    """Return the hypotheses of each utterance, at most `nbest`, best first, never none.

    states: (B, T', D) of the encoder; lengths: (B,) frames. ctc: scores by the posteriors of the same frames, which
    need not be there where `ctc_weight` is 0. others: language models and hotwords, each with its weight, 0 or more.
    Raises ValueError for probabilities that are not numbers.
    """
    weights = weights or Weights()
    ctc_weight = weights.ctc_weight if ctc is not None else 0.0
    ctc = ctc if ctc_weight else None
    scorers = [*([(ctc, ctc_weight)] if ctc is not None else []), *others]
    highest = max(0.0, weights.length_bonus) + sum(weight * scorer.highest for scorer, weight in scorers)
    longest = [weights.extra_units + int(weights.units_per_frame * frames) for frames in lengths.tolist()]
    done: list[list[Spelled]] = [[] for _ in longest]
    live = [_Live(n, 0.0, Spelled(lm_scores=(0.0,) * len(others))) for n in range(len(longest))]
    state = speller.start(states, lengths)
    states_of = [scorer.start(len(longest)) for scorer, _ in scorers]
    tokens = torch.full((len(longest),), END, device=states.device)
    while live:
        log_probs, state, attention = speller.step(state, tokens)
        units, spoken = _candidates(log_probs, weights.top_k)
        weighed = attention.mean(dim=1).float().cpu().numpy()
        parts = [scorer.score(one, units) for (scorer, _), one in zip(scorers, states_of, strict=True)]
        totals = (1 - ctc_weight) * spoken if ctc_weight < 1 else np.zeros_like(spoken)
        totals += np.array([each.total for each in live])[:, None]
        for (_, weight), part in zip(scorers, parts, strict=True):
            totals += weight * part
        totals += weights.length_bonus * (units != END)
        if np.isnan(totals).any():
            raise ValueError("the probabilities of the attention head are not numbers")
        kept: list[tuple[int, _Live]] = []  # with the row that each comes from
        for rows in _rows_of_utterances(live):
            number = live[rows[0]].utterance
            chosen = _best(totals[rows], weights.beam_width)
            if not len(chosen[0]):  # nothing is possible any more: what there is must do
                done[number] += [_unended(live[row], weights) for row in rows]
                continue
            longer = []
            for row, column in zip(rows[chosen[0]].tolist(), chosen[1].tolist(), strict=True):
                added = [part[row, column] for part in parts]
                hypothesis = _longer(
                    live[row], int(units[row, column]), totals[row, column], spoken[row, column], added, ctc is not None
                )
                if units[row, column] == END:
                    score = weights.ranked(hypothesis.total, len(hypothesis.spelled.ids))
                    done[number].append(replace(hypothesis.spelled, score=score, ended=True))
                else:
                    attended = (*hypothesis.spelled.attention, weighed[row])
                    longer.append((row, replace(hypothesis, spelled=replace(hypothesis.spelled, attention=attended))))
            kept += _promising(longer, done[number], weights, longest[number], highest)
        live = [each for _, each in kept]
        if live:
            rows = np.array([row for row, _ in kept])
            last = np.array([each.spelled.ids[-1] for each in live])
            state = speller.select(state, torch.from_numpy(rows).to(states.device))
            states_of = [scorer.advance(one, rows, last) for (scorer, _), one in zip(scorers, states_of, strict=True)]
            tokens = torch.from_numpy(last).to(states.device)
    return [sorted(found, key=lambda each: -each.score)[: weights.nbest] for found in done]


def _candidates(log_probs: Tensor, top_k: int) -> tuple[np.ndarray, np.ndarray]:
    """Return ids and log-probabilities (N, C) of the most probable units of each row, the end always among them."""
    log_probs = log_probs.float()
    values, units = log_probs.topk(min(top_k, log_probs.shape[1]), dim=1)
    without = ~(units == END).any(dim=1)
    units[without, -1] = END
    values[without, -1] = log_probs[without, END]
    return units.cpu().numpy(), values.double().cpu().numpy()


def _rows_of_utterances(live: Sequence[_Live]) -> list[np.ndarray]:
    """Return the rows of each utterance, which stand together."""
    numbers = np.array([each.utterance for each in live])
    return np.split(np.arange(len(live)), np.flatnonzero(np.diff(numbers)) + 1)


def _best(totals: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns of the highest totals that are possible, the highest first."""
    order = np.argsort(-totals, axis=None, kind="stable")[:count]
    rows, columns = np.unravel_index(order, totals.shape)
    possible = totals[rows, columns] > -np.inf
    return rows[possible], columns[possible]


def _longer(before: _Live, unit: int, total: float, spoken: float, added: Sequence[float], with_ctc: bool) -> _Live:
    """Return a hypothesis with one unit, or the end, more. spoken, added: what this adds by the speller and others."""
    old = before.spelled
    of_ctc, of_others = (added[0], added[1:]) if with_ctc else (0.0, added)
    is_end = unit == END
    spelled = replace(
        old,
        ids=old.ids if is_end else (*old.ids, unit),
        attention_score=old.attention_score + float(spoken),
        ctc_score=old.ctc_score + float(of_ctc),
        lm_scores=tuple(a + float(b) for a, b in zip(old.lm_scores, of_others, strict=True)),
        probabilities=old.probabilities if is_end else (*old.probabilities, float(np.exp(spoken))),
    )
    return _Live(before.utterance, float(total), spelled)


def _unended(hypothesis: _Live, weights: Weights) -> Spelled:
    return replace(hypothesis.spelled, score=weights.ranked(hypothesis.total, len(hypothesis.spelled.ids)))


def _promising(
    longer: list[tuple[int, _Live]], done: list[Spelled], weights: Weights, longest: int, highest: float
) -> list[tuple[int, _Live]]:
    """Return the hypotheses of an utterance that may still come among the best; those that are as long as they may
    be are done, though they have not ended."""
    if longer and len(longer[0][1].spelled.ids) >= longest:
        done += [_unended(each, weights) for _, each in longer]
        return []
    scores = sorted((each.score for each in done), reverse=True)
    if not scores:
        return longer
    needed = scores[weights.nbest - 1] if len(scores) >= weights.nbest else -np.inf
    return [
        (row, each)
        for row, each in longer
        if weights.ranked(each.total, len(each.spelled.ids)) >= scores[0] - weights.margin
        and weights.reachable(each.total, len(each.spelled.ids), longest, highest) > needed
    ]
