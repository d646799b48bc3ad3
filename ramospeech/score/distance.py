"""Edit distance of token sequences (rapidfuzz), and error rates over a corpus with a bootstrap interval."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import groupby, product, zip_longest
from typing import Any

import numpy as np

from ramospeech.errors import extra
from ramospeech.text import pinyin

with extra("text"):
    from rapidfuzz.distance import Levenshtein


@dataclass(frozen=True)
class Edits:
    """The least edits that turn a reference of `length` tokens into a hypothesis. Clips add up with `+`."""

    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0
    length: int = 0

    def __add__(self, other: "Edits") -> "Edits":
        return Edits(
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
            self.length + other.length,
        )

    @property
    def errors(self) -> int:
        """Substitutions, deletions and insertions together."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Errors per reference token; an empty reference counts as one token, so the rate stays finite."""
        return self.errors / max(1, self.length)


def edits(ref: Sequence[Hashable], hyp: Sequence[Hashable]) -> Edits:
    """Count the edits between two token sequences.

    >>> edits("a b c".split(), "a x".split())
    Edits(substitutions=1, deletions=1, insertions=0, length=3)
    """
    counts = {"replace": 0, "delete": 0, "insert": 0}
    for operation in Levenshtein.editops(ref, hyp):
        counts[operation.tag] += 1
    return Edits(counts["replace"], counts["delete"], counts["insert"], len(ref))


def align_edits(
    ref: Sequence[str], hyp: Sequence[str], similarity: Callable[[str, str], float] | None = None
) -> list[tuple[str, str]]:
    """Return pairs (reference token, hypothesis token) of a best alignment; "" stands for nothing.

    Of alignments with as few edits, `similarity` chooses the one whose substitutions are most alike.

    >>> align_edits("abc", "axcd")
    [('a', 'a'), ('b', 'x'), ('c', 'c'), ('', 'd')]
    """
    pairs: list[tuple[str, str]] = []
    for same, group in groupby(Levenshtein.opcodes(ref, hyp), key=lambda step: step.tag == "equal"):
        steps = list(group)
        left = ref[steps[0].src_start : steps[-1].src_end]
        right = hyp[steps[0].dest_start : steps[-1].dest_end]
        if same or similarity is None or len(left) == len(right):
            pairs += zip_longest(left, right, fillvalue="")
        elif len(left) < len(right):
            pairs += _choose(left, right, similarity)
        else:
            pairs += [(a, b) for b, a in _choose(right, left, lambda b, a: similarity(a, b))]
    return pairs


def _choose(few: Sequence[str], many: Sequence[str], similarity: Callable[[str, str], float]) -> list[tuple[str, str]]:
    """Pair each of the `few`, in order, with one of the `many` so that they are most alike together; "" for others."""
    skips = len(many) - len(few)
    # best[i][j]: of the first i few and i + j many, the similarity, and whether the last of the many was left out
    best = [[(0.0, True)] * (skips + 1) for _ in range(len(few) + 1)]
    for i, j in product(range(1, len(few) + 1), range(skips + 1)):
        paired = best[i - 1][j][0] + similarity(few[i - 1], many[i + j - 1]), False
        best[i][j] = max(paired, (best[i][j - 1][0], True)) if j else paired
    pairs = []
    i, j = len(few), skips
    while i or j:
        skip = best[i][j][1]
        i, j, one, other = (i, j - 1, "", many[i + j - 1]) if skip else (i - 1, j, few[i - 1], many[i + j - 1])
        pairs.append((one, other))
    return pairs[::-1]


@dataclass(frozen=True)
class Score:
    """The edits of each clip of a corpus, in order. A rate is total edits / total reference length."""

    per_clip: tuple[Edits, ...]

    @cached_property
    def total(self) -> Edits:
        """The edits of all clips together."""
        return sum(self.per_clip, Edits())

    @property
    def clips(self) -> int:
        """How many clips were scored."""
        return len(self.per_clip)

    @property
    def rate(self) -> float:
        """The error rate of the corpus (not the mean of the clips' rates)."""
        return self.total.rate

    @property
    def distance(self) -> float:
        """The mean edit distance of a clip: errors, not divided by the length (as Kaggle's contests count)."""
        return self.total.errors / max(1, self.clips)

    @property
    def correct(self) -> int:
        """Clips without any error."""
        return sum(clip.errors == 0 for clip in self.per_clip)

    @property
    def accuracy(self) -> float:
        """Sentence accuracy: the share of clips without any error."""
        return self.correct / max(1, self.clips)

    def subset(self, indices: Iterable[int]) -> "Score":
        """Return the score of some of the clips."""
        return Score(tuple(self.per_clip[index] for index in indices))

    def as_dict(self) -> dict[str, Any]:
        """Rates and counts for JSON. Rates are fractions."""
        return {
            "rate": self.rate,
            "interval_95": list(self.interval()),
            "errors": self.total.errors,
            **asdict(self.total),
            "mean_distance": self.distance,
            "correct": self.correct,
            "sentence_accuracy": self.accuracy,
            "clips": self.clips,
        }

    def interval(self, level: float = 0.95, resamples: int = 1000, seed: int = 0) -> tuple[float, float]:
        """Percentile bootstrap interval of `rate`: clips are drawn with replacement (Bisani & Ney, 2004)."""
        if not self.per_clip:
            return 0.0, 0.0
        errors, lengths = np.array([(clip.errors, clip.length) for clip in self.per_clip], np.int64).T.copy()
        rng = np.random.default_rng(seed)
        rates = []
        for chunk in np.array_split(np.arange(resamples), max(1, resamples // 100)):  # bounds the memory
            drawn = rng.integers(0, self.clips, (len(chunk), self.clips))
            rates.append(errors[drawn].sum(axis=1) / np.maximum(1, lengths[drawn].sum(axis=1)))
        low, high = np.quantile(np.concatenate(rates), [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)


def _score(refs: Iterable[Sequence[str]], hyps: Iterable[Sequence[str]]) -> Score:
    return Score(tuple(edits(ref, hyp) for ref, hyp in zip(refs, hyps, strict=True)))


def ser(refs: Iterable[Sequence[str]], hyps: Iterable[Sequence[str]], toneless: bool = False) -> Score:
    """Syllable error rate over a corpus of syllable sequences, with tones or without."""
    if toneless:
        refs, hyps = ([[pinyin.toneless(s) for s in line] for line in lines] for lines in (refs, hyps))
    return _score(refs, hyps)


def cer(refs: Iterable[Sequence[str]], hyps: Iterable[Sequence[str]]) -> Score:
    """Character error rate over a corpus of texts, strings or tokens, as they are given (see `characters`)."""
    return _score(refs, hyps)
