"""What a corpus yields before any check: recordings with the text as published, and their split."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ramospeech.errors import ListError, UsageError


@dataclass(frozen=True, slots=True)
class Utterance:
    """A recording and its transcript as published.

    `path` is None without a recording, `text` without a transcript, `speaker` empty when unknown, `split` None
    when the publisher has made none. `problem` names why the utterance cannot be used whatever the audio is
    (`detail` explains it), `note` something that the report should count.
    """

    id: str
    path: Path | None
    text: str | None
    speaker: str = ""
    split: str | None = None
    problem: str = ""
    detail: str = ""
    note: str = ""


def find_folder(root: Path, name: str, probe: str) -> Path:
    """The corpus folder, `root/name` or `root` itself: the one that has something of the pattern `probe`."""
    for folder in (root / name, root):
        if folder.is_dir() and next(folder.glob(probe), None):
            return folder
    raise UsageError(
        f"no {name} in {root}: {root / name / probe} is expected; "
        "give the folder that holds it with --root, or add --download"
    )


def locate(base: Path, path: str) -> Path:
    """A path that a manifest gives: relative to the manifest (or its `clips`), to where we run, or absolute."""
    places = (base, base / "clips", Path())
    return next((folder / path for folder in places if (folder / path).is_file()), base / path)


def read_text(path: Path) -> tuple[str, str]:
    """The text of a file, and a note when it is not UTF-8 but a Chinese national encoding."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ListError(f"{path}: cannot read it ({error.strerror}); check the corpus") from None
    return decode(content, path)


def decode(content: bytes, path: Path) -> tuple[str, str]:
    """As `read_text`, for bytes that came out of `path`."""
    try:
        return content.decode("utf-8-sig"), ""
    except UnicodeDecodeError:
        pass
    try:
        return content.decode("gb18030"), "transcripts read as GB18030, not UTF-8"
    except UnicodeDecodeError:
        raise ListError(f"{path}: neither UTF-8 nor GB18030; convert it to UTF-8") from None


def read_table(path: Path) -> dict[str, str]:
    """Lines of `id text ...`, as Kaldi and most publishers write them."""
    return parse_table(read_text(path)[0])


def parse_table(text: str) -> dict[str, str]:
    """As `read_table`, for a text."""
    lines = (line.split(maxsplit=1) for line in text.splitlines())
    return {line[0]: line[1].strip() if len(line) > 1 else "" for line in lines if line}


def match(recordings: Iterable[Utterance], texts: Mapping[str, str]) -> list[Utterance]:
    """Give each recording its text by id; a text without a recording becomes an utterance with that problem."""
    utterances = [replace(recording, text=texts.get(recording.id)) for recording in recordings]
    found = {utterance.id for utterance in utterances}
    return utterances + [
        Utterance(name, None, text, problem="missing", detail="a transcript without a recording")
        for name, text in texts.items()
        if name not in found
    ]


def split(utterances: Sequence[Utterance], dev: float, test: float) -> tuple[list[Utterance], str]:
    """Give a split to utterances that have none, and a note on how it was made.

    Speakers are disjoint: each speaker (each utterance, where fewer than three speakers are known) goes by a
    hash of its name alone, so that a corpus that grows keeps its split. A split that would stay empty takes the
    nearest one.
    """
    pending = [utterance for utterance in utterances if utterance.split is None and not utterance.problem]
    if not pending:
        return list(utterances), ""
    by_speaker = len({utterance.speaker for utterance in pending}) > 2 and all(u.speaker for u in pending)

    def key(utterance: Utterance) -> str:
        return utterance.speaker if by_speaker else utterance.id

    keys = sorted({key(utterance) for utterance in pending}, key=_position)
    assigned = {name: _split_at(_position(name), dev, test) for name in keys}
    wanted = [name for name, share in (("test", test), ("dev", dev)) if share > 0]
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


def _position(key: str) -> float:
    """A number in [0, 1) that depends on the key alone."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8]) / 2**64


def _split_at(position: float, dev: float, test: float) -> str:
    return "test" if position < test else "dev" if position < test + dev else "train"
