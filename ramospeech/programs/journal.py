"""The transcripts of a run that has not ended, so that `--resume` need not make them again."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from ramospeech.audio import Channel, Source
from ramospeech.errors import UsageError
from ramospeech.files import is_device
from ramospeech.transcript import Token, Transcript
from ramospeech.translate import Translation

VERSION = "version of the transcripts"  # 1 had the pinyin that was recognised


class Journal:
    """A file beside the output that gets each transcript as soon as it is made. A context manager.

    path: of the output; stdout (`-`) and devices have no journal. options: those that transcripts depend on; a journal
    of others is not resumed. resume: take the transcripts of the file; otherwise it begins anew. again: resume if the
    file is there.
    A transcript counts for the same file with the same size and time. Recordings that failed are tried again.
    Raises UsageError: `resume` for stdout, with nothing to resume, or where the options differ.
    """

    def __init__(self, path: str, options: Mapping[str, object], resume: bool, again: bool = False):
        self.path = None if path == "-" or is_device(Path(path)) else Path(path.rstrip("/") + ".unfinished")
        self.options = json.loads(json.dumps({VERSION: 2, **options}, default=str))
        self.done: dict[str, Transcript] = {}
        if resume or (again and (self.path is None or self.path.exists())):
            self._read()
        self._file: IO[str] | None = None

    def __enter__(self) -> "Journal":
        if self.path is not None:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = self.path.open("a" if self.done else "w", encoding="utf-8", errors="surrogateescape")
            except OSError as error:
                raise UsageError(f"{self.path}: not written ({error.strerror}); choose another --output") from error
            if self.done:
                self._file.write("\n")  # the run may have been killed within its last line
            else:
                self._line(self.options)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._file is not None and self.path is not None:
            self._file.close()
            if kind is None:  # the output itself is whole
                self.path.unlink()
            else:
                print(f"note: what was done is in {self.path}; --resume continues", file=sys.stderr)

    def complete(
        self, sources: Sequence[Source], make: Callable[[list[Source]], Iterator[Transcript]]
    ) -> Iterator[Transcript]:
        """Yield the transcripts of all sources in order: those at hand, and between them those that `make` makes.

        sources: paths, or channels of them. make: gets those of which there is no transcript yet. A file that changes
        meanwhile shifts nothing.
        """
        keys = [_key(source) for source in sources]
        made = make([source for source, key in zip(sources, keys, strict=True) if key not in self.done])
        for key in keys:
            if key in self.done:
                yield self.done[key]
                continue
            transcript = next(made)
            if not transcript.error:
                self._line({"key": key, "transcript": asdict(transcript)})
            yield transcript

    def _line(self, entry: object) -> None:
        if self._file is not None:
            self._file.write(json.dumps(entry) + "\n")
            self._file.flush()

    def _read(self) -> None:
        if self.path is None:
            raise UsageError("--resume: what went to stdout is gone; give --output")
        try:
            lines = self.path.read_text("utf-8", errors="surrogateescape").splitlines()
        except OSError as error:
            raise UsageError(
                f"--resume: {self.path} cannot be read ({error.strerror}); a run with this --output that was stopped "
                "leaves it there. Leave out --resume to begin"
            ) from None
        entries = [entry for line in lines if (entry := _entry(line)) is not None]
        options = entries[0] if entries else {}
        if different := [name for name, value in self.options.items() if options.get(name) != value]:
            raise UsageError(
                f"--resume: the run of {self.path} had other options ({', '.join(different)}); give those, or "
                "leave out --resume to begin anew"
            )
        self.done = {entry["key"]: _transcript(entry["transcript"]) for entry in entries[1:]}


def _entry(line: str) -> dict[str, Any] | None:
    """Return what is in a line; None for the last one, where the run was killed while it wrote it."""
    try:
        return json.loads(line)
    except ValueError:
        return None


def _transcript(values: dict[str, Any]) -> Transcript:
    tuples = {name: tuple(values[name]) for name in ("pinyin", "warnings")}
    tuples["no_speech"] = tuple(map(tuple, values["no_speech"]))
    tokens = tuple(Token(**token) for token in values["tokens"])
    nbest = tuple(map(_translation, values["nbest"]))
    return Transcript(**{**values, **tuples, "tokens": tokens, "nbest": nbest})


def _translation(values: dict[str, Any]) -> Translation:
    tuples = {name: tuple(values[name]) for name in ("syllables", "slots", "readings")}
    return Translation(**{**values, **tuples})


def _key(source: Source) -> str:
    """Return what says that a file is still the same."""
    if isinstance(source, Channel):
        return f"{_key(source.source)}\t{source.number}"
    path = str(source)
    try:
        status = os.stat(path)
    except OSError:  # is told when it is read
        return path
    return f"{path}\t{status.st_size}\t{status.st_mtime_ns}"
