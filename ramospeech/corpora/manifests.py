"""Manifests of other toolkits, read by what their records hold rather than by their names.

    wav_path,txt_path                                       deepspeech.pytorch's CSV, no header
    path,sentence ... / wav_filename,transcript ...         a table with a header (Common Voice, DeepSpeech)
    {"root_path", "samples": [{"wav_path", "transcript_path"}]}         deepspeech.pytorch's JSON
    {"key", "wav", "txt"}                                   a line of wenet's data.list
    {"audio_filepath", "text"}, {"audio": {"path"}, "sentence"} ...     a line of NeMo, MASR, PaddleSpeech
    {"recording", "supervisions", "start", "duration"}      a line of lhotse's cuts, or
    {"sources"} and {"recording_id", "text"}                of its recordings and supervisions

Records with `offset` and `duration`, `start` and `end`, or lhotse's times and channels are pieces of their recordings.
"""

import gzip
import json
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ramospeech.audio import EXTENSIONS, piece
from ramospeech.corpora.recordings import Recording, locate
from ramospeech.corpora.tables import first_row, read_rows
from ramospeech.errors import ListError
from ramospeech.files import MEDIA_EXTENSIONS, split_lines
from ramospeech.text.encoding import decode, read_text

_SUFFIXES = (".csv", ".tsv", ".json", ".jsonl", ".jsonl.gz", ".list")
_SPLITS = {"train": "train", "dev": "dev", "valid": "dev", "validation": "dev", "val": "dev", "test": "test"}
_AUDIO = ("wav", "wav_path", "audio_filepath", "audio_path", "audio", "wav_filename", "path", "file", "feat")
_TEXT = ("txt", "text", "transcript", "sentence")
_TEXT_FILE = ("transcript_path", "txt_path")
_RELEASE = ("train", "dev", "test", "validated", "invalidated", "other")  # tables of Common Voice with clips
_SPEAKER = ("speaker", "spk", "speaker_id", "client_id", "user_id", "utt2spk")
_ID = ("key", "id", "utt", "utt_id")
_START = ("offset", "start", "begin", "begin_time", "start_time")
_END = ("end", "end_time")
_SLACK = 0.05  # seconds that a cut may differ from its recording and still be all of it


def split_of(name: str) -> str | None:
    """Return the split that a file or folder name tells: `train`, `aishell_cuts_dev.jsonl.gz`, `val.csv`."""
    parts = re.split(r"[_.\- ]", name.lower())
    return next((_SPLITS[part] for part in parts if part in _SPLITS), None)


def is_manifest(path: Path) -> bool:
    """Return whether the name is one of a manifest."""
    return path.is_file() and path.name.lower().endswith(_SUFFIXES) and not path.name.startswith(".")


def lists_recordings(path: Path) -> bool:
    """Return whether a file with the name of a manifest names recordings, as far as its first record tells."""
    try:
        text, _ = _content(path)
        if path.suffix.lower() in (".csv", ".tsv"):
            cells = first_row(text, path)
            return bool({cell.lower() for cell in cells} & {*_AUDIO}) or _is_row(cells)
        record = next(_records(path, text), (0, {}))[1]
    except ListError:
        return False
    return any(record.get(key) for key in (*_AUDIO, "sources", "supervisions", "recording_id", "wav_path"))


def _is_row(cells: list[str]) -> bool:
    """Return whether the first cell names a recording and the others are more than its length."""
    is_media = bool(cells) and Path(cells[0]).suffix.lower() in EXTENSIONS | MEDIA_EXTENSIONS
    return is_media and not (len(cells) > 1 and all(re.fullmatch(r"[\d.]*", cell) for cell in cells[1:]))


def of_release(paths: Sequence[Path]) -> list[Path]:
    """Return those tables of a Common Voice release that are to be used: train, dev and test, or else validated.

    Its other tables name the same clips again, or clips that were not found right.
    """
    tables = [path for path in paths if path.suffix == ".tsv" and "client_id" in first_row(_content(path)[0], path)]
    for choice in ({"train", "dev", "test"}, {"validated"}):
        if chosen := [path for path in tables if path.stem in choice]:
            return [path for path in paths if path in chosen or path not in tables or path.stem not in _RELEASE]
    return list(paths)


def read_manifests(paths: Sequence[Path], split: str | None = None) -> list[Recording]:
    """Return the utterances of all manifests; those of lhotse's recordings and supervisions are brought together.

    Raises ListError that names `file:line` for a record that has no recording, or cannot be parsed.
    """
    records = []
    for path in paths:
        text, note = _content(path)
        part = split or split_of(path.name)
        records += [(f"{path}:{line}", record, path.parent, part, note) for line, record in _records(path, text)]
    recordings: dict[str, Mapping[str, Any]] = {}
    for where, record, *_ in records:
        if "sources" in record and recordings.setdefault(str(record.get("id")), record) != record:
            raise ListError(
                f"{where}: recording {record.get('id')!r} occurs twice with different content; keep one of them"
            )
    utterances = []
    for where, record, base, part, note in records:
        if "supervisions" in record:
            utterances += [replace(spoken, source=where) for spoken in _of_cut(where, record, base, part)]
        elif "recording_id" in record:
            recording = recordings.get(str(record["recording_id"]))
            if recording is None:
                raise ListError(
                    f"{where}: recording {record['recording_id']!r} is in none of the manifests; "
                    "put the recordings' manifest beside the supervisions'"
                )
            utterances.append(replace(_of_supervision(record, recording, base, part), source=where))
        elif "sources" not in record:
            utterances.append(replace(_of_record(where, record, base, part, note), source=where))
    return utterances


def _content(path: Path) -> tuple[str, str]:
    """Return the text of a manifest, unpacked where it is a .gz, and the note of `decode`."""
    if not path.name.lower().endswith(".gz"):
        return read_text(path)
    try:
        return decode(gzip.decompress(path.read_bytes()), path)
    except (OSError, EOFError, zlib.error) as error:
        raise ListError(f"{path}: damaged ({error}); make it again") from None


def _records(path: Path, text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield line number and record; a JSON document counts its samples instead."""
    if path.suffix.lower() in (".csv", ".tsv"):
        yield from read_rows(path, text, _AUDIO, (*_TEXT, *_TEXT_FILE))
        return
    lines = [(number, line) for number, line in enumerate(split_lines(text, path), 1) if line.strip()]
    if len(lines) > 1 and not _is_record(lines[0][1]):  # one document over many lines
        lines = [(1, text)]
    for number, line in lines:
        try:
            value = json.loads(line, object_pairs_hook=_object)
        except _RepeatedKeyError as error:
            raise ListError(f"{path}:{number}: {error}") from None
        except ValueError as error:
            raise ListError(f"{path}:{number}: not JSON ({error}); write one record per line") from None
        if isinstance(value, dict) and isinstance(value.get("samples"), list):
            root = str(value.get("root_path", ""))
            value = [{**sample, "root_path": root} for sample in value["samples"] if isinstance(sample, dict)]
        for offset, record in enumerate(value) if isinstance(value, list) else [(0, value)]:
            if not isinstance(record, dict):
                raise ListError(f"{path}:{number}: a record in braces is expected, not {str(record)[:40]!r}")
            yield number + offset, record


class _RepeatedKeyError(ValueError):
    """A key that an object has twice."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object; raises _RepeatedKeyError where a key has two values."""
    found = dict(pairs)
    for key, value in pairs:
        if found[key] != value:
            raise _RepeatedKeyError(f"the key {key!r} occurs twice, with different values; keep one of them")
    return found


def _is_record(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _of_record(where: str, record: Mapping[str, Any], base: Path, split: str | None, note: str) -> Recording:
    """Return a record that names its recording and its text, under one of the usual keys."""
    wav = _first(record, _AUDIO)
    wav = wav.get("path") if isinstance(wav, dict) else wav
    if not wav or not isinstance(wav, str):
        raise ListError(
            f"{where}: no recording; a record needs one of {', '.join(_AUDIO)} and one of {', '.join(_TEXT)}"
        )
    base = base / record.get("root_path", "")
    text = _first(record, _TEXT)
    if text is None and (written := _first(record, _TEXT_FILE)):
        file = locate(base, str(written))
        text, note = read_text(file) if file.is_file() else (None, note)
    path, problem, detail = locate(base, wav), "", ""
    if any(record.get(key) not in (None, "") for key in (*_START, *_END)):
        path, problem, detail = _piece(path, record)
    return Recording(
        str(_first(record, _ID) or (path.name if "#" in path.name else wav)),
        path,
        None if text is None else str(text),
        str(_first(record, _SPEAKER) or ""),
        split,
        problem,
        detail,
        note,
    )


def _piece(path: Path, record: Mapping[str, Any]) -> tuple[Path, str, str]:
    """Return the path of a piece that a record names by its times, a problem and its detail."""
    start, end, duration = (_first(record, keys) for keys in (_START, _END, ("duration",)))
    try:
        first = float(start or 0)
        return piece(path, first, float(end) if end is not None else first + float(duration)), "", ""
    except (TypeError, ValueError) as error:
        return path, "segment", f"the times of the piece cannot be read ({error}); give `start` and `end` in seconds"


def _of_cut(where: str, cut: Mapping[str, Any], base: Path, split: str | None) -> list[Recording]:
    """Return each supervision of a lhotse cut of one recording."""
    spoken, recording = cut["supervisions"], cut.get("recording")
    name = str(cut.get("id", where))
    if not isinstance(recording, dict) or not spoken:
        what = f"a {cut.get('type', 'cut')} of {len(spoken)} supervisions" + ("" if recording else " and no recording")
        return [Recording(name, None, "", split=split, problem="segment", detail=f"{what}; it is not one recording")]
    begin, length = cut.get("start") or 0.0, cut.get("duration") or recording.get("duration") or 0.0
    found = []
    for supervision in spoken:
        start = max(0.0, supervision.get("start") or 0.0)
        end = min(length, (supervision.get("start") or 0.0) + (supervision.get("duration") or length))
        times = {
            "start": begin + start,
            "duration": end - start,
            "channel": supervision.get("channel", cut.get("channel")),
        }
        found.append(_of_supervision({"id": name, **supervision, **times}, recording, base, split))
    return found


def _of_supervision(
    supervision: Mapping[str, Any], recording: Mapping[str, Any], base: Path, split: str | None
) -> Recording:
    """Return a supervision of a lhotse recording: all of it, or a piece."""
    channel = supervision.get("channel")
    sources = recording.get("sources") or [{}]
    source = next((one for one in sources if channel in (one.get("channels") or ())), sources[0])
    channels = source.get("channels") or [0]
    number = channels.index(channel) + 1 if len(channels) > 1 and channel in channels else None
    length, start = recording.get("duration", 0), supervision.get("start") or 0.0
    duration = supervision.get("duration") or length - start
    path, problem, detail = None, "", ""
    if source.get("type") != "file":
        problem, detail = "missing", f"a source of type {source.get('type')!r}, not a file"
    else:
        path = locate(base, source["source"])
        if start > _SLACK or abs(duration - length) > _SLACK or number:
            path, problem, detail = _piece(
                path, {"start": start, "end": min(start + duration, length or start + duration)}
            )
            if number and not problem:
                path = path.with_name(f"{path.name}@{number}")
    return Recording(
        str(supervision.get("id") or recording.get("id")),
        path,
        supervision.get("text"),
        supervision.get("speaker") or "",
        split,
        problem,
        detail,
    )


def _first(record: Mapping[str, Any], keys: Sequence[str]) -> Any:
    return next((record[key] for key in keys if record.get(key) not in (None, "")), None)
