"""Your own recordings, in one of the layouts that other toolkits use.

    x.wav and x.txt beside it (also x.wav.txt, x.wav.trn, x.lab, or ../txt/x.txt), in any depth of folders
    wav.scp and text (and utt2spk)                          Kaldi, wenet
    *.csv, *.tsv, *.json, *.jsonl, *.jsonl.gz, *.list       see `ramospeech.corpora.manifests`

Folders or manifests named train, dev (valid, val) and test are taken as the split; else one is made.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path

from ramospeech.audio import EXTENSIONS
from ramospeech.corpora.manifests import PIECE, is_manifest, read_manifests, split_of
from ramospeech.corpora.utterances import Utterance, locate, parse_table, read_table, read_text
from ramospeech.errors import UsageError


def prepare_folder(root: Path) -> list[Utterance]:
    """The utterances of a folder, or of one manifest. Raises UsageError where there is none."""
    if not root.exists():
        raise UsageError(f"{root}: no such folder or manifest; give one with --root")
    utterances = read_manifests([root]) if root.is_file() else _source(root, None)
    if not utterances:
        raise UsageError(
            f"{root}: nothing to prepare; put a .txt beside each recording, or a wav.scp/text pair, "
            "or a CSV, JSON or JSONL manifest there"
        )
    return utterances


def _source(folder: Path, split: str | None) -> list[Utterance]:
    """The utterances of one folder, by the first layout that fits."""
    if (folder / "wav.scp").exists():
        return list(_kaldi(folder, split))
    inside = sorted(folder.iterdir())
    if manifests := [path for path in inside if is_manifest(path)]:
        return read_manifests(manifests, split)
    parts = {path: split_of(path.name) for path in inside if path.is_dir()}
    if split is None and any(parts.values()):
        return _of_splits(parts)
    return list(_beside(folder, split))


def _of_splits(parts: Mapping[Path, str | None]) -> list[Utterance]:
    """The user's own splits. What is in none of them goes to train, so that dev and test stay as they were made."""
    utterances = [utterance for path, name in parts.items() if name for utterance in _source(path, name)]
    named = {utterance.path for utterance in utterances}
    others = (utterance for path, name in parts.items() if not name for utterance in _source(path, "train"))
    return utterances + [utterance for utterance in others if utterance.path not in named]


def _kaldi(folder: Path, split: str | None) -> Iterator[Utterance]:
    """`wav.scp`, `text` and `utt2spk`. Commands in wav.scp are never run."""
    content, note = read_text(folder / "text")
    paths, texts = read_table(folder / "wav.scp"), parse_table(content)
    speakers = read_table(folder / "utt2spk") if (folder / "utt2spk").exists() else {}
    pieces = read_table(folder / "segments") if (folder / "segments").exists() else {}
    names = pieces or dict.fromkeys([*paths, *texts])
    for name in names:
        path, problem, detail = paths.get(name, ""), "", ""
        if pieces:
            path, problem, detail = "", "segment", PIECE
        elif name not in paths:
            problem, detail = "missing", "in text and not in wav.scp"
        elif path.endswith("|"):
            path, problem, detail = "", "missing", f"a command, which is not run: {path}"
        where = locate(folder, path) if path else None
        yield Utterance(name, where, texts.get(name), speakers.get(name, ""), split, problem, detail, note)


def _beside(folder: Path, split: str | None) -> Iterator[Utterance]:
    """Recordings with a text file each. The speaker is the folder, where there are several."""
    recordings = sorted(path for path in folder.rglob("*") if path.suffix.lower() in EXTENSIONS)
    used = set()
    for path in recordings:
        name = path.relative_to(folder.parent if split else folder).with_suffix("").as_posix()
        candidates = (
            path.with_suffix(".txt"),
            Path(f"{path}.txt"),
            Path(f"{path}.trn"),
            path.with_suffix(".lab"),
            path.parent.parent / "txt" / f"{path.stem}.txt",
        )
        written = next((file for file in candidates if file.is_file()), None)
        text, note = read_text(written) if written else (None, "")
        used.add(written)
        speaker = path.parent.relative_to(folder).as_posix()
        yield Utterance(name, path, text, speaker if speaker != "." else "", split, note=note)
    if recordings:
        for file in sorted(folder.rglob("*.txt")):
            if file not in used:
                yield Utterance(
                    f"{file}", file, "", split=split, problem="missing", detail="a text without a recording"
                )
