"""Beam search for the characters of a batch of sentences: the network's scores and an n-gram model's.

The score of a sentence is the sum over its characters c of

    log p(c | syllables, characters before) + ngram_weight * (log p(c | two before) + log p(heard | c))

where the first term is the softmax, over the candidates of the place, of the network's logit plus log p(heard | c),
and the second one is the score of the n-gram translator.
All sentences of a batch go one place on at a time; each hypothesis takes its decoder state with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ramospeech.translate.ngram.model import BOUNDARY, NgramModel
from ramospeech.translate.seq2seq.model import Seq2Seq

IMPOSSIBLE = -1e30


class Found(NamedTuple):
    """A sentence: what ranks it, its character ids, and the first term alone, log p(characters | syllables)."""

    score: float
    ids: list[int]
    log_prob: float


@dataclass(frozen=True)
class Scoring:
    """How the scores are put together; `ngram` None (and weight 0) leaves the n-gram model out."""

    ngram_weight: float = 0.0
    ngram: NgramModel | None = None


def search(
    network: Seq2Seq,
    encoded: Tensor,
    lengths: Sequence[int],
    candidates: Tensor,
    costs: Tensor,
    scoring: Scoring,
    beam: int,
) -> list[list[Found]]:
    """Best first, up to `beam` for each sentence.

    Args:
        encoded: (B, U, E) encoder states of sentences sorted by `lengths`, longest first.
        candidates: (B, U, C) int64 character ids of each place; costs: (B, U, C) log p(heard | c).
    """
    batch, places = candidates.shape[:2]
    scores = torch.full((batch, beam), IMPOSSIBLE)
    scores[:, 0] = 0.0
    own = torch.zeros(batch, beam)  # the network's part of the scores
    written = torch.full((batch, beam, places + 2), BOUNDARY)  # two boundaries stand before the first character
    state = torch.zeros(batch, beam, network.config.decoder), torch.zeros(batch, beam, network.config.decoder)
    left = np.asarray(lengths)
    for place in range(places):
        active = int((left > place).sum())
        before = written[:active, :, : place + 2]
        chosen = candidates[:active, place]  # (active, C)
        hidden, cell = state
        states, state = network.step(encoded[:active, place], before[..., -1], (hidden[:active], cell[:active]))
        logits = torch.baddbmm(network.bias[chosen][:, None], states, network.character.weight[chosen].transpose(1, 2))
        channel = costs[:active, place].clamp_min(IMPOSSIBLE)[:, None]  # (active, 1, C)
        by_network = (logits + channel).log_softmax(-1)  # (active, K, C)
        here = by_network + scoring.ngram_weight * channel
        chosen = chosen[:, None].expand_as(here)
        if scoring.ngram is not None:
            context = before[..., None, -2:].expand(*chosen.shape, 2).numpy()
            here = here + scoring.ngram_weight * torch.from_numpy(
                scoring.ngram.log_probs(context[..., 0], context[..., 1], chosen.numpy())
            )
        totals = (scores[:active, :, None] + here).flatten(1)
        scores[:active], best = totals.topk(beam, dim=-1)
        parent = best // here.shape[-1]
        own[:active] = own[:active].gather(1, parent) + by_network.flatten(1).gather(1, best)
        written[:active] = written[:active].gather(1, parent[..., None].expand(-1, -1, written.shape[-1]))
        written[:active, :, place + 2] = chosen.flatten(1).gather(1, best)
        index = parent[..., None].expand(-1, -1, network.config.decoder)
        state = state[0].gather(1, index), state[1].gather(1, index)
    return _results(scores, own, written, left, scoring)


def _results(scores: Tensor, own: Tensor, written: Tensor, lengths: np.ndarray, scoring: Scoring) -> list[list[Found]]:
    if scoring.ngram is not None:  # the sentence must also be able to end here
        ends = np.stack([written.numpy()[b, :, n : n + 2] for b, n in enumerate(lengths)])
        over = scoring.ngram.log_probs(ends[..., 0], ends[..., 1], np.full(ends.shape[:2], BOUNDARY))
        scores = scores + scoring.ngram_weight * torch.from_numpy(over)
    results = []
    for row, log_probs, texts, length in zip(
        scores.tolist(), own.tolist(), written.tolist(), lengths.tolist(), strict=True
    ):
        found = sorted(zip(row, texts, log_probs, strict=True), key=lambda item: -item[0])
        results.append(
            [Found(score, text[2 : 2 + length], log_p) for score, text, log_p in found if score > IMPOSSIBLE / 2]
        )
    return results
