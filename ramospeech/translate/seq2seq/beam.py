"""Beam search for the characters of a batch of sentences, by the network and an n-gram model.

The score of a sentence is the sum over its characters c of

    log p(c | syllables, characters before) + ngram_weight * (log p(c | two before) + log p(observed | c))

where the first term is the softmax, over the candidates of the position, of the network's logit plus
log p(observed | c), and the second one is the score of the n-gram translator.
All sentences of a batch advance by one position at a time; each hypothesis has its own decoder state.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ramospeech.translate.ngram.model import BOUNDARY, NgramModel
from ramospeech.translate.seq2seq.model import Seq2Seq

LOG_ZERO = -1e30


class Found(NamedTuple):
    """A hypothesis: its score, its character ids, and the first term alone, log p(characters | syllables)."""

    score: float
    ids: list[int]
    log_prob: float


@dataclass(frozen=True)
class Scoring:
    """How the scores are combined; `ngram` None (and weight 0) leaves the n-gram model out."""

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
    """Return up to `beam` hypotheses per sentence, best first.

    Args:
        encoded: (B, U, E) encoder states of sentences sorted by `lengths`, longest first.
        candidates: (B, U, C) int64 character ids of each position; costs: (B, U, C) log p(observed | c).
    """
    batch, positions = candidates.shape[:2]
    scores = torch.full((batch, beam), LOG_ZERO)
    scores[:, 0] = 0.0
    own = torch.zeros(batch, beam)  # the network's term of the scores
    written = torch.full((batch, beam, positions + 2), BOUNDARY)  # two boundaries precede the first character
    state = torch.zeros(batch, beam, network.config.decoder), torch.zeros(batch, beam, network.config.decoder)
    left = np.asarray(lengths)
    for position in range(positions):
        active = int((left > position).sum())
        before = written[:active, :, : position + 2]
        chosen = candidates[:active, position]  # (active, C)
        hidden, cell = state
        states, state = network.step(encoded[:active, position], before[..., -1], (hidden[:active], cell[:active]))
        logits = torch.baddbmm(network.bias[chosen][:, None], states, network.character.weight[chosen].transpose(1, 2))
        channel = costs[:active, position].clamp_min(LOG_ZERO)[:, None]  # (active, 1, C)
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
        written[:active, :, position + 2] = chosen.flatten(1).gather(1, best)
        index = parent[..., None].expand(-1, -1, network.config.decoder)
        state = state[0].gather(1, index), state[1].gather(1, index)
    return _results(scores, own, written, left, scoring)


def _results(scores: Tensor, own: Tensor, written: Tensor, lengths: np.ndarray, scoring: Scoring) -> list[list[Found]]:
    if scoring.ngram is not None:  # add the score of the end of the sentence
        ends = np.stack([written.numpy()[b, :, n : n + 2] for b, n in enumerate(lengths)])
        over = scoring.ngram.log_probs(ends[..., 0], ends[..., 1], np.full(ends.shape[:2], BOUNDARY))
        scores = scores + scoring.ngram_weight * torch.from_numpy(over)
    results = []
    for row, log_probs, texts, length in zip(
        scores.tolist(), own.tolist(), written.tolist(), lengths.tolist(), strict=True
    ):
        found = sorted(zip(row, texts, log_probs, strict=True), key=lambda item: -item[0])
        results.append(
            [Found(score, text[2 : 2 + length], log_p) for score, text, log_p in found if score > LOG_ZERO / 2]
        )
    return results
