"""Tab-separated tables, written and read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ramospeech.errors import ListError
from ramospeech.output.writer import Writer, flat

if TYPE_CHECKING:
    from ramospeech.transcript import Transcript

COLUMNS = ("id", "pinyin", "hanzi", "seconds", "score", "error")


class TsvWriter(Writer):
    """A header line and one line for each recording; tabs and line breaks in ids become spaces."""

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
        print(*map(flat, cells), sep="\t", file=self.file)


def read_tsv(path: str | Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line number and cells by column of a table that TsvWriter (or another system) wrote.

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
