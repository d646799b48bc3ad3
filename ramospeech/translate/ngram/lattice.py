"""Exact best paths through a lattice of candidates under a model of order 3.

Places follow each other, and some may be empty: then a path steps over them, at a cost. The state is the last two
characters. A whole batch of sentences is one stream with a boundary between sentences, so that all model look-ups of a
batch are a few vector operations; the recursion over the steps then only adds and takes maxima. The N best paths come
from an A* search backwards, for which the forward scores are an exact heuristic: it opens at most N states a step.
Nothing is pruned.
"""

import heapq
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ramospeech.translate.lexicon import Candidates
from ramospeech.translate.ngram.model import BOUNDARY, NgramModel

EDGE = Candidates(np.array([BOUNDARY], np.int32), np.zeros(1, np.float32))
LEAST = -14.0  # nats: what is less likely to be empty all together is not; bounds the steps over long runs of places
Path = tuple[float, list[int | None]]  # score; of each place the candidate number, None where it is empty


@dataclass(frozen=True)
class Step:
    """What the model says of the pairs (b, c) at two places with none or only empty ones between, and of the triples
    that end in them.

    start, end   the places in the stream
    before       where the steps are that end at `start`, counted from this one: -1 is its neighbour
    bigram       (n_b, n_c) float32: log p(c | b) + log p(syllable | c) + log p(the places between are empty)
    backoff      (n_b, n_c) float32: backoff(b, c), for the step after this one
    a            (n,) of an explicit trigram (a, b, c) the place of a among the rows of all steps `before`
    bc           (n,) the flat place of (b, c), sorted
    boost        (n,) float32
    """

    start: int
    end: int
    before: tuple[int, ...]
    bigram: np.ndarray
    backoff: np.ndarray
    a: np.ndarray
    bc: np.ndarray
    boost: np.ndarray


def connect(model: NgramModel, stream: Sequence[Candidates], empty: np.ndarray, pairs_at_once: int) -> list[Step]:
    """The steps through a stream of S places, by their start, then by their end.

    empty: (S,) log p that nothing is said at a place; -inf where something is, as at the boundaries.
    pairs_at_once: bounds the memory of the look-ups: a longer stream is connected piece by piece.
    """
    start, end, cost = _spans(empty)
    sizes = np.array([len(place) for place in stream])
    nodes = _Nodes(
        np.concatenate(([0], np.cumsum(sizes))),
        np.concatenate([place.ids for place in stream]),
        np.concatenate([place.log_probs for place in stream]),
        tuple(np.concatenate(ports) for ports in zip(*(place.ports() for place in stream), strict=True))
        if any(place.enter is not None for place in stream)
        else None,
    )
    # Steps that end at the same place: which they are, and where the rows of each begin among those of all.
    by_end = np.argsort(end, kind="stable")
    first = np.searchsorted(end[by_end], np.arange(len(stream) + 1))
    behind = np.cumsum(sizes[start[by_end]]) - sizes[start[by_end]]
    row = np.empty(len(end), np.int64)
    row[by_end] = behind - behind[first[end[by_end]]]

    piece = np.cumsum(sizes[start] * sizes[end]) // pairs_at_once
    cuts = [0, *(np.flatnonzero(np.diff(piece)) + 1).tolist(), len(piece)]
    steps: list[Step] = []
    for low, high in itertools.pairwise(cuts):
        reaching = np.flatnonzero(end[:low] >= start[low])  # trigrams reach one step back
        part = slice(reaching[0] if len(reaching) else low, high)
        looked_up = _look_up(model, nodes, start[part], end[part], cost[part], row[part])[low - part.start :]
        for i, arrays in enumerate(looked_up, low):
            before = by_end[first[start[i]] : first[start[i] + 1]] - i
            steps.append(Step(int(start[i]), int(end[i]), tuple(before.tolist()), *arrays))
    return steps


def _spans(empty: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """From each place to the next, and over empty ones to those behind: starts, ends, and log p of it, float32."""
    start, cost = np.arange(len(empty) - 1), np.zeros(len(empty) - 1, np.float32)
    end = start + 1
    found = [(start, end, cost)]
    while len(start):
        cost = (cost + empty[end]).astype(np.float32)
        over = cost > LEAST
        start, end, cost = start[over], end[over] + 1, cost[over]
        found.append((start, end, cost))
    start, end, cost = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    order = np.lexsort((end, start))
    return start[order], end[order], cost[order]


@dataclass(frozen=True)
class _Nodes:
    """The candidates of all places, numbered through the stream: those of place i are first[i] to first[i + 1].

    ports: enter, leave and fixed of all, where there are phrases.
    """

    first: np.ndarray
    ids: np.ndarray
    log_probs: np.ndarray
    ports: tuple[np.ndarray, ...] | None


def _look_up(
    model: NgramModel, nodes: _Nodes, start: np.ndarray, end: np.ndarray, cost: np.ndarray, row: np.ndarray
) -> list[tuple[np.ndarray, ...]]:
    """bigram, backoff, a, bc and boost of each step."""
    heights, widths = np.diff(nodes.first)[start], np.diff(nodes.first)[end]

    # All pairs of neighbours, ordered by step, then b, then c.
    pairs = heights * widths
    pair_start = np.concatenate(([0], np.cumsum(pairs)))
    step = np.repeat(np.arange(len(pairs)), pairs)
    place = np.arange(pair_start[-1]) - pair_start[step]
    b, c = place // widths[step] + nodes.first[start[step]], place % widths[step] + nodes.first[end[step]]
    bigram = model.find_bigrams(nodes.ids[b], nodes.ids[c])
    if nodes.ports is not None:
        enter, leave, fixed = nodes.ports
        apart, given = leave[b] != enter[c], fixed[c]
        bigram[apart | given] = -1  # nor are there trigrams
    known = np.flatnonzero(bigram >= 0)
    log_prob = model.unigram_backoff[nodes.ids[b]] + model.unigram[nodes.ids[c]] + nodes.log_probs[c] + cost[step]
    log_prob[known] += model.bigram_boosts[bigram[known]] * np.float32(model.step)
    if nodes.ports is not None:
        log_prob[given] = (nodes.log_probs[c] + cost[step])[given]
        log_prob[apart] = -np.inf
    backoff = np.zeros(len(bigram), np.float32)
    backoff[known] = model.bigram_backoffs[bigram[known]] * np.float32(-model.step)

    # Join known pairs (a, b) with known pairs (b, c) on the node b, then look for their trigrams.
    right = known[np.argsort(b[known], kind="stable")]
    lower, upper = np.searchsorted(b[right], c[known]), np.searchsorted(b[right], c[known], side="right")
    ab = np.repeat(known, upper - lower)
    offset = np.repeat(lower - np.concatenate(([0], np.cumsum(upper - lower)[:-1])), upper - lower)
    bc = right[offset + np.arange(len(ab))] if len(ab) else ab
    trigram = model.find_trigrams(bigram[ab], bigram[bc])
    found = np.flatnonzero(trigram >= 0)
    found = found[np.argsort(bc[found], kind="stable")]
    ab, bc = ab[found], bc[found]
    boost = model.trigram_boosts[trigram[found]] * np.float32(model.step)
    a = b[ab] - nodes.first[start[step[ab]]] + row[step[ab]]
    bc_place = place[bc]
    cut = np.searchsorted(bc, pair_start)

    return [
        (
            log_prob[low:high].reshape(heights[i], widths[i]),
            backoff[low:high].reshape(heights[i], widths[i]),
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
    scores: list[np.ndarray] = []
    for i, step in enumerate(steps):
        best = step.bigram.astype(np.float64)
        if into := _into(steps, i):
            before = np.concatenate([scores[j] for j in into])
            best += before.max(0)[:, None]
            if len(step.bc):
                b = step.bc // step.bigram.shape[1]
                explicit = before[step.a, b] + step.boost + step.bigram.reshape(-1)[step.bc]
                np.maximum.at(best.reshape(-1), step.bc, explicit)
        scores.append(best + step.backoff)
    return scores


def log_total(steps: Sequence[Step]) -> float:
    """Log of the sum, over all paths of one sentence, of the exponential of their scores."""
    sums: list[np.ndarray] = []
    for i, step in enumerate(steps):
        total = step.bigram.astype(np.float64)
        if into := _into(steps, i):
            before = np.concatenate([sums[j] for j in into])
            top = before.max()
            mass = np.exp(before - top)
            ways = np.repeat(mass.sum(0)[:, None], total.shape[1], 1)
            if len(step.bc):
                np.add.at(ways.reshape(-1), step.bc, mass[step.a, step.bc // total.shape[1]] * np.expm1(step.boost))
            with np.errstate(divide="ignore"):
                total += np.log(ways) + top
        sums.append(total + step.backoff)
    last = np.concatenate([sums[i][:, 0] for i, step in enumerate(steps) if step.end == steps[-1].end])
    return float(last.max() + np.log(np.exp(last - last.max()).sum()))


def best_paths(steps: Sequence[Step], nbest: int) -> list[Path]:
    """The `nbest` most likely paths of one sentence, best first; fewer where there are not so many.

    Args:
        steps: from the boundary before the sentence to the boundary after it.

    Returns:
        (score, candidate numbers of the places between the boundaries, None for empty ones) each.
    """
    scores = forward(steps)
    begin, finish = steps[0].start, steps[-1].end
    # A state is a pair (b, c) at a step; `behind` is the score of what follows it, `suffix` its linked list.
    heap: list[tuple[float, int, int, int, int, float, tuple]] = []
    serial = itertools.count()  # ties are settled by age, never by comparing suffixes
    for i, step in enumerate(steps):
        if step.end == finish:
            for b in _largest(scores[i][:, 0], nbest):
                heapq.heappush(heap, (-float(scores[i][b, 0]), next(serial), i, int(b), 0, 0.0, ()))
    paths: list[Path] = []
    while heap and len(paths) < nbest:
        negative, _, i, b, c, behind, suffix = heapq.heappop(heap)
        if negative == np.inf:  # goes into a phrase and not to its end
            break
        step = steps[i]
        suffix = step.end, c, suffix
        if step.start == begin:
            paths.append((-negative, _places(suffix, begin, finish)))
            continue
        into = _into(steps, i)
        before = np.concatenate([scores[j][:, b] for j in into])
        place = b * step.bigram.shape[1] + c
        low, high = np.searchsorted(step.bc, (place, place + 1))
        boost = np.zeros(len(before))
        boost[step.a[low:high]] = step.boost[low:high]
        behind += float(step.bigram[b, c] + step.backoff[b, c])
        ends = np.cumsum([len(scores[j]) for j in into])
        for row in _largest(before + boost, nbest):
            rest = behind + float(boost[row])
            which = int(np.searchsorted(ends, row, side="right"))
            a = int(row - ends[which]) + len(scores[into[which]])
            heapq.heappush(heap, (-(float(before[row]) + rest), next(serial), into[which], a, b, rest, suffix))
    return paths


def _into(steps: Sequence[Step], i: int) -> list[int]:
    """The steps of the sentence that end where step i starts; none for one that starts at its boundary."""
    return [i + offset for offset in steps[i].before if i + offset >= 0]


def _largest(values: np.ndarray, count: int) -> np.ndarray:
    """Places of the `count` largest values, largest first."""
    return np.argsort(-values, kind="stable")[:count] if count > 1 else np.array([values.argmax()])


def _places(suffix: tuple, begin: int, finish: int) -> list[int | None]:
    path: list[int | None] = [None] * (finish - begin - 1)
    while suffix:
        place, node, suffix = suffix
        if place < finish:
            path[place - begin - 1] = node
    return path
