"""From the utterances of a corpus to its lists, a report, and a table of every clip that was dropped."""

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os.path import abspath
from pathlib import Path

from ramospeech.corpora.check import REASONS, Dropped, Limits, check, overlaps
from ramospeech.corpora.lists import SPLITS, Utterance, write_list, write_text
from ramospeech.corpora.progress import progress
from ramospeech.corpora.recordings import Recording, split
from ramospeech.errors import ListError, UnitError
from ramospeech.text import UNK_UNIT, Vocabulary, hanzi
from ramospeech.text.units import Units, vocabulary_of

_NO_SPLIT = "-"  # of a transcript without a recording, where no split tells


@dataclass(frozen=True, slots=True)
class PreparationReport:
    """What became of a corpus: the clips of each split, those that were dropped, and remarks."""

    name: str
    kept: Mapping[str, Sequence[Utterance]]
    dropped: Sequence[Dropped]
    notes: Sequence[str]

    def __str__(self) -> str:
        """Return a table with a column for each split, then the remarks."""
        counts = Counter((row.reason, row.split) for row in self.dropped)
        columns = [*SPLITS, *([_NO_SPLIT] if any(row.split == _NO_SPLIT for row in self.dropped) else [])]
        dropped_counts = {column: sum(counts[reason, column] for reason in REASONS) for column in columns}
        found = {column: dropped_counts[column] + len(self.kept.get(column, ())) for column in columns}
        hours = {column: sum(clip.seconds or 0 for clip in self.kept.get(column, ())) / 3600 for column in columns}
        rows: list[tuple[str, Mapping[str, float], str]] = [("found", found, "d")]
        for reason in REASONS:
            of_reason = {column: counts[reason, column] for column in columns}
            if any(of_reason.values()):
                rows.append((f"  {reason}", of_reason, "d"))
        rows += [
            ("kept", {column: found[column] - dropped_counts[column] for column in columns}, "d"),
            ("hours", hours, ".2f"),
        ]
        lines = [f"{self.name:<20}" + "".join(f"{column:>10}" for column in [*columns, "all"])]
        for label, values, form in rows:
            cells = [values[column] for column in columns]
            lines.append(f"{label:<20}" + "".join(f"{cell:>10{form}}" for cell in [*cells, sum(cells)]))
        return "\n".join([*lines, *(f"- {note}" for note in self.notes)])

    def counts(self) -> str:
        """Return what was found, kept and left out, by reason, in one line."""
        reasons = Counter(row.reason for row in self.dropped)
        kept = sum(map(len, self.kept.values()))
        why = ", ".join(f"{reason} {reasons[reason]:,}" for reason in REASONS if reasons[reason])
        left_out = f"{len(self.dropped):,} left out" + (f" ({why})" if why else "")
        return f"{self.name}: {kept + len(self.dropped):,} found, {kept:,} kept, {left_out}"


def write_lists(
    name: str,
    utterances: Sequence[Recording],
    config_path: str | Path,
    data_root: str | Path,
    limits: Limits | None = None,
    fractions: tuple[float, float] = (0.05, 0.05),
    threads: int = 8,
    remarks: Sequence[str] = (),
) -> PreparationReport:
    """Write `NAME_{train,dev,test}.txt`, `NAME_report.txt` and `NAME_dropped.tsv` into `config_path`.

    `fractions` are those of dev and test where the publisher has made no split. A split that has no clip gets no
    list, and an older list of it goes. `remarks` are put first in the report. Raises ListError when no clip is left at
    all; the report is written.
    """
    utterances, split_note = split(utterances, *fractions)
    limits = limits or Limits()
    candidates, dropped, notes = _label(utterances, data_root, limits.units)
    if limits.units.labels_text and limits.vocabulary == Vocabulary.inventory():  # which has syllables only
        found = vocabulary_of(clip.tokens for part in candidates.values() for clip in part)
        limits = replace(limits, vocabulary=found)
    kept, unusable = check(candidates, data_root, limits, threads)
    dropped += unusable
    notes = [*remarks, *([split_note] if split_note else []), *notes, *_remarks(kept, limits)]
    report = PreparationReport(name, kept, dropped, notes)
    folder = Path(config_path)
    write_text(folder / f"{name}_dropped.tsv", _table(dropped))
    write_text(folder / f"{name}_report.txt", f"{report}\n")
    for part in SPLITS:
        if kept[part]:
            write_list(folder / f"{name}_{part}.txt", kept[part])
        else:
            (folder / f"{name}_{part}.txt").unlink(missing_ok=True)
    if not any(kept.values()):
        raise ListError(
            f"{name}: none of {len(utterances)} clips can be used; {folder / f'{name}_dropped.tsv'} tells why of each"
        )
    return report


def _label(
    utterances: Sequence[Recording], data_root: str | Path, units: Units
) -> tuple[dict[str, list[Utterance]], list[Dropped], list[str]]:
    """Return clips with their tokens, what was dropped on the way, and remarks."""
    data_root_path = Path(abspath(data_root))
    clips: dict[str, list[Utterance]] = {part: [] for part in SPLITS}
    dropped: list[Dropped] = []
    notes: Counter[str] = Counter()
    words: Counter[str] = Counter()
    tags: Counter[str] = Counter()
    with_words, with_tags = 0, 0
    ids: dict[str, str] = {}
    for utterance in progress(utterances, "label", len(utterances)):
        part, path = utterance.split or _NO_SPLIT, _listed(utterance, data_root_path)
        reason, detail, label = utterance.problem, utterance.detail, hanzi.Normalised((), {})
        tokens: list[str] = []
        if not reason and utterance.text is None:
            reason, detail = "no transcript", utterance.detail or "the corpus has no text for this recording"
        elif not reason and utterance.id in ids:
            location = " ".join(filter(None, ["is there before", ids[utterance.id]]))
            reason, detail = "duplicate id", f"{utterance.source or path}: {utterance.id} {location}"
        elif not reason:
            label = units.normalise(utterance.text or "")
            try:
                tokens = units.from_normalised(label)
            except UnitError as error:
                reason, detail = "no reading", str(error)
            if not reason and not set(tokens) - {UNK_UNIT}:
                what = "no hanzi and no letter" if units.labels_text else "no hanzi"
                reason, detail = "no label", f"{what} in {utterance.text!r}"
        ids.setdefault(utterance.id, f"on {utterance.source}" if utterance.source else f"as {path}")
        if reason:
            dropped.append(Dropped(part, path, reason, detail))
            continue
        clips[part].append(Utterance(path, tuple(tokens), units.to_text(tokens) or label.text))
        if UNK_UNIT in tokens:
            words.update(label.unknown)
            with_words += 1
        tags.update(label.tags)
        with_tags += bool(label.tags)
        notes.update([utterance.note] if utterance.note else [])
    remarks = [f"{note}: {count} clips" for note, count in sorted(notes.items())]
    if tags:
        common = ", ".join(f"{tag} ({count})" for tag, count in tags.most_common(10))
        remarks.append(f"tags of sounds left out of the labels of {with_tags} clips: {common}")
    if words:
        common = ", ".join(f"{word} ({count})" for word, count in words.most_common(10))
        unit = "unit" if units.labels_text else "syllable"
        remarks.append(f"words without a {unit} are labelled {UNK_UNIT} in {with_words} clips: {common}")
    return clips, dropped, remarks


def _remarks(kept: Mapping[str, Sequence[Utterance]], limits: Limits) -> list[str]:
    """Unknown syllables, overlap of texts, and splits without clips."""
    unknown = Counter(
        unit for part in kept.values() for clip in part for unit in limits.vocabulary.unknown(clip.tokens)
    )
    remarks = []
    if unknown:
        common = ", ".join(f"{unit} ({count})" for unit, count in unknown.most_common(10))
        remarks.append(f"units that the vocabulary does not have, {UNK_UNIT} to the model: {common}")
    for part, both, size in overlaps(kept):
        remarks.append(f"text of {part} that is in train too: {both} of {size} clips")
    empty = [part for part in SPLITS if not kept[part]]
    if empty:
        remarks.append(f"no {' and no '.join(empty)} list: no clip for it")
    return remarks


def _listed(utterance: Recording, data_root_path: Path) -> str:
    """Return the path as lists have it: relative to the data root where it is inside, absolute otherwise."""
    if utterance.path is None:
        return utterance.id
    path = Path(abspath(utterance.path))
    return (path.relative_to(data_root_path) if path.is_relative_to(data_root_path) else path).as_posix()


def _table(dropped: Sequence[Dropped]) -> str:
    """Tab-separated values with a header; tabs and line breaks inside a value become spaces."""
    out = io.StringIO()
    writer = csv.writer(out, dialect="excel-tab", lineterminator="\n", quoting=csv.QUOTE_NONE, quotechar=None)
    writer.writerow(["path", "split", "reason", "detail"])
    for row in dropped:
        writer.writerow([" ".join(cell.split()) for cell in (row.path, row.split, row.reason, row.detail)])
    return out.getvalue()
