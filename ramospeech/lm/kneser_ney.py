"""Trains n-gram models: interpolated modified Kneser-Ney (Chen and Goodman 1999), by sorting, on whole arrays.

An n-gram is one number to base W, so W words allow orders with W ** order below 2 ** 64 (order 5 up to 7,131 words).
The text takes 4 bytes per token in memory. As in KenLM (Heafield et al. 2013), unigrams are interpolated with the
uniform distribution over all words and <unk>, and n-grams that begin a sentence keep their plain counts.
"""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ctc_decode.lm import BEGIN, END, UNKNOWN, NgramModel

BLOCK = 1 << 22  # tokens sorted at once
FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)  # of one, two, and more occurrences, where a text is too small to tell
_UNK, _BEGIN, _END = range(3)
_MIN_MASS = 1e-12  # of a probability mass that rounding could make zero or negative


class _Ids(dict[str, int]):
    """Word ids in order of appearance; `words` lists them. Marks of sentence ends in the text are not words."""

    def __init__(self) -> None:
        super().__init__(dict.fromkeys((*UNKNOWN, BEGIN, END), _UNK))
        self.words = [UNKNOWN[0], BEGIN, END]

    def __missing__(self, word: str) -> int:
        self[word] = id = len(self.words)
        self.words.append(word)
        return id


@dataclass
class _Level:
    """All N n-grams of one length that the text has, sorted.

    keys (N,) uint64, in which the first word weighs most; counts (N,): occurrences; kinds (N,): what Kneser-Ney
    counts; context, suffix (N,): the indices of all but the last and all but the first word, a level below; p (N,):
    probability; gain (N,): what the model loses, in nats per token, where this n-gram alone is pruned.
    """

    keys: np.ndarray
    counts: np.ndarray
    kinds: np.ndarray
    context: np.ndarray
    suffix: np.ndarray
    p: np.ndarray
    gain: np.ndarray


class NgramTrainer:
    """Takes sentences in, gives models out.

    order: words in the longest n-gram, 1 or more.
    """

    def __init__(self, order: int = 3) -> None:
        if order < 1:
            raise ValueError(f"order is {order}; give 1 or more")
        self.order = order
        self.sentences = 0
        self._ids = _Ids()
        self._text = array("i")

    @property
    def tokens(self) -> int:
        """Words read so far."""
        return len(self._text) - 2 * self.sentences

    def add(self, sentences: Iterable[Sequence[str]]) -> None:
        """Read sentences of words. `<unk>` in them is an unknown word."""
        for sentence in sentences:
            self._text.append(_BEGIN)
            self._text.extend(map(self._ids.__getitem__, sentence))
            self._text.append(_END)
            self.sentences += 1

    def model(self, max_ngrams: int | None = None, min_counts: Sequence[int] = ()) -> NgramModel:
        """Return the model of all sentences so far.

        max_ngrams: keep as many n-grams (all unigrams among them), those whose loss would raise the entropy most
        (Stolcke 1998; histories weigh as often as the text has them, which suits Kneser-Ney, Chelba et al. 2010).
        min_counts: of n-grams of length 1, 2, ... keep those that occur as often; the last holds for all longer ones
        and the first for nothing, as all words are kept.
        Raises ValueError for an empty text or too many different words.
        """
        W = len(self._ids.words)
        if not self.tokens:
            raise ValueError("the text has no words to train a language model on")
        if W**self.order >= 1 << 64:
            raise ValueError(f"{W} different words are too many for order {self.order}; train a shorter one")
        levels = _estimate(_counted(np.frombuffer(self._text, np.int32), self.order, W), W, self.order)
        minimums = [*min_counts, *[min_counts[-1] if min_counts else 1] * self.order]
        for level, count in zip(levels[1:], minimums[1:], strict=False):
            level.gain[level.counts < count] = -np.inf
        return _pruned(levels, tuple(self._ids.words), max_ngrams)


def discounts(kinds: np.ndarray) -> np.ndarray:
    """D(count) of counts 0, 1, 2, and 3 or more: (4,); `FALLBACK_DISCOUNTS` where the formula has no sense."""
    once, twice, thrice, four = (int((kinds == n).sum()) for n in (1, 2, 3, 4))
    if once and twice and thrice:
        d = _leave_one_out(once, twice, thrice, four)
        if (d[1:] > 0).all() and (d <= [0, 1, 2, 3]).all():
            return d
    return np.array([0, *FALLBACK_DISCOUNTS])


def fraction_discounted(counts: np.ndarray, scale: float = 1.0) -> np.ndarray:
    """D(count) / count, the fraction of its count that each n-gram gives to back-off: (N,) below 1.

    scale: multiplies D. A fraction applies to weighted counts as well. Where the text is too small for the formula
    the discounts are clipped.
    """
    d = _leave_one_out(*(max(int((counts == n).sum()), 1) for n in (1, 2, 3, 4)))
    d = np.clip(d, [0, 0.1, 0.2, 0.3], [0, 0.95, 1.9, 2.85])
    return np.minimum(scale * d[np.minimum(counts, 3)] / np.maximum(counts, 1), 0.98)


def _leave_one_out(once: int, twice: int, thrice: int, four: int) -> np.ndarray:
    """D(0), D(1), D(2), D(3 or more) by the numbers of n-grams that occur once to four times."""
    y = once / (once + 2 * twice)
    return np.array([0, 1 - 2 * y * twice / once, 2 - 3 * y * thrice / twice, 3 - 4 * y * four / thrice])


def interpolate(
    counts: np.ndarray, discounted: np.ndarray, context: np.ndarray, contexts: int
) -> tuple[np.ndarray, np.ndarray]:
    """Discounted relative frequencies (N,), and the probability left for backing off (contexts,), 1 where all is.

    counts (N,): of each n-gram, weighted or not; discounted (N,): the fraction of each that is taken away; context
    (N,): the number of its context.
    """
    kept = counts * (1 - discounted)
    total = np.bincount(context, counts, contexts)
    mass = np.bincount(context, kept, contexts)
    return kept / total[context], np.where(total > 0, 1 - mass / np.where(total > 0, total, 1), 1.0)


def backoff_weights(
    context: np.ndarray, p: np.ndarray, lower: np.ndarray, contexts: int, smallest: float = _MIN_MASS
) -> np.ndarray:
    """Back-off weights (contexts,) that make explicit `p` and the rest, in the proportions of `lower`, sum to one."""
    rest = 1 - np.bincount(context, p, contexts)
    lower_rest = 1 - np.bincount(context, lower, contexts)
    return np.maximum(rest, smallest) / np.maximum(lower_rest, smallest)


def merged(keys: np.ndarray, *counts: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the distinct keys, sorted, and the sums of the counts of each."""
    order = np.argsort(keys, kind="stable")  # merges runs that are sorted already
    keys = keys[order]
    first = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])[: len(keys)])
    return keys[first], *(np.add.reduceat(each[order], first) if len(first) else each for each in counts)


def _counted(text: np.ndarray, order: int, W: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the n-grams of the longest length and their counts. Where a sentence is too short before a word, <s>
    repeats."""
    keys, counts = np.zeros(0, np.uint64), np.zeros(0, np.int64)
    for begin in range(0, len(text), BLOCK):
        low = max(begin - order + 1, 0)
        block = text[low : begin + BLOCK]
        position = np.arange(len(block))
        behind = position - np.maximum.accumulate(np.where(block == _BEGIN, position, -order))  # words since <s>
        ends = np.flatnonzero((behind > 0) & (position >= begin - low))
        key = np.zeros(len(ends), np.uint64)
        for back in range(order - 1, -1, -1):
            key = key * np.uint64(W) + block[ends - np.minimum(behind[ends], back)].astype(np.uint64)
        keys, counts = merged(np.append(keys, np.sort(key)), np.append(counts, np.ones(len(key), np.int64)))
    return keys, counts


def _estimate(longest: tuple[np.ndarray, np.ndarray], W: int, order: int) -> list[_Level]:
    """Return the levels of an unpruned model, unigrams first."""
    keys, counts = longest
    kinds = counts
    found = []
    for n in range(order, 1, -1):
        # Where <s> stands twice, the n-gram is only there to be passed on to its own length.
        doubled = _BEGIN * (W + 1)
        real = keys // np.uint64(W ** (n - 2)) != doubled
        found.append((keys[real], counts[real], kinds[real]))
        keys, counts, kinds = merged(keys % np.uint64(W ** (n - 1)), counts, np.ones(len(keys), np.int64))
        opening = keys // np.uint64(W ** (n - 2)) == _BEGIN
        kinds = np.where(opening, counts, kinds)
    total = counts.sum()

    unigrams = np.zeros((2, W), np.int64)
    unigrams[:, keys.astype(np.int64)] = counts, kinds
    kept = np.maximum(unigrams[1] - discounts(unigrams[1])[np.minimum(unigrams[1], 3)], 0) / unigrams[1].sum()
    p = kept + (1 - kept.sum()) / (W - 1)
    p[_BEGIN] = 1e-99  # never predicted
    none = np.zeros(W, np.int64)
    levels = [_Level(np.arange(W, dtype=np.uint64), unigrams[0], unigrams[1], none, none, p, np.full(W, np.inf))]
    for n, (keys, counts, kinds) in enumerate(reversed(found), 2):
        below = levels[-1]
        context = np.searchsorted(below.keys, keys // np.uint64(W))
        suffix = np.searchsorted(below.keys, keys % np.uint64(W ** (n - 1)))
        discounted = discounts(kinds)[np.minimum(kinds, 3)] / np.maximum(kinds, 1)
        kept, left = interpolate(kinds, discounted, context, len(below.keys))
        p = kept + left[context] * below.p[suffix]
        gain = _gains(context, p, below.p[suffix], left, _sums(context, counts, below) / total)
        levels.append(_Level(keys, counts, kinds, context, suffix, p, gain))
    return levels


def _gains(context: np.ndarray, p: np.ndarray, lower: np.ndarray, backoff: np.ndarray, often: np.ndarray) -> np.ndarray:
    """Relative entropy, in nats per token, between the model without one n-gram and with it (Stolcke 1998, eq. 5).

    context, p, lower (N,): of each n-gram its context, its probability, and that of its suffix; backoff, often: of
    each context its back-off weight and its share of the text.
    """
    rest = np.maximum(1 - np.bincount(context, p, len(often)), _MIN_MASS)[context]
    lower_rest = np.maximum(1 - np.bincount(context, lower, len(often)), _MIN_MASS)[context]
    new = np.log((rest + p) / (lower_rest + lower))
    return often[context] * (p * (np.log(p / lower) - new) - rest * (new - np.log(backoff[context])))


def _pruned(levels: list[_Level], words: tuple[str, ...], max_ngrams: int | None) -> NgramModel:
    """Return the model of the best n-grams; one that begins a better one counts as much as that."""
    best = [level.gain for level in levels]
    for n in range(len(levels) - 1, 1, -1):
        np.maximum.at(best[n - 1], levels[n].context, best[n])
    min_gain = -np.inf
    if max_ngrams is not None:
        room = max_ngrams - len(words)
        if room < 0:
            raise ValueError(f"max_ngrams is {max_ngrams}, and the {len(words)} words alone are more than that")
        gains = np.concatenate(best[1:]) if len(best) > 1 else np.zeros(0)
        if room < len(gains):
            min_gain = float(np.partition(gains, len(gains) - room - 1)[len(gains) - room - 1])
    kept = [np.flatnonzero(each > min_gain) for each in best]
    kept = [indices for indices in kept if len(indices)]  # none of a length: a model of lower order

    contexts = [np.zeros(len(words), np.int32)]
    states = np.arange(1, len(words) + 1)  # of the n-grams a level below
    bounds = np.cumsum([0, *map(len, kept)])
    for n, indices in enumerate(kept[1:], 1):
        contexts.append(states[levels[n].context[indices]].astype(np.int32))
        states = np.zeros(len(levels[n].keys), np.int64)
        states[indices] = np.arange(bounds[n] + 1, bounds[n + 1] + 1)
    chosen = list(zip(levels, kept, strict=False))
    model = NgramModel(
        words,
        bounds,
        np.concatenate(contexts),
        np.concatenate([level.keys[indices] % np.uint64(len(words)) for level, indices in chosen]).astype(np.int32),
        np.log(np.concatenate([level.p[indices] for level, indices in chosen])),
        np.zeros(bounds[-2]),
    )
    _weigh(model)
    return replace(model, log_prob=model.log_prob.astype(np.float32), backoff=model.backoff.astype(np.float32))


def _weigh(model: NgramModel) -> None:
    """Fills in the back-off weights, shorter histories first: what makes the words after each history sum to one."""
    for low, high in zip(model.levels[1:-1], model.levels[2:], strict=True):
        context = model.context[low:high]
        _, lower = model.lookup(model.suffix[context], model.word[low:high])
        histories = int(model.levels[-2]) + 1
        weights = backoff_weights(context, np.exp(model.log_prob[low:high]), np.exp(lower), histories)
        continued = np.unique(context)
        model.backoff[continued - 1] = np.log(weights[continued])


def _sums(context: np.ndarray, values: np.ndarray, below: _Level) -> np.ndarray:
    return np.bincount(context, values, len(below.keys))
