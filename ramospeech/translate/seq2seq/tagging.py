"""Characters of a batch of sentences by the transformer, and by it and an n-gram model together.

The score of a sentence is the sum over its characters c of

    log p(c | all syllables) + CHANNEL_WEIGHT * log p(observed | c) + ngram_weight * log p(c | two before)

where the first term is the softmax, over the candidates of the place, of the network's logit plus
log p(observed | c). The few likeliest of each place go into the lattice of the n-gram model, whose search is exact.
"""

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ramospeech.translate.lexicon import Candidates
from ramospeech.translate.ngram import lattice
from ramospeech.translate.ngram.model import NgramModel
from ramospeech.translate.seq2seq.beam import LOG_ZERO, Found
from ramospeech.translate.seq2seq.transformer import Transformer

NGRAM_WEIGHT = 1.0  # as CHANNEL_WEIGHT, tuned on sentences of AISHELL-1 dev, clean and corrupted
CHANNEL_WEIGHT = 0.0
MAX_CANDIDATES, MAX_NATS = 12, 8.0  # of a place in the lattice; none that the network gives so much less than the best
PAIRS_AT_ONCE = 100_000  # pairs of neighbouring candidates that are looked up at once


def log_probs(network: Transformer, syllables: Tensor, lengths: Tensor, candidates: Tensor, costs: Tensor) -> Tensor:
    """Return log p(c | syllables) of the candidates, (B, U, C).

    syllables: (B, U) ids. candidates: (B, U, C) int64 character ids; costs: (B, U, C) log p(observed | c).
    """
    states = network(syllables, lengths).flatten(0, 1)  # (B * U, D)
    # The same syllable has the same candidates: one product for all its places.
    order = syllables.flatten().argsort(stable=True)
    counts = syllables.flatten().bincount()
    scores = torch.empty(len(states), costs.shape[-1])
    for positions in order.split(counts[counts > 0].tolist()):
        chosen = candidates.flatten(0, 1)[positions[0]]
        scores[positions] = functional.linear(states[positions], network.character.weight[chosen], network.bias[chosen])
    return (scores.view(costs.shape) + costs.clamp_min(LOG_ZERO)).log_softmax(-1)


def search(
    by_network: Tensor,
    lengths: Sequence[int],
    candidates: Tensor,
    costs: Tensor,
    ngram: NgramModel | None,
    ngram_weight: float,
    nbest: int,
) -> list[list[Found]]:
    """Return up to `nbest` hypotheses per sentence, best first; by_network is of `log_probs`. ngram None: without."""
    scale = ngram_weight if ngram else 1.0  # the lattice has the n-gram model with a weight of 1
    top, chosen = by_network.topk(min(MAX_CANDIDATES, by_network.shape[-1]), dim=-1)
    scores = (top + CHANNEL_WEIGHT * costs.gather(-1, chosen).clamp_min(LOG_ZERO)) / scale
    kept = (top >= top[..., :1] - MAX_NATS).sum(-1).tolist()
    ids = candidates.gather(-1, chosen).numpy().astype(np.int32)
    stream = [lattice.BOUNDARY_SLOT]
    for b, length in enumerate(lengths):
        for u in range(length):
            n = kept[b][u]
            stream.append(Candidates(ids[b, u, :n], scores[b, u, :n].numpy()))
        stream.append(lattice.BOUNDARY_SLOT)
    arcs = lattice.connect(ngram, stream, np.full(len(stream), -np.inf), PAIRS_AT_ONCE) if ngram else _alone(stream)
    results, at = [], 0
    for b, length in enumerate(lengths):
        paths = lattice.best_paths(arcs[at : at + length + 1], nbest)
        at += length + 1
        results.append(
            [
                Found(
                    scale * score,
                    [int(ids[b, u, n]) for u, n in enumerate(path)],
                    sum(float(top[b, u, n]) for u, n in enumerate(path)),
                )
                for score, path in paths
            ]
        )
    return results


def _alone(stream: Sequence[Candidates]) -> list[lattice.Arc]:
    """Arcs without an n-gram model."""
    none = np.zeros(0, np.int64)
    arcs = []
    for i, (before, after) in enumerate(itertools.pairwise(stream)):
        scores = np.repeat(after.log_probs[None], len(before), 0)
        arcs.append(
            lattice.Arc(
                i, i + 1, (-1,) if i else (), scores, np.zeros_like(scores), none, none, none.astype(np.float32)
            )
        )
    return arcs
