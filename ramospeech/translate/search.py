"""Exact best paths through the lattice of candidates under a model of order 3.

The state is the last two characters. A whole batch of sentences is one stream with a boundary between sentences, so
that all model look-ups of a batch are a few vector operations; the recursion over positions then only adds and takes
maxima. The N best paths come from an A* search backwards, for which the forward scores are an exact heuristic: it
opens at most N states a position. Nothing is pruned.
"""

import heapq
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ramospeech.translate.lexicon import Candidates
from ramospeech.translate.ngram import BOUNDARY, NgramModel

EDGE = Candidates(np.array([BOUNDARY], np.int32), np.zeros(1, np.float32))
Path = tuple[float, list[int]]  # score, character ids


@dataclass(frozen=True)
class Step:
    """What the model says of the pairs (b, c) at two neighbouring positions, and of the triples that end in them.

    bigram   (n_b, n_c) float32: log p(c | b) + log p(syllable | c)
    backoff  (n_b, n_c) float32: backoff(b, c), for the step after this one
    a        (n,) the candidate number of a in an explicit trigram (a, b, c), sorted by `bc`
    bc       (n,) the flat place of (b, c)
    boost    (n,) float32
    """

    bigram: np.ndarray
    backoff: np.ndarray
    a: np.ndarray
    bc: np.ndarray
    boost: np.ndarray


def connect(model: NgramModel, stream: Sequence[Candidates], pairs_at_once: int) -> list[Step]:
    """The steps between the neighbours of a stream of positions: len(stream) - 1 of them.

    `pairs_at_once` bounds the memory of the look-ups: a longer stream is connected piece by piece.
    """
    sizes = np.array([len(position) for position in stream])
    piece = np.cumsum(sizes[:-1] * sizes[1:]) // pairs_at_once
    cuts = [0, *(np.flatnonzero(np.diff(piece)) + 1).tolist(), len(piece)]
    steps: list[Step] = []
    for low, high in itertools.pairwise(cuts):
        before = min(low, 1)  # trigrams reach one step back
        steps += _connect(model, stream[low - before : high + 1])[before:]
    return steps


def _connect(model: NgramModel, stream: Sequence[Candidates]) -> list[Step]:
    sizes = np.array([len(position) for position in stream])
    start = np.concatenate(([0], np.cumsum(sizes)))
    ids = np.concatenate([position.ids for position in stream])
    lexical = np.concatenate([position.log_probs for position in stream])

    # All pairs of neighbours, ordered by step, then b, then c. Nodes are numbered through the stream.
    pairs = sizes[:-1] * sizes[1:]
    pair_start = np.concatenate(([0], np.cumsum(pairs)))
    step = np.repeat(np.arange(len(pairs)), pairs)
    place = np.arange(pair_start[-1]) - pair_start[step]
    b, c = place // sizes[step + 1] + start[step], place % sizes[step + 1] + start[step + 1]
    bigram = model.find_bigrams(ids[b], ids[c])
    known = np.flatnonzero(bigram >= 0)
    log_prob = model.unigram_backoff[ids[b]] + model.unigram[ids[c]] + lexical[c]
    log_prob[known] += model.bigram_boosts[bigram[known]] * np.float32(model.step)
    backoff = np.zeros(len(bigram), np.float32)
    backoff[known] = model.bigram_backoffs[bigram[known]] * np.float32(-model.step)

    # Join known pairs (a, b) with known pairs (b, c) on the node b, then look for their trigrams.
    lower, upper = np.searchsorted(b[known], c[known]), np.searchsorted(b[known], c[known], side="right")
    ab = np.repeat(known, upper - lower)
    offset = np.repeat(lower - np.concatenate(([0], np.cumsum(upper - lower)[:-1])), upper - lower)
    bc = known[offset + np.arange(len(ab))] if len(ab) else ab
    trigram = model.find_trigrams(bigram[ab], bigram[bc])
    found = np.flatnonzero(trigram >= 0)
    found = found[np.argsort(bc[found], kind="stable")]
    ab, bc = ab[found], bc[found]
    boost = model.trigram_boosts[trigram[found]] * np.float32(model.step)
    a = b[ab] - start[step[ab]]
    bc_place = place[bc]
    cut = np.searchsorted(bc, pair_start)

    return [
        Step(
            log_prob[low:high].reshape(sizes[i], sizes[i + 1]),
            backoff[low:high].reshape(sizes[i], sizes[i + 1]),
            a[cut[i] : cut[i + 1]],
            bc_place[cut[i] : cut[i + 1]],
            boost[cut[i] : cut[i + 1]],
        )
        for i, (low, high) in enumerate(itertools.pairwise(pair_start))
    ]


def forward(steps: Sequence[Step]) -> list[np.ndarray]:
    """Best scores of the ways into each pair of a sentence, boundary to boundary.

    Returns one (n_b, n_c) float64 array a step: the best log probability up to and with c, plus backoff(b, c), which
    every continuation pays.
    """
    scores = [(steps[0].bigram + steps[0].backoff).astype(np.float64)]
    for step in steps[1:]:
        before = scores[-1]
        best = before.max(0)[:, None] + step.bigram
        if len(step.bc):
            b = step.bc // step.bigram.shape[1]
            explicit = before[step.a, b] + step.boost + step.bigram.reshape(-1)[step.bc]
            np.maximum.at(best.reshape(-1), step.bc, explicit)
        scores.append(best + step.backoff)
    return scores


def best_paths(steps: Sequence[Step], nbest: int) -> list[Path]:
    """The `nbest` most likely paths of one sentence, best first; fewer where there are not so many.

    Args:
        steps: from the boundary before the sentence to the boundary after it.

    Returns:
        (score, candidate numbers of the positions between the boundaries) each.
    """
    scores = forward(steps)
    # A state is a pair (b, c) at a step; `behind` is the score of what follows it, `suffix` its linked list.
    heap: list[tuple[float, int, int, int, int, float, tuple]] = []
    serial = itertools.count()  # ties are settled by age, never by comparing suffixes
    for b in _largest(scores[-1][:, 0], nbest):
        heapq.heappush(heap, (-float(scores[-1][b, 0]), next(serial), len(steps) - 1, int(b), 0, 0.0, ()))
    paths: list[Path] = []
    while heap and len(paths) < nbest:
        negative, _, i, b, c, behind, suffix = heapq.heappop(heap)
        if i == 0:
            paths.append((-negative, _unlink((c, suffix))[:-1]))
            continue
        step, before = steps[i], scores[i - 1][:, b]
        place = b * step.bigram.shape[1] + c
        low, high = np.searchsorted(step.bc, (place, place + 1))
        boost = np.zeros(len(before))
        boost[step.a[low:high]] = step.boost[low:high]
        behind += float(step.bigram[b, c] + step.backoff[b, c])
        for a in _largest(before + boost, nbest):
            rest = behind + float(boost[a])
            entry = (-(float(before[a]) + rest), next(serial), i - 1, int(a), b, rest, (c, suffix))
            heapq.heappush(heap, entry)
    return paths


def _largest(values: np.ndarray, count: int) -> np.ndarray:
    """Places of the `count` largest values, largest first."""
    return np.argsort(-values, kind="stable")[:count] if count > 1 else np.array([values.argmax()])


def _unlink(suffix: tuple) -> list[int]:
    path = []
    while suffix:
        node, suffix = suffix
        path.append(node)
    return path
