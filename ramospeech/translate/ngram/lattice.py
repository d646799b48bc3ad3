"""Exact best paths through a lattice of candidate characters under a trigram model.

Some positions may be empty; a path can skip these at a cost. The state is the last two characters. A batch of sentences
is one stream with a boundary between sentences, so that all model look-ups of the batch are a few vector operations;
the recursion over the arcs then only adds and takes maxima. The N best paths come from a backward A* search with the
forward scores as an exact heuristic, which expands at most N states per arc. Nothing is pruned; `count_triples` says
what a search would cost.
"""

import heapq
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ramospeech.translate.lexicon import Candidates
from ramospeech.translate.ngram.model import BOUNDARY, NgramModel

BOUNDARY_SLOT = Candidates(np.array([BOUNDARY], np.int32), np.zeros(1, np.float32))
MIN_SKIP_LOG_PROB = -14.0  # minimum joint log probability of a skipped run of positions; bounds the number of arcs
Path = tuple[float, list[int | None]]  # score; index of the candidate of each position, None if it is skipped


@dataclass(frozen=True)
class Arc:
    """Model scores of the pairs (b, c) at two positions with only skipped ones between, and of trigrams ending there.

    start, end   the positions in the stream
    before       the arcs that end at `start`, as offsets from this one: -1 is its neighbour
    bigram       (n_b, n_c) float32: log p(c | b) + log p(syllable | c) + log p(the positions between are empty)
    backoff      (n_b, n_c) float32: backoff(b, c), for the next arc
    a            (n,) of each explicit trigram (a, b, c) the row of a among those of all arcs `before`
    bc           (n,) flat index of (b, c), sorted
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


def connect(model: NgramModel, stream: Sequence[Candidates], empty: np.ndarray, triples_at_once: int) -> list[Arc]:
    """Return the arcs through a stream of S positions, sorted by start, then by end.

    empty: (S,) log p that nothing was spoken at a position; -inf if it cannot be skipped, as at the boundaries.
    triples_at_once: bounds the memory of the look-ups; a longer stream is connected piece by piece.
    """
    start, end, cost = _spans(empty)
    sizes = np.array([len(position) for position in stream])
    nodes = _Nodes(
        np.concatenate(([0], np.cumsum(sizes))),
        np.concatenate([position.ids for position in stream]),
        np.concatenate([position.log_probs for position in stream]),
        tuple(np.concatenate(ports) for ports in zip(*(position.ports() for position in stream), strict=True))
        if any(position.enter is not None for position in stream)
        else None,
    )
    # The arcs that end at the same position, and the first row of each among their concatenated rows.
    by_end = np.argsort(end, kind="stable")
    first = np.searchsorted(end[by_end], np.arange(len(stream) + 1))
    behind = np.cumsum(sizes[start[by_end]]) - sizes[start[by_end]]
    row = np.empty(len(end), np.int64)
    row[by_end] = behind - behind[first[end[by_end]]]

    piece = np.cumsum(_triples(sizes, start, end)) // triples_at_once
    cuts = [0, *(np.flatnonzero(np.diff(piece)) + 1).tolist(), len(piece)]
    arcs: list[Arc] = []
    for low, high in itertools.pairwise(cuts):
        reaching = np.flatnonzero(end[:low] >= start[low])  # trigrams reach one arc back
        part = slice(reaching[0] if len(reaching) else low, high)
        looked_up = _look_up(model, nodes, start[part], end[part], cost[part], row[part])[low - part.start :]
        for i, arrays in enumerate(looked_up, low):
            before = by_end[first[start[i]] : first[start[i] + 1]] - i
            arcs.append(Arc(int(start[i]), int(end[i]), tuple(before.tolist()), *arrays))
    return arcs


def count_triples(sizes: Sequence[int], empty: np.ndarray) -> int:
    """Return how many candidates in a row a search looks at: of each arc the pairs, times the candidates before it.

    sizes: (S,) candidates at each position; empty: as for `connect`.
    """
    start, end, _ = _spans(empty)
    return int(_triples(np.array(sizes), start, end).sum())


def _triples(sizes: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    before = np.bincount(end, sizes[start], len(sizes)).astype(np.int64)
    return np.maximum(before[start], 1) * sizes[start] * sizes[end]


def _spans(empty: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return start, end and log p (float32) of the arcs from each position to the next and over skipped ones."""
    start, cost = np.arange(len(empty) - 1), np.zeros(len(empty) - 1, np.float32)
    end = start + 1
    found = [(start, end, cost)]
    while len(start):
        cost = (cost + empty[end]).astype(np.float32)
        over = cost > MIN_SKIP_LOG_PROB
        start, end, cost = start[over], end[over] + 1, cost[over]
        found.append((start, end, cost))
    start, end, cost = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
    order = np.lexsort((end, start))
    return start[order], end[order], cost[order]


@dataclass(frozen=True)
class _Nodes:
    """The candidates of all positions, concatenated: those of position i are first[i] to first[i + 1].

    ports: enter, leave and fixed of all candidates; None without phrases.
    """

    first: np.ndarray
    ids: np.ndarray
    log_probs: np.ndarray
    ports: tuple[np.ndarray, ...] | None


def _look_up(
    model: NgramModel, nodes: _Nodes, start: np.ndarray, end: np.ndarray, cost: np.ndarray, row: np.ndarray
) -> list[tuple[np.ndarray, ...]]:
    """Return bigram, backoff, a, bc and boost of each arc."""
    heights, widths = np.diff(nodes.first)[start], np.diff(nodes.first)[end]

    # All pairs of neighbours, ordered by arc, then b, then c.
    pairs = heights * widths
    pair_start = np.concatenate(([0], np.cumsum(pairs)))
    arc = np.repeat(np.arange(len(pairs)), pairs)
    position = np.arange(pair_start[-1]) - pair_start[arc]
    b, c = position // widths[arc] + nodes.first[start[arc]], position % widths[arc] + nodes.first[end[arc]]
    bigram = model.find_bigrams(nodes.ids[b], nodes.ids[c])
    if nodes.ports is not None:
        enter, leave, fixed = nodes.ports
        disconnected, given = leave[b] != enter[c], fixed[c]
        bigram[disconnected | given] = -1  # nor are there trigrams
    known = np.flatnonzero(bigram >= 0)
    log_prob = model.unigram_backoff[nodes.ids[b]] + model.unigram[nodes.ids[c]] + nodes.log_probs[c] + cost[arc]
    log_prob[known] += model.bigram_boosts[bigram[known]] * np.float32(model.step)
    if nodes.ports is not None:
        log_prob[given] = (nodes.log_probs[c] + cost[arc])[given]
        log_prob[disconnected] = -np.inf
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
    a = b[ab] - nodes.first[start[arc[ab]]] + row[arc[ab]]
    bc_position = position[bc]
    cut = np.searchsorted(bc, pair_start)

    return [
        (
            log_prob[low:high].reshape(heights[i], widths[i]),
            backoff[low:high].reshape(heights[i], widths[i]),
            a[cut[i] : cut[i + 1]],
            bc_position[cut[i] : cut[i + 1]],
            boost[cut[i] : cut[i + 1]],
        )
        for i, (low, high) in enumerate(itertools.pairwise(pair_start))
    ]


def forward(arcs: Sequence[Arc]) -> list[np.ndarray]:
    """Return the best scores of the paths into each pair of a sentence, from boundary to boundary.

    Returns one (n_b, n_c) float64 array per arc: the best log probability up to and including c, plus backoff(b, c),
    which every continuation pays.
    """
    scores: list[np.ndarray] = []
    for i, arc in enumerate(arcs):
        best = arc.bigram.astype(np.float64)
        if into := arcs_into(arcs, i):
            before = np.concatenate([scores[j] for j in into])
            best += before.max(0)[:, None]
            if len(arc.bc):
                b = arc.bc // arc.bigram.shape[1]
                explicit = before[arc.a, b] + arc.boost + arc.bigram.reshape(-1)[arc.bc]
                np.maximum.at(best.reshape(-1), arc.bc, explicit)
        scores.append(best + arc.backoff)
    return scores


def log_total(arcs: Sequence[Arc]) -> float:
    """Return the log of the sum over all paths of one sentence of exp(score)."""
    sums: list[np.ndarray] = []
    for i, arc in enumerate(arcs):
        total = arc.bigram.astype(np.float64)
        if into := arcs_into(arcs, i):
            before = np.concatenate([sums[j] for j in into])
            top = before.max()
            mass = np.exp(before - top)
            mass_into = np.repeat(mass.sum(0)[:, None], total.shape[1], 1)
            if len(arc.bc):
                np.add.at(mass_into.reshape(-1), arc.bc, mass[arc.a, arc.bc // total.shape[1]] * np.expm1(arc.boost))
            with np.errstate(divide="ignore"):
                total += np.log(mass_into) + top
        sums.append(total + arc.backoff)
    last = np.concatenate([sums[i][:, 0] for i, arc in enumerate(arcs) if arc.end == arcs[-1].end])
    return float(last.max() + np.log(np.exp(last - last.max()).sum()))


def best_paths(arcs: Sequence[Arc], nbest: int, scores: Sequence[np.ndarray] | None = None) -> list[Path]:
    """Return up to `nbest` paths of one sentence, best first.

    Args:
        arcs: from the boundary before the sentence to the boundary after it.
        scores: of `forward`, where they are there already.

    Returns:
        (score, index of the candidate at each position between the boundaries, None if skipped) per path.
    """
    scores = forward(arcs) if scores is None else scores
    begin, finish = arcs[0].start, arcs[-1].end
    # A state is a pair (b, c) at an arc; `behind` is the score of what follows it, `suffix` its linked list.
    heap: list[tuple[float, int, int, int, int, float, tuple]] = []
    serial = itertools.count()  # ties are settled by age, never by comparing suffixes
    for i, arc in enumerate(arcs):
        if arc.end == finish:
            for b in _largest(scores[i][:, 0], nbest):
                heapq.heappush(heap, (-float(scores[i][b, 0]), next(serial), i, int(b), 0, 0.0, ()))
    paths: list[Path] = []
    while heap and len(paths) < nbest:
        negative, _, i, b, c, behind, suffix = heapq.heappop(heap)
        if negative == np.inf:  # an incomplete phrase
            break
        arc = arcs[i]
        suffix = arc.end, c, suffix
        if arc.start == begin:
            paths.append((-negative, _unwind(suffix, begin, finish)))
            continue
        before, boost = arriving(arcs, scores, i, b, c)
        behind += float(arc.bigram[b, c] + arc.backoff[b, c])
        for row in _largest(before + boost, nbest):
            rest = behind + float(boost[row])
            j, a = arc_of_row(arcs, scores, i, int(row))
            heapq.heappush(heap, (-(float(before[row]) + rest), next(serial), j, a, b, rest, suffix))
    return paths


def arriving(
    arcs: Sequence[Arc], scores: Sequence[np.ndarray], i: int, b: int, c: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the `forward` scores of the pairs (a, b) before the pair (b, c) of arc i, and what the trigrams (a, b, c)
    add, (rows of a,) both; arc i does not start at the boundary."""
    arc = arcs[i]
    before = np.concatenate([scores[j][:, b] for j in arcs_into(arcs, i)])
    position = b * arc.bigram.shape[1] + c
    low, high = np.searchsorted(arc.bc, (position, position + 1))
    boost = np.zeros(len(before))
    boost[arc.a[low:high]] = arc.boost[low:high]
    return before, boost


def arc_of_row(arcs: Sequence[Arc], scores: Sequence[np.ndarray], i: int, row: int) -> tuple[int, int]:
    """Return the arc before arc i that a row of `arriving` is of, and the index of a there."""
    for j in arcs_into(arcs, i):
        if row < len(scores[j]):
            return j, row
        row -= len(scores[j])
    raise IndexError(f"arc {i} has no row {row} more before it")


def arcs_into(arcs: Sequence[Arc], i: int) -> list[int]:
    """Return the arcs of the sentence that end where arc i starts; empty if it starts at the boundary."""
    return [i + offset for offset in arcs[i].before if i + offset >= 0]


def _largest(values: np.ndarray, count: int) -> np.ndarray:
    """Return the indices of the `count` largest values, largest first."""
    return np.argsort(-values, kind="stable")[:count] if count > 1 else np.array([values.argmax()])


def _unwind(suffix: tuple, begin: int, finish: int) -> list[int | None]:
    path: list[int | None] = [None] * (finish - begin - 1)
    while suffix:
        position, node, suffix = suffix
        if position < finish:
            path[position - begin - 1] = node
    return path
