"""Your own recordings, in one of the layouts that other toolkits use.

    x.wav and x.txt beside it (also x.wav.txt, x.wav.trn, x.lab, or ../txt/x.txt), in any depth of folders
    wav.scp and text (and utt2spk, segments)                Kaldi, wenet
    *.csv, *.tsv, *.json, *.jsonl, *.jsonl.gz, *.list       see `ramospeech.corpora.manifests`

Folders or manifests named train, dev (valid, val) and test are taken as the split; else one is made. Every file that
looks like a recording or a manifest becomes an utterance, used or with the reason why not.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from os.path import realpath
from pathlib import Path

from ramospeech.audio import EXTENSIONS, file_of, piece
from ramospeech.corpora.manifests import is_manifest, lists_recordings, of_release, read_manifests, split_of
from ramospeech.corpora.progress import progress
from ramospeech.corpora.recordings import Recording, Table, locate, read_table
from ramospeech.errors import ListError, UsageError
from ramospeech.files import MEDIA_EXTENSIONS, walk
from ramospeech.text import hanzi
from ramospeech.text.encoding import common_encoding, decode

_TEXTS = (".txt", ".trn", ".lab")


def prepare_folder(root: Path) -> list[Recording]:
    """Return the utterances of a folder, or of one manifest. Raises UsageError where there is none."""
    if not root.exists():
        raise UsageError(f"{root}: no such folder or manifest; give one with --root")
    if root.is_file():
        utterances = read_manifests([root])
    else:
        utterances = _source(root, None)
        utterances += _unnamed(root, utterances)
    if not any(utterance.problem != "side file" for utterance in utterances):
        raise UsageError(
            f"{root}: nothing to prepare; put a .txt beside each recording, or a wav.scp/text pair, "
            "or a CSV, JSON or JSONL manifest there"
        )
    return utterances


def _source(folder: Path, split: str | None) -> list[Recording]:
    """Return the utterances of one folder, by the first layout that fits."""
    if (folder / "wav.scp").exists():
        return list(_kaldi(folder, split))
    inside = sorted(path for path in folder.iterdir() if not path.name.startswith("._"))
    candidates = [path for path in inside if is_manifest(path)]
    named = [path for path in candidates if lists_recordings(path)]
    if manifests := of_release(named):
        return read_manifests(manifests, split) + _ignored(candidates, manifests, split)
    parts = {path: split_of(path.name) for path in inside if path.is_dir()}
    if split is None and any(parts.values()):
        found = _read_splits(parts)
    elif len(parts) == 1 and len(inside) == 1:  # the folder that an archive brought along
        found = _source(inside[0], split)
    else:
        found = list(_with_text_files(folder, split))
        if not any(recording.text for recording in found):  # then perhaps the folders in it have a layout
            within = [recording for path in parts if _has_layout(path) for recording in _source(path, split)]
            found = within or found
    if candidates and not any(utterance.text for utterance in found):
        return read_manifests(candidates, split)  # which names what is wrong with them
    return found + _ignored(candidates, [], split)


def _has_layout(folder: Path) -> bool:
    """Return whether a folder has Kaldi's files, or a manifest."""
    return (folder / "wav.scp").exists() or any(
        is_manifest(path) and lists_recordings(path) for path in folder.iterdir()
    )


def _ignored(candidates: Iterable[Path], used: Sequence[Path], split: str | None) -> list[Recording]:
    """Return the files with the name of a manifest that are none, or none that is to be used."""
    what = "its clips are in the other tables of the release, or are not validated" if used else ""
    return [
        Recording(
            f"{path}",
            path,
            "",
            split=split,
            problem="side file",
            detail=what if lists_recordings(path) else "not a manifest: its first record names no recording",
        )
        for path in candidates
        if path not in used
    ]


def _unnamed(root: Path, utterances: Iterable[Recording]) -> list[Recording]:
    """Return recordings below the root that no utterance is of."""
    named = {realpath(file_of(utterance.path)) for utterance in utterances if utterance.path}
    return [
        Recording(path.relative_to(root).as_posix(), path, None, detail="no manifest or list there names it")
        for path in _recordings(walk(root))
        if realpath(path) not in named
    ]


def _recordings(files: Iterable[Path]) -> list[Path]:
    """Return the files that look like media; of equal names first what libsndfile reads."""
    media = [path for path in files if path.suffix.lower() in EXTENSIONS | MEDIA_EXTENSIONS]
    return sorted(media, key=lambda path: (path.with_suffix(""), path.suffix.lower() not in EXTENSIONS, path))


def _read_splits(parts: Mapping[Path, str | None]) -> list[Recording]:
    """Return the user's own splits. What is in none of them goes to train, so that dev and test stay as they were
    made."""
    utterances = [utterance for path, name in parts.items() if name for utterance in _source(path, name)]
    named = {realpath(file_of(utterance.path)) for utterance in utterances if utterance.path}
    others = (utterance for path, name in parts.items() if not name for utterance in _source(path, "train"))
    return utterances + [other for other in others if other.path is None or realpath(file_of(other.path)) not in named]


def _kaldi(folder: Path, split: str | None) -> Iterator[Recording]:
    """Read `wav.scp`, `text`, `utt2spk` and `segments`. Commands in wav.scp are never run."""
    paths, texts = read_table(folder / "wav.scp"), read_table(folder / "text")
    speakers, pieces = (
        read_table(folder / name) if (folder / name).exists() else Table() for name in ("utt2spk", "segments")
    )
    for name in pieces or dict.fromkeys([*paths, *texts]):
        recording, *times = pieces[name].split() if pieces else [name]
        path, problem, detail = paths.get(recording, ""), "", ""
        if recording not in paths:
            problem, detail = "missing", f"{recording} is not in wav.scp"
        elif path.endswith("|"):
            path, problem, detail = "", "missing", f"a command, which is not run: {path}"
        location = locate(folder, path) if path else None
        if pieces and location:
            try:
                start, end = map(float, times)
                location = piece(location, start, end)
            except ValueError as error:
                problem, detail = "segment", f"{name}: the times in segments cannot be used ({error})"
        yield Recording(name, location, texts.get(name), speakers.get(name, ""), split, problem, detail, texts.note)
    for table in (paths, texts, speakers, pieces):
        yield from table.repeated_entries(split)


def _words(transcript: str) -> str:
    """Return the first line of a .trn: of THCHS-30's the words, before their pinyin and phones."""
    words, _, rest = transcript.partition("\n")
    return transcript if any(map(hanzi.is_hanzi, rest)) else words


def _with_text_files(folder: Path, split: str | None) -> Iterator[Recording]:
    """Yield recordings with a text file each. The speaker is the folder, where there are several."""
    files = walk(folder)
    recordings = _recordings(files)
    by_name = {f"{path}".lower(): path for path in reversed(files)} | {f"{path}": path for path in files}
    texts: dict[Path, Path | None] = {}
    second: dict[Path, Path] = {}  # texts of a recording that has one already
    for path in recordings:
        candidates = (
            path.with_suffix(".txt"),
            Path(f"{path}.txt"),
            Path(f"{path}.trn"),
            path.with_suffix(".lab"),
            path.parent.parent / "txt" / f"{path.stem}.txt",
        )
        found = [by_name.get(f"{file}") or by_name.get(f"{file}".lower()) for file in candidates]
        texts_found = [file for file in found if file is not None]
        texts[path] = texts_found[0] if texts_found else None
        second |= dict.fromkeys(texts_found[1:], path)
    text_files = [file for file in dict.fromkeys(texts.values()) if file and file.is_file()]
    contents = {file: file.read_bytes() for file in progress(text_files, "read", len(text_files), "text")}
    encoding = common_encoding(contents.values())
    for path, file in texts.items():
        name = path.relative_to(folder.parent if split else folder).with_suffix("").as_posix()
        speaker = path.parent.relative_to(folder).as_posix()
        text, note, problem, detail = None, "", "", ""
        try:
            text, note = decode(contents[file], file, encoding) if file in contents else (None, "")
            if text and file and file.suffix.lower() == ".trn":
                text = _words(text)
        except ListError as error:
            problem, detail = "unreadable text", str(error)
        yield Recording(name, path, text, speaker if speaker != "." else "", split, problem, detail, note)
    used = {*texts.values()}
    for file in files if recordings else ():
        if file.suffix.lower() in _TEXTS and file not in used:
            recording = second.get(file)
            problem, detail = "missing", "a text without a recording"
            if recording:
                problem = "side file"
                detail = f"another text of {recording.name}, which is labelled by {texts[recording]}"
            yield Recording(f"{file}", file, "", split=split, problem=problem, detail=detail)
