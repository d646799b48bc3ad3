"""The textbook prefix beam search in pure Python, to read and to test against (Hannun et al., 2014; Graves, 2008).

>>> from math import log
>>> frames = [[log(p) for p in row] for row in ([0.1, 0.8, 0.1], [0.6, 0.3, 0.1], [0.2, 0.1, 0.7])]
>>> [(ids, score)] = prefix_beam_search(frames)
>>> ids, round(score, 3)
((1, 2), -0.516)
"""

from collections import defaultdict
from collections.abc import Sequence
from math import exp, inf, log1p


def log_add(a: float, b: float) -> float:
    """log(exp(a) + exp(b))."""
    high, low = max(a, b), min(a, b)
    return high if low == -inf else high + log1p(exp(low - high))


def prefix_beam_search(
    log_probs: Sequence[Sequence[float]], blank: int = 0, beam_width: int = 30, top_k: int | None = None, nbest: int = 1
) -> list[tuple[tuple[int, ...], float]]:
    """The best label sequences of one item and their log probabilities, best first.

    log_probs: (T', V) natural logs. top_k: how many units of a frame are looked at, the blank aside; None is all.
    """
    # The log probability of each prefix, of its alignments that end in a blank and of those that end in its last unit.
    beam: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, -inf)}
    for row in log_probs:
        units = sorted((unit for unit in range(len(row)) if unit != blank), key=lambda unit: -row[unit])[:top_k]
        grown: dict[tuple[int, ...], list[float]] = defaultdict(lambda: [-inf, -inf])
        for prefix, (p_blank, p_nonblank) in beam.items():
            p_total = log_add(p_blank, p_nonblank)
            entry = grown[prefix]
            entry[0] = log_add(entry[0], p_total + row[blank])
            if prefix:
                entry[1] = log_add(entry[1], p_nonblank + row[prefix[-1]])
            for unit in units:
                # The last unit once more is a new token only after a blank.
                p_before = p_blank if prefix and unit == prefix[-1] else p_total
                entry = grown[(*prefix, unit)]
                entry[1] = log_add(entry[1], p_before + row[unit])
        possible = [item for item in grown.items() if log_add(*item[1]) > -inf]
        possible.sort(key=lambda item: -log_add(*item[1]))
        beam = {prefix: (p_blank, p_nonblank) for prefix, (p_blank, p_nonblank) in possible[:beam_width]}
    best = sorted(beam.items(), key=lambda item: -log_add(*item[1]))[:nbest]
    return [(prefix, log_add(*p)) for prefix, p in best]
