"""Transcripts as txt, json, srt, vtt and tsv: one class a format, one writer a document."""

from __future__ import annotations

import json
import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path, PurePath
from typing import IO, TYPE_CHECKING, Any

from ramospeech.errors import ListError, UsageError
from ramospeech.files import whole_file

if TYPE_CHECKING:  # writing needs no torch
    from ramospeech.pipeline import Token, Transcript

COLUMNS = ("id", "pinyin", "hanzi", "seconds", "score", "error")

_CUE_TOKENS = 20
_CUE_SECONDS = 6.0
_LINGER = 0.5  # seconds a subtitle stays after its last syllable, if the next one lets it


class Writer(ABC):
    """Writes transcripts, one after the other, as one document to a text file.

    A document of a `single` format holds one recording: its times start at the beginning of that.
    """

    single = False
    head = ""
    tail = ""

    def __init__(self, file: IO[str]):
        self.file = file
        file.write(self.head)

    @abstractmethod
    def write(self, transcript: Transcript) -> None:
        """Write one transcript."""

    def close(self) -> None:
        """Write what comes after the last transcript; the file stays open."""
        self.file.write(self.tail)


class TxtWriter(Writer):
    """One line a recording: its hanzi, or its syllables without a translator; empty where it failed."""

    def write(self, transcript: Transcript) -> None:
        print(transcript.text or " ".join(transcript.pinyin), file=self.file)


class TsvWriter(Writer):
    """A header line and one line a recording; tabs and line breaks in ids become spaces."""

    head = "\t".join(COLUMNS) + "\n"

    def write(self, transcript: Transcript) -> None:
        score = "" if transcript.error else f"{transcript.score:.4f}"
        cells = (
            transcript.id,
            " ".join(transcript.pinyin),
            transcript.text,
            f"{transcript.seconds:.3f}",
            score,
            transcript.error or "",
        )
        print(*(cell.translate(_FLAT) for cell in cells), sep="\t", file=self.file)


_FLAT = str.maketrans("\t\r\n", "   ")


class JsonWriter(Writer):
    """An array with an object a recording, everything of the transcript in it."""

    head = "["
    tail = "\n]\n"
    separator = "\n"

    def write(self, transcript: Transcript) -> None:
        entry = {
            "id": transcript.id,
            "text": transcript.text,
            "pinyin": " ".join(transcript.pinyin),
            "seconds": round(transcript.seconds, 3),
            "score": round(transcript.score, 4),
            "error": transcript.error,
            "tokens": [
                {"pinyin": t.pinyin, "hanzi": t.hanzi, "start": round(t.start, 3), "end": round(t.end, 3)}
                for t in transcript.tokens
            ],
            "nbest": [{"text": text.hanzi, "score": round(text.score, 4)} for text in transcript.nbest],
        }
        self.file.write(self.separator + json.dumps(entry, ensure_ascii=False))
        self.separator = ",\n"


class SrtWriter(Writer):
    """SubRip subtitles."""

    single = True

    def write(self, transcript: Transcript) -> None:
        for number, (start, end, text) in enumerate(cues(transcript), 1):
            print(f"{number}\n{clock(start, ',')} --> {clock(end, ',')}\n{text}\n", file=self.file)


class VttWriter(Writer):
    """WebVTT subtitles."""

    single = True
    head = "WEBVTT\n\n"

    def write(self, transcript: Transcript) -> None:
        for start, end, text in cues(transcript):
            escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            print(f"{clock(start, '.')} --> {clock(end, '.')}\n{escaped}\n", file=self.file)


WRITERS: dict[str, type[Writer]] = {
    "txt": TxtWriter,
    "json": JsonWriter,
    "srt": SrtWriter,
    "vtt": VttWriter,
    "tsv": TsvWriter,
}


def get_writer(form: str, file: IO[str]) -> Writer:
    """The writer of a format to an open text file. Raises UsageError for an unknown format."""
    if form not in WRITERS:
        raise UsageError(f"unknown format {form!r}; choose one of {', '.join(WRITERS)}")
    return WRITERS[form](file)


def clock(seconds: float, point: str) -> str:
    """Seconds as HH:MM:SS and milliseconds after `point`.

    >>> clock(3661.0996, ",")
    '01:01:01,100'
    """
    total, milliseconds = divmod(round(seconds * 1000), 1000)
    minutes, second = divmod(total, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02}:{minute:02}:{second:02}{point}{milliseconds:03}"


def cues(transcript: Transcript) -> Iterator[tuple[float, float, str]]:
    """Subtitles (start, end, text) of a transcript, at most 20 syllables and 6 s each.

    What is too long is cut at its longest pause, and its parts again.
    """
    parts = [transcript.tokens] if transcript.tokens else []
    while parts:
        tokens = parts.pop()
        if len(tokens) > 1 and (len(tokens) > _CUE_TOKENS or tokens[-1].end - tokens[0].start > _CUE_SECONDS):
            cut = _longest_pause(tokens)
            parts += [tokens[cut:], tokens[:cut]]
            continue
        following = parts[-1][0].start if parts else transcript.seconds
        end = max(tokens[-1].end, min(tokens[-1].end + _LINGER, following))
        hanzi = all(token.hanzi for token in tokens)
        yield tokens[0].start, end, "".join(t.hanzi for t in tokens) if hanzi else " ".join(t.pinyin for t in tokens)


def _longest_pause(tokens: tuple[Token, ...]) -> int:
    """Where to cut: before the token that the longest pause precedes; the middle one of equals."""
    middle = len(tokens) / 2
    return max(
        range(1, len(tokens)),
        key=lambda i: (round(tokens[i].start - tokens[i - 1].end, 3), -abs(i - middle)),
    )


def output_file(path: Path) -> AbstractContextManager[IO[str]]:
    """Open a UTF-8 text file that appears under its name only when all of it is written; raises UsageError."""
    return whole_file(path, "w", UsageError, "make room or choose another --output")


class Output:
    """Where the transcripts of a program go: stdout (`-`), one file, or a folder. A context manager.

    A folder (one that exists, or a name that ends with a slash) gets `transcripts.txt`, `.json` and `.tsv`, which
    hold all recordings, and a `.srt` and `.vtt` named after each. `form` may be `all`, which needs a folder, as
    subtitles of `several` recordings do; a folder that is not there is then made. Nothing is left half-written.
    Raises UsageError where that cannot be.
    """

    def __init__(self, form: str, output: str, several: bool):
        self.forms = list(WRITERS) if form == "all" else [form]
        needs_folder = form == "all" or (several and WRITERS[form].single)
        if needs_folder and (output == "-" or Path(output).is_file()):
            what = "all formats" if form == "all" else f"{form} of several recordings"
            raise UsageError(f"{what}: one file a recording, so give a folder with --output DIR/")
        self.path = Path(output)
        self.folder = needs_folder or output.endswith(os.sep) or self.path.is_dir()
        self.stdout = output == "-"
        self._files = ExitStack()
        self._documents: list[Writer] = []
        self._used: set[str] = set()

    def __enter__(self) -> Output:
        for form in self.forms:
            if not (self.folder and WRITERS[form].single):
                path = self.path / f"transcripts.{form}" if self.folder else self.path
                file = sys.stdout if self.stdout else self._files.enter_context(output_file(path))
                self._documents.append(get_writer(form, file))
        return self

    def __exit__(self, *error: Any) -> None:
        if error[0] is None:
            for writer in self._documents:
                writer.close()
        self._files.__exit__(*error)

    def write(self, transcript: Transcript) -> None:
        """Write a transcript in every format."""
        for writer in self._documents:
            writer.write(transcript)
        name = self._name(transcript) if self.folder else ""
        for form in self.forms:
            if self.folder and WRITERS[form].single:
                with output_file(self.path / f"{name}.{form}") as file:
                    writer = get_writer(form, file)
                    writer.write(transcript)
                    writer.close()

    def _name(self, transcript: Transcript) -> str:
        """A file name of its own for each recording: `a` of `x/a.wav`, `a-2` of `y/a.wav`."""
        stem = name = PurePath(transcript.id).stem or "recording"
        number = 1
        while name in self._used:
            number += 1
            name = f"{stem}-{number}"
        self._used.add(name)
        return name


def read_tsv(path: str | Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and cells by column of a table that TsvWriter (or another system) wrote.

    Columns are found by the header, which must have `id` and `pinyin` or `hanzi`; others are optional.
    Raises ListError, naming `file:line`, for a file that cannot be read or a line with too few or many cells.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ListError(f"{path}: cannot read it ({error.strerror}); check the name") from None
    except UnicodeDecodeError:
        raise ListError(f"{path}: not UTF-8; save the table as UTF-8") from None
    lines = [line.rstrip("\r").split("\t") for line in text.split("\n")]
    header = lines[0]
    if "id" not in header or not {"pinyin", "hanzi"} & set(header):
        raise ListError(
            f"{path}:1: the header must name the columns id and pinyin or hanzi, separated by tabs "
            "(as `speech2text.py --format tsv` writes them)"
        )
    for number, cells in enumerate(lines[1:], 2):
        if cells == [""]:
            continue
        if len(cells) != len(header):
            raise ListError(f"{path}:{number}: {len(cells)} cells where the header has {len(header)}")
        yield number, dict(zip(header, cells, strict=True))
