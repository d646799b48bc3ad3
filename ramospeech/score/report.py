"""A report on hypotheses against references: rates with their intervals, the worst clips, every clip's alignment."""

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from ramospeech.errors import UnitError
from ramospeech.score.distance import Edits, Score, align_edits, cer
from ramospeech.text import hanzi, pinyin
from ramospeech.text.parts import phonetic_similarity
from ramospeech.text.units import UNITS, Units

_NOTHING = "*"  # stands for no token in an alignment
Alignment = list[tuple[str, str]]  # reference and hypothesis token; "" for none


@dataclass(frozen=True)
class Pair:
    """The reference and the hypothesis of a clip; `found` is False if the hypothesis is missing.

    `ref_pinyin` and `hyp_pinyin` are tokens of the units of the report: syllables, or characters.
    """

    id: str
    ref_pinyin: tuple[str, ...]
    ref_hanzi: tuple[str, ...]
    hyp_pinyin: tuple[str, ...] = ()
    hyp_hanzi: tuple[str, ...] = ()
    found: bool = True

    @cached_property
    def syllables(self) -> Alignment:
        """Both sides aligned, syllables that sound alike with one another."""
        return align_edits(self.ref_pinyin, self.hyp_pinyin, phonetic_similarity)

    @cached_property
    def characters(self) -> Alignment:
        """Both sides aligned."""
        return align_edits(self.ref_hanzi, self.hyp_hanzi)


def syllables(text: str) -> tuple[str, ...]:
    """Return the normalised syllables of a line; other tokens stay unchanged and so are scored as wrong.

    >>> syllables("Ni3 hao3, ma5 fnord")
    ('ni3', 'hao3', 'ma', 'fnord')
    """
    units: list[str] = []
    for token in text.split():
        try:
            units += pinyin.parse(token)
        except UnitError:
            units.append(token)
    return tuple(units)


def characters(text: str) -> tuple[str, ...]:
    """Return hanzi with digits read out and punctuation dropped; a Latin word is one `<UNK>`.

    >>> characters("有 3 个。")
    ('有', '三', '个')
    """
    return hanzi.normalise(text).tokens


def readings(text: tuple[str, ...]) -> tuple[str, ...]:
    """Return the syllables of hanzi by pypinyin, for systems that give hanzi only; `text` as `characters` gives it."""
    try:
        return tuple(pinyin.from_hanzi(text))
    except UnitError:  # a rare character without a reading: scored as wrong
        return text


@dataclass(frozen=True)
class ErrorReport:
    """Scores of `pairs`, each a clip of the references. `extra`: ids of hypotheses that no reference has.

    `units` say which error rates there are; the first one decides which clips are the worst.
    """

    pairs: tuple[Pair, ...]
    extra: tuple[str, ...] = ()
    units: Units = UNITS["pinyin"]

    @property
    def missing(self) -> tuple[str, ...]:
        """Ids of references that have no hypothesis; all of their tokens count as deleted."""
        return tuple(pair.id for pair in self.pairs if not pair.found)

    @cached_property
    def scores(self) -> dict[str, Score]:
        """By the metrics of the units, without those that have nothing to compare in the references.

        Of pinyin `ser`, `ser_toneless`, and `cer` where the references have hanzi.
        """
        scores = {}
        for metric in self.units.metrics:
            refs = [metric.items(pair.ref_pinyin, pair.ref_hanzi) for pair in self.pairs]
            if any(refs) or not metric.optional:
                scores[metric.name] = cer(refs, [metric.items(p.hyp_pinyin, p.hyp_hanzi) for p in self.pairs])
        return scores

    @property
    def titles(self) -> dict[str, str]:
        """The title of each metric, by its name."""
        return {metric.name: metric.title for metric in self.units.metrics}

    @property
    def main(self) -> Score:
        """The error rate that decides."""
        return self.scores[self.units.metrics[0].name]

    def as_dict(self) -> dict[str, Any]:
        """Return the report for JSON. Rates are fractions."""
        entry: dict[str, Any] = {
            "clips": len(self.pairs),
            "missing": list(self.missing),
            "extra": list(self.extra),
        }
        entry |= {name: score.as_dict() for name, score in self.scores.items()}
        for metric in self.units.metrics:
            if metric.recognition and metric.name in self.scores:
                entry[metric.name]["recognition_rate"] = 1 - self.scores[metric.name].rate
        return entry

    def as_table(self) -> str:
        """Return the report for people."""
        lines = [f"{len(self.pairs)} clips, {len(self.missing)} of them without a hypothesis"]
        if self.extra:
            lines.append(f"{len(self.extra)} hypotheses without a reference were left out")
        lines.append(f"{self.titles[self.units.metrics[0].name]}: {self.main.distance:.2f} errors per clip on average")
        recognised = [metric for metric in self.units.metrics if metric.recognition and metric.name in self.scores]
        lines += [f"{metric.recognition}: {100 - 100 * self.scores[metric.name].rate:.2f} %" for metric in recognised]
        lines.append("")
        heads = ("", "error %", "95 % interval", "errors", "sub", "del", "ins", "of", "sentences right")
        rows: list[tuple[str, ...]] = [heads]
        for name, score in self.scores.items():
            low, high = score.interval()
            total = score.total
            counts = (total.errors, total.substitutions, total.deletions, total.insertions, total.length)
            rows.append(
                (
                    self.titles[name],
                    f"{100 * score.rate:.2f}",
                    f"{100 * low:.2f} to {100 * high:.2f}",
                    *map(str, counts),
                    f"{100 * score.accuracy:.1f} % ({score.correct})",
                )
            )
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = (cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))
            lines.append("  ".join([row[0].ljust(widths[0]), *cells]).rstrip())
        return "\n".join(lines) + "\n"

    def worst(self, clips: int = 20) -> str:
        """Return the alignments of the clips with the most errors, for people."""
        blocks = []
        for edits, pair in self.worst_pairs(clips):
            ref, hyp = aligned(pair.syllables)
            blocks.append(f"{pair.id}  {edits.errors} of {edits.length} wrong\n  ref {ref}\n  hyp {hyp}\n")
        return "\n".join(blocks)

    def worst_pairs(self, clips: int = 20) -> list[tuple[Edits, Pair]]:
        """Return the clips with the most errors, most first, and their edits; those without any are left out."""
        scored = zip(self.main.per_clip, self.pairs, strict=True)
        return sorted((entry for entry in scored if entry[0].errors), key=lambda entry: -entry[0].errors)[:clips]

    def worst_dicts(self, clips: int = 20) -> list[dict[str, Any]]:
        """Return the same clips for JSON; null stands for nothing in an alignment."""
        return [
            {"id": pair.id, **asdict(edits), "alignment": [[ref or None, hyp or None] for ref, hyp in pair.syllables]}
            for edits, pair in self.worst_pairs(clips)
        ]

    def details(self) -> str:
        """Return a tab-separated table of every clip: counts and both alignments; `*` stands for nothing."""
        if self.units.labels_text:
            rows = [
                (pair.id, str(int(pair.found)), str(edits.errors), str(edits.length), *aligned(pair.syllables))
                for edits, pair in zip(self.main.per_clip, self.pairs, strict=True)
            ]
            head = ("id", "found", "cer_errors", "cer_length", "ref", "hyp")
            return "".join("\t".join(row) + "\n" for row in (head, *rows))
        columns = "id found ser_errors ser_length cer_errors cer_length ref_pinyin hyp_pinyin ref_hanzi hyp_hanzi"
        lines = [columns.replace(" ", "\t")]
        by_syllable = self.main.per_clip
        by_character = cer([p.ref_hanzi for p in self.pairs], [p.hyp_hanzi for p in self.pairs]).per_clip
        for pair, s, c in zip(self.pairs, by_syllable, by_character, strict=True):
            counts = (int(pair.found), s.errors, s.length, c.errors, c.length)
            texts = (*aligned(pair.syllables), *aligned(pair.characters))
            lines.append("\t".join([pair.id, *map(str, counts), *texts]))
        return "\n".join(lines) + "\n"


def aligned(pairs: Alignment) -> tuple[str, str]:
    """Return both sides of an alignment with as many tokens each, padded so that they stand above each other.

    >>> aligned([("ni3", "ni3"), ("", "men"), ("hao3", "hao4")])
    ('ni3 *   hao3', 'ni3 men hao4')
    """
    padded = [(left or _NOTHING, right or _NOTHING) for left, right in pairs]
    widths = [max(map(len, pair)) for pair in padded]
    left, right = (
        " ".join(pair[side].ljust(width) for pair, width in zip(padded, widths, strict=True)).rstrip()
        for side in (0, 1)
    )
    return left, right
