"""What a corpus yields before any check: recordings with the text as published, and their split."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ramospeech.errors import UsageError
from ramospeech.files import split_lines, walk
from ramospeech.text.encoding import read_text


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording and its transcript as published.

    `path` is None without a recording, `text` without a transcript, `speaker` empty when unknown, `split` None
    when the publisher has made none. `problem` names why the utterance cannot be used whatever the audio is
    (`detail` explains it), `note` something that the report should count, `source` the line (`file:line`) that
    names it.
    """

    id: str
    path: Path | None
    text: str | None
    speaker: str = ""
    split: str | None = None
    problem: str = ""
    detail: str = ""
    note: str = ""
    source: str = ""


def find_folder(root: Path, name: str, probe: str) -> Path:
    """Return the corpus folder, `root/name` or `root` itself: the one that has something of the pattern `probe`."""
    for folder in (root / name, root):
        if folder.is_dir() and next(folder.glob(probe), None):
            return folder
    raise absent(name, root, f"{name}/{probe}")


def absent(title: str, root: Path, expected: str) -> UsageError:
    """Return the error of a corpus that is not below the root."""
    return UsageError(
        f"no {title} in {root}: {root / expected} is expected; give the folder that holds it with --root, or add "
        "--download where its publisher offers that"
    )


def recordings_in(folder: Path, suffixes: tuple[str, ...] = (".wav",)) -> list[Path]:
    """Return every .wav (or what ends like `suffixes`) below a folder of a published corpus, in whatever case it is
    written; none without the folder."""
    return [path for path in walk(folder) if path.suffix.lower() in suffixes] if folder.is_dir() else []


def beside_tables(folder: Path, suffix: str, tables: str, split: str) -> list["Recording"]:
    """Return recordings with tables of `id text` beside them, as LibriSpeech has them; the speaker is what precedes `-`
    or `_` in the id."""
    found = []
    for path in sorted(folder.glob(tables)):
        recordings = (
            Recording(file.stem, file, None, re.split("[-_]", file.stem)[0], split)
            for file in recordings_in(path.parent, (suffix,))
        )
        found += match(recordings, read_table(path))
    return found


def locate(base: Path, path: str) -> Path:
    """Return a path that a manifest gives: relative to the manifest (or its `clips`), to where we run, or absolute."""
    folders = (base, base / "clips", Path())
    return next((folder / path for folder in folders if (folder / path).is_file()), base / path)


class Table(dict[str, str]):
    """Texts by id. An id that comes again keeps its first text; `repeated` has (id, text, what is wrong) of the others.

    `note` tells of an encoding that is not UTF-8.
    """

    def __init__(self, note: str = "") -> None:
        super().__init__()
        self.note = note
        self.repeated: list[tuple[str, str, str]] = []
        self._lines: dict[str, int] = {}

    def add(self, name: str, text: str, path: Path, number: int) -> None:
        """Take in line `number` of `path`."""
        if name not in self:
            self[name], self._lines[name] = text, number
            return
        same = "the same" if self[name] == text else "another"
        detail = f"{path}:{number}: {name} is on line {self._lines[name]} already, with {same} text; keep one of them"
        self.repeated.append((name, text, detail))

    def repeated_entries(self, split: str | None) -> list["Recording"]:
        """Return the entries that came again, as utterances that cannot be used."""
        return [
            Recording(name, None, text, split=split, problem="duplicate id", detail=detail)
            for name, text, detail in self.repeated
        ]


def read_table(path: Path) -> Table:
    """Return lines of `id text ...`, as Kaldi and most publishers write them."""
    text, note = read_text(path)
    table = Table(note)
    for number, line in enumerate(split_lines(text, path), 1):
        if columns := line.split(maxsplit=1):
            table.add(columns[0], columns[1].strip() if len(columns) > 1 else "", path, number)
    return table


def match(recordings: Iterable[Recording], texts: Table) -> list[Recording]:
    """Give each recording its text by id; a text without a recording becomes an utterance with that problem."""
    utterances = [replace(recording, text=texts.get(recording.id), note=texts.note) for recording in recordings]
    found = {utterance.id for utterance in utterances}
    unmatched = [
        Recording(name, None, text, problem="missing", detail="a transcript without a recording")
        for name, text in texts.items()
        if name not in found
    ]
    return [*utterances, *unmatched, *texts.repeated_entries(None)]


def split(utterances: Sequence[Recording], dev: float, test: float) -> tuple[list[Recording], str]:
    """Give a split to utterances that have none, and a note on how it was made.

    Speakers are disjoint: each speaker (each utterance, where fewer than three speakers are known) goes by a
    hash of its name alone, so that a corpus that grows keeps its split. A split that would stay empty takes the
    nearest one.
    """
    pending = [utterance for utterance in utterances if utterance.split is None and not utterance.problem]
    if not pending:
        return list(utterances), ""
    by_speaker = len({utterance.speaker for utterance in pending}) > 2 and all(u.speaker for u in pending)

    def key(utterance: Recording) -> str:
        return utterance.speaker if by_speaker else utterance.id

    keys = sorted({key(utterance) for utterance in pending}, key=_position)
    assigned = {name: _split_at(_position(name), dev, test) for name in keys}
    wanted = [name for name, fraction in (("test", test), ("dev", dev)) if fraction > 0]
    for rank, name in enumerate(wanted):
        if name not in assigned.values() and len(keys) > len(wanted):
            assigned[keys[rank]] = name
    note = "split by a hash of the speaker" if by_speaker else "split by a hash of the id (speakers unknown or few)"
    return [
        replace(utterance, split=assigned[key(utterance)])
        if utterance.split is None and not utterance.problem
        else utterance
        for utterance in utterances
    ], note


def hold_out_dev(utterances: Sequence[Recording], fraction: float) -> tuple[list[Recording], str]:
    """Take a dev set out of train, by speakers as `split` does, where the publisher has made none; and a note on it."""
    if any(utterance.split == "dev" for utterance in utterances) or not fraction:
        return list(utterances), ""
    done, note = split([replace(u, split=None) if u.split == "train" else u for u in utterances], fraction, 0.0)
    return [replace(u, split="train") if u.split is None and u.problem else u for u in done], f"dev of train: {note}"


def _position(key: str) -> float:
    """Return a number in [0, 1) that depends on the key alone."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) / 2**64


def _split_at(position: float, dev: float, test: float) -> str:
    return "test" if position < test else "dev" if position < test + dev else "train"
