"""What is taken for what on the dev clips: tones, initials and finals."""

from collections import Counter
from collections.abc import Iterable, Sequence

from ramospeech.score import align_edits
from ramospeech.score.breakdown import PARTS
from ramospeech.text import parts
from ramospeech.text.parts import phonetic_similarity

Pairs = Counter[tuple[str, str]]
"""(reference, hypothesis) -> how often, right ones too; "" stands for no unit, deleted or inserted."""


def count_pairs(pairs: Iterable[tuple[Sequence[str], Sequence[str]]]) -> Pairs:
    """Return the aligned syllables of (reference, hypothesis) of clips."""
    counts: Pairs = Counter()
    for reference, hypothesis in pairs:
        counts.update(align_edits(reference, hypothesis, phonetic_similarity))
    return counts


def by_part(syllables: Pairs) -> dict[str, Pairs]:
    """Return the same of tones, initials and finals."""
    found: dict[str, Pairs] = {part: Counter() for part in PARTS}
    for (ref, hyp), count in syllables.items():
        for part, counts in found.items():
            left, right = (getattr(parts.split(syllable), part) if syllable else "" for syllable in (ref, hyp))
            counts[left, right] += count
    return found


def error_rate(counts: Pairs) -> float:
    """Return the fraction of the reference that is wrong or deleted; insertions are in no reference.

    >>> error_rate(Counter({("1", "1"): 2, ("1", "4"): 1, ("2", ""): 1, ("", "3"): 5}))
    0.5
    """
    total = sum(count for (ref, _), count in counts.items() if ref)
    right = sum(count for (ref, hyp), count in counts.items() if ref and ref == hyp)
    return 1 - right / max(1, total)


def as_markdown(reference: Sequence[str], hypothesis: Sequence[str], width: int = 16) -> str:
    """Return the reference above the hypothesis, what is wrong with ✗, as tables of `width` units; ∗ stands for
    nothing.

    >>> print(as_markdown(["ni3", "hao3"], ["ni3", "hao4"]))
    | ref | ni3 | hao3 |
    |---|---|---|
    | hyp | ni3 | **hao4** ✗ |
    """
    pairs = align_edits(reference, hypothesis, phonetic_similarity)
    tables = []
    for begin in range(0, max(1, len(pairs)), width):
        line = pairs[begin : begin + width]
        marked = [(hyp or "∗") if ref == hyp else f"**{hyp or '∗'}** ✗" for ref, hyp in line]
        rows = [["ref", *(ref or "∗" for ref, _ in line)], ["---"] * (1 + len(line)), ["hyp", *marked]]
        top, rule, bottom = rows
        tables.append(f"| {' | '.join(top)} |\n|{'|'.join(rule)}|\n| {' | '.join(bottom)} |")
    return "\n\n".join(tables)
