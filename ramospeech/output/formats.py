"""The formats by name."""

from typing import IO

from ramospeech.errors import UsageError
from ramospeech.output.html import HtmlWriter
from ramospeech.output.json import JsonWriter
from ramospeech.output.srt import SrtWriter
from ramospeech.output.textgrid import TextGridWriter
from ramospeech.output.tsv import TsvWriter
from ramospeech.output.txt import TxtWriter
from ramospeech.output.vtt import VttWriter
from ramospeech.output.writer import Style, Writer

WRITERS: dict[str, type[Writer]] = {
    "txt": TxtWriter,
    "json": JsonWriter,
    "srt": SrtWriter,
    "vtt": VttWriter,
    "tsv": TsvWriter,
    "textgrid": TextGridWriter,
    "html": HtmlWriter,
}


def get_writer(form: str, file: IO[str], several: bool = False, style: Style | None = None) -> Writer:
    """Return the writer of a format to an open text file. Raises UsageError for an unknown format."""
    if form not in WRITERS:
        raise UsageError(f"unknown format {form!r}; choose one of {', '.join(WRITERS)}")
    return WRITERS[form](file, several, style)
