"""Tables of recordings and texts: CSV with commas, semicolons, tabs or bars, read whole or refused by line."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path

from ramospeech.audio import EXTENSIONS
from ramospeech.errors import ListError
from ramospeech.files import MEDIA_EXTENSIONS, split_lines

_DELIMITERS = "\t;|,"
_TEXT_SUFFIXES = (".txt", ".trn", ".lab")
_ADVICE = "write the recording and its text, or a header with `path` and `text`"

Row = tuple[int, list[str]]  # the line that it begins on, and its cells


def read_rows(
    path: Path, text: str, audio_names: Sequence[str], text_names: Sequence[str]
) -> list[tuple[int, dict[str, str]]]:
    """Return the rows of a table as records, with the line that each begins on.

    A first row with one of `audio_names` is the header; without one, the columns are the recording and its text, or the
    text's file. Quotes may hold delimiters and line ends; where they do not pair up they are taken as characters.
    Raises ListError, which names file and line, for a row of another width, or a header that cannot be used.
    """
    rows, has_header = _split(path, text, audio_names)
    if not rows:
        return []
    header = [cell.lower() for cell in rows[0][1]] if has_header else []
    if header:
        number = rows[0][0]
        if twice := [name for name in header if name and header.count(name) > 1]:
            raise ListError(f"{path}:{number}: the column {twice[0]!r} occurs twice; rename one of them")
        if not set(header) & set(text_names):
            raise ListError(f"{path}:{number}: no column for the text; name it one of {', '.join(text_names)}")
        return [(number, dict(zip(header, cells, strict=True))) for number, cells in rows[1:]]
    return [
        (number, {"wav": cells[0], "txt_path" if cells[1].lower().endswith(_TEXT_SUFFIXES) else "txt": cells[1]})
        for number, cells in rows
    ]


def first_row(text: str, path: Path) -> list[str]:
    """Return the cells of the first line that is not empty, by the likeliest delimiter."""
    lines = [line for line in split_lines(text, path) if line.strip() and not _declared(line)]
    delimiter = next((mark for mark in _DELIMITERS if lines and mark in lines[0]), ",")
    return [cell.strip().strip('"') for cell in lines[0].split(delimiter)] if lines else []


def _split(path: Path, text: str, audio_names: Sequence[str]) -> tuple[list[Row], bool]:
    """Return the rows by the delimiter that fits, and whether the first is a header; raises ListError where none
    fits."""
    lines = [line.replace("\r", " ") for line in split_lines(text, path)]
    first = next((number for number, line in enumerate(lines) if line.strip()), len(lines))
    if first == len(lines):
        return [], False
    declared = _declared(lines[first])
    if declared:
        lines[first] = ""
        first += 1
    choices = declared or [mark for mark in _DELIMITERS if first < len(lines) and mark in lines[first]] or [","]
    with_header = [mark for mark in choices if _names(lines[first], mark) & set(audio_names)]
    faults = []
    for mark in with_header or choices:
        for quoted in (True, False):
            try:
                width = len(lines[first].split(mark)) if with_header else 2
                return _parsed(path, lines, mark, quoted, None if with_header and quoted else width), bool(with_header)
            except ListError as fault:
                faults.append(fault)
    raise faults[0]


def _declared(line: str) -> str:
    """Return the delimiter of a first line `sep=;`, as spreadsheets write it."""
    match = re.fullmatch(r'"?sep=(.)"?\s*', line, re.IGNORECASE)
    return match[1] if match else ""


def _names(line: str, delimiter: str) -> set[str]:
    return {cell.strip().strip('"').lower() for cell in line.split(delimiter)}


def _parsed(path: Path, lines: Sequence[str], delimiter: str, quoted: bool, width: int | None) -> list[Row]:
    """Return the rows of at least one cell that is not empty; each has `width` cells, or as many as the first has."""
    quoting = {"quotechar": '"', "strict": True} if quoted else {"quoting": csv.QUOTE_NONE, "quotechar": None}
    reader = csv.reader((f"{line}\n" for line in lines), delimiter=delimiter, **quoting)  # type: ignore[arg-type]
    rows: list[Row] = []
    number = 1
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise ListError(f"{path}:{number}: {error}; mend the quotes, or leave them out") from None
        if row is None:
            return rows
        if any(_swallows(cell, delimiter) for cell in row):
            raise ListError(
                f"{path}:{number}: a quote that opens here takes in the next line; close it, or leave it out"
            )
        cells = [cell.strip() for cell in row]
        if any(cells):
            width = width or len(cells)
            while len(cells) > width and not cells[-1]:
                cells.pop()
            if len(cells) != width:
                raise ListError(f"{path}:{number}: {len(cells)} columns, not {width}; {_ADVICE}")
            rows.append((number, cells))
        number = reader.line_num + 1


def _swallows(cell: str, delimiter: str) -> bool:
    """Return whether a cell of several lines has rows of the table in it: one of them names a recording."""
    cells = (part for line in cell.split("\n")[1:] for part in line.split(delimiter))
    return any(Path(part.strip()).suffix.lower() in EXTENSIONS | MEDIA_EXTENSIONS for part in cells)
