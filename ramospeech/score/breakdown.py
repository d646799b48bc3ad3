"""Errors by tone, initial and final of the reference, by length of a clip, by speaker and corpus."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePath
from typing import Any

from ramospeech.score.distance import Edits, Score
from ramospeech.score.report import ErrorReport, Pair
from ramospeech.text import parts

PARTS = {"tone": parts.TONES, "initial": parts.INITIALS, "final": parts.FINALS}

_BINS = (1, 2, 5, 10, 15, 20, 30)  # lower bounds in syllables; below the first the reference is empty
# File or folder names that tell the speaker: BAC009S0002W0122 and S0002 of AISHELL, A11_0 of THCHS-30.
_SPEAKERS = (re.compile(r"(?:BAC009)?(S\d{4})(?:W\d{4})?"), re.compile(r"([A-D]\d{1,2})_\d{1,3}"))


@dataclass(frozen=True)
class PartErrors:
    """Errors by one part of the reference's syllables; names are those of `ramospeech.text.parts`.

    part_errors: name -> edits by clip (of the clips that have it) where the part itself was deleted or substituted.
    syllable_errors: the same where any part of the syllable was, including its tone.
    counts: (reference, hypothesis) -> count, including correct ones; "" for a deleted or inserted syllable.
    """

    part_errors: dict[str, Score]
    syllable_errors: dict[str, Score]
    counts: Counter[tuple[str, str]]

    def confusions(self, name: str | None = None) -> list[tuple[str, str, int]]:
        """Return substitutions and deletions with their counts, most frequent first, of `name` alone or of all."""
        wrong = ((ref, hyp, count) for (ref, hyp), count in self.counts.items() if ref and ref != hyp)
        return sorted((entry for entry in wrong if name in (None, entry[0])), key=lambda entry: (-entry[2], *entry))

    @property
    def inserted(self) -> dict[str, int]:
        """Return insertions with their counts, most frequent first."""
        return {hyp: count for (ref, hyp), count in self.counts.most_common() if not ref}

    def as_dict(self) -> dict[str, Any]:
        """Return for JSON, by name, the errors of the part and of the syllable, and what it was taken for."""
        return {
            name: {
                "syllables": score.total.length,
                "clips": score.clips,
                "rate": score.rate,
                "interval_95": list(score.interval()),
                "errors": score.total.errors,
                "syllable_rate": self.syllable_errors[name].rate,
                "syllable_interval_95": list(self.syllable_errors[name].interval()),
                "syllable_errors": self.syllable_errors[name].total.errors,
                "missed": self.counts[name, ""],
                "taken_for": {hyp: count for _, hyp, count in self.confusions(name) if hyp},
            }
            for name, score in self.part_errors.items()
        }


def errors_by_part(pairs: Sequence[Pair], part: str) -> PartErrors:
    """Return errors by `part`, a key of PARTS. Inserted syllables do not count as errors of any part of the
    reference."""
    part_edits: dict[str, list[Edits]] = {name: [] for name in PARTS[part]}
    syllable_edits: dict[str, list[Edits]] = {name: [] for name in PARTS[part]}
    counts: Counter[tuple[str, str]] = Counter()
    for pair in pairs:
        part_counts: Counter[str] = Counter()
        syllable_counts: Counter[str] = Counter()
        missed: Counter[str] = Counter()
        references: Counter[str] = Counter()
        for ref, hyp in pair.syllables:
            left, right = (getattr(parts.split(syllable), part) if syllable else "" for syllable in (ref, hyp))
            counts[left, right] += 1
            if ref:
                references[left] += 1
                missed[left] += not hyp
                part_counts[left] += left != right
                syllable_counts[left] += ref != hyp
        for name, length in references.items():
            for scores, errors in ((part_edits, part_counts), (syllable_edits, syllable_counts)):
                scores[name].append(Edits(errors[name] - missed[name], missed[name], 0, length))
    part_scores, syllable_scores = (
        {name: Score(tuple(clips)) for name, clips in scores.items() if clips}
        for scores in (part_edits, syllable_edits)
    )
    return PartErrors(part_scores, syllable_scores, counts)


@dataclass(frozen=True)
class Breakdown:
    """The errors of a report by groups. A group of clips has the same scores as the report, of its clips only."""

    report: ErrorReport

    @cached_property
    def parts(self) -> dict[str, PartErrors]:
        """By tone, initial and final; nothing for units that have no such parts."""
        if self.report.units.labels_text:
            return {}
        return {part: errors_by_part(self.report.pairs, part) for part in PARTS}

    @cached_property
    def by_length(self) -> dict[str, dict[str, Score]]:
        """By syllables of the reference, short ones first."""
        groups = self._groups(lambda pair: length_bin(len(pair.ref_pinyin)))
        return dict(sorted(groups.items(), key=lambda entry: int(re.split(r"\D", entry[0])[0])))

    @cached_property
    def by_speaker(self) -> dict[str, dict[str, Score]]:
        """By speaker, the one with the highest error rate first."""
        groups = self._groups(lambda pair: speaker_of(pair.id))
        main = self.report.units.metrics[0].name
        return dict(sorted(groups.items(), key=lambda entry: -entry[1][main].rate))

    @cached_property
    def by_corpus(self) -> dict[str, dict[str, Score]]:
        """By corpus."""
        return dict(sorted(self._groups(lambda pair: corpus_of(pair.id)).items()))

    def as_dict(self) -> dict[str, Any]:
        """Return everything for JSON."""
        entry: dict[str, Any] = {f"by_{part}": errors.as_dict() for part, errors in self.parts.items()}
        entry["inserted"] = {part: errors.inserted for part, errors in self.parts.items()}
        for kind in ("by_length", "by_speaker", "by_corpus"):
            entry[kind] = {
                name: {metric: score.as_dict() for metric, score in scores.items()}
                for name, scores in getattr(self, kind).items()
            }
        return entry

    def _groups(self, name_of: Callable[[Pair], str]) -> dict[str, dict[str, Score]]:
        indices: dict[str, list[int]] = {}
        for index, pair in enumerate(self.report.pairs):
            indices.setdefault(name_of(pair), []).append(index)
        groups = {}
        for name, chosen in indices.items():
            scores = {metric: score.subset(chosen) for metric, score in self.report.scores.items()}
            optional = [metric.name for metric in self.report.units.metrics if metric.optional]
            empty = [metric for metric in optional if metric in scores and not scores[metric].total.length]
            groups[name] = {metric: score for metric, score in scores.items() if metric not in empty}
        return groups


def length_bin(syllables: int) -> str:
    """Return the bin of a clip of so many syllables.

    >>> [length_bin(n) for n in (0, 1, 4, 12, 99)]
    ['0', '1', '2-4', '10-14', '30+']
    """
    for first, end in zip((0, *_BINS), _BINS, strict=False):
        if syllables < end:
            return str(first) if first == end - 1 else f"{first}-{end - 1}"
    return f"{_BINS[-1]}+"


def speaker_of(path: str) -> str:
    """Return the speaker, where the names of AISHELL or THCHS-30 tell; of other recordings the folder.

    >>> speaker_of("data_aishell/wav/test/S0764/BAC009S0764W0121.wav"), speaker_of("x/A11_0.wav"), speaker_of("x/y.wav")
    ('S0764', 'A11', 'x')
    """
    location = PurePath(path)
    for pattern in _SPEAKERS:
        for name in (location.stem, location.parent.name):
            if match := pattern.fullmatch(name):
                return match[1]
    return str(location.parent)


def corpus_of(path: str) -> str:
    """Return the first folder of a path; `.` where it has none.

    >>> corpus_of("data_thchs30/data/A11_0.wav"), corpus_of("a.wav")
    ('data_thchs30', '.')
    """
    names = [name for name in PurePath(path).parts[:-1] if name != PurePath(path).anchor]
    return names[0] if names else "."
