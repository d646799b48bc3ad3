"""Where transcripts go: stdout, a file or a folder."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from hashlib import sha256
from pathlib import Path, PurePath
from typing import IO, TYPE_CHECKING, Any

from ramospeech.errors import OutputError, UsageError
from ramospeech.files import whole_file
from ramospeech.output.formats import WRITERS, get_writer
from ramospeech.output.writer import Style

if TYPE_CHECKING:
    from ramospeech.transcript import Transcript

_MAX_STEM = 230  # bytes of a file name of ours; file systems take 255, with the suffix and a number


def output_file(path: Path) -> AbstractContextManager[IO[str]]:
    """Open a UTF-8 text file that appears under its name only when all of it is written; raises UsageError."""
    return whole_file(path, "w", UsageError, "make room or choose another --output")


class _Document:
    """A file of all recordings. What goes wrong with it is kept in `error`, and leaves other documents alone."""

    def __init__(self, form: str, path: Path | None, several: bool, style: Style | None = None):
        self.error: UsageError | None = None
        self._context = output_file(path) if path else None
        self._writer = get_writer(form, self._context.__enter__() if self._context else sys.stdout, several, style)

    def write(self, transcript: Transcript) -> None:
        """Write a transcript; nothing more after an error."""
        if self.error is None:
            self._try(lambda: self._writer.write(transcript))

    def close(self) -> None:
        """Finish the file, which then appears under its name."""
        if self.error is None:
            self._try(self._writer.close)
        if self.error is None:
            self._leave(None, None, None)

    def discard(self, *error: Any) -> None:
        """Leave nothing of the file."""
        if self.error is None:
            self._leave(*error)

    def _try(self, what: Callable[[], None]) -> None:
        try:
            what()
        except OSError as error:
            if self._context is None:
                raise  # stdout: nobody reads on
            self._leave(type(error), error, error.__traceback__)

    def _leave(self, *error: Any) -> None:
        if self._context is not None:
            try:
                self._context.__exit__(*error)
            except UsageError as reason:
                self.error = reason


class Output:
    """Where the transcripts of a program go: stdout (`-`), one file, or a folder. A context manager.

    A folder (one that exists, or a name that ends with a slash) gets `transcripts.txt`, `.json` and `.tsv`, which hold
    all recordings, and a `.srt`, `.vtt`, `.TextGrid` and `.html` named after each. `form` may be `all`, which needs a
    folder, as subtitles of `several` recordings do; a folder that is not there is then made. Nothing is left half-
    written.
    Raises UsageError where that cannot be; at the end, for documents that could not be written: the others are.
    """

    def __init__(self, form: str, output: str, several: bool, style: Style | None = None):
        self.forms = list(WRITERS) if form == "all" else [form]
        self.several = several
        self.style = style
        needs_folder = form == "all" or (several and WRITERS[form].single)
        if needs_folder and (output == "-" or Path(output).is_file()):
            what = "all formats" if form == "all" else f"{form} of several recordings"
            raise UsageError(f"{what}: one file per recording, so give a folder with --output DIR/")
        self.path = Path(output)
        self.folder = needs_folder or output.endswith(os.sep) or self.path.is_dir()
        self.stdout = output == "-"
        self._documents: list[_Document] = []
        self._used: set[str] = set()

    def __enter__(self) -> Output:
        try:
            for form in self.forms:
                if not (self.folder and WRITERS[form].single):
                    path = self.path / f"transcripts.{form}" if self.folder else self.path
                    self._documents.append(_Document(form, None if self.stdout else path, self.several, self.style))
        except UsageError:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def __exit__(self, *error: Any) -> None:
        for document in self._documents:
            if error[0] is None:
                document.close()
            else:
                document.discard(*error)
        failed = [str(document.error) for document in self._documents if document.error]
        if error[0] is None and failed:
            raise UsageError("; ".join(failed))

    def write(self, transcript: Transcript) -> None:
        """Write a transcript in every format.

        Raises OutputError where a file of this recording cannot be written; its other files are, and those of other
        recordings can be.
        """
        for document in self._documents:
            document.write(transcript)
        failed = []
        name = self._name(transcript) if self.folder else ""
        for form in self.forms:
            if self.folder and WRITERS[form].single:
                try:
                    with output_file(self.path / f"{name}.{WRITERS[form].ending or form}") as file:
                        writer = get_writer(form, file, style=self.style)
                        writer.write(transcript)
                        writer.close()
                except UsageError as error:
                    failed.append(str(error))
        if failed:
            raise OutputError(f"{transcript.id}: " + "; ".join(failed))

    def _name(self, transcript: Transcript) -> str:
        """Return a file name of its own for each recording: `a` of `x/a.wav`, `a-2` of `y/a.wav`; `a-channel2`.

        A name that is too long with our suffixes is cut and ends with a part of its hash.
        """
        channel = "" if transcript.channel is None else f"-channel{transcript.channel}"
        stem = (PurePath(transcript.id.removesuffix(f"#{transcript.channel}")).stem or "recording") + channel
        if len(os.fsencode(stem)) > _MAX_STEM:
            digest = sha256(os.fsencode(stem)).hexdigest()[:8]
            while len(os.fsencode(stem)) > _MAX_STEM - 9:
                stem = stem[:-1]
            stem = f"{stem}-{digest}"
        name, number = stem, 1
        while name in self._used:
            number += 1
            name = f"{stem}-{number}"
        self._used.add(name)
        return name
