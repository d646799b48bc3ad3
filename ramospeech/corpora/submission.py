"""A submission file of Kaggle's course competitions, `id,label`: `ramospeech prepare submission HYP.tsv --output FILE`.

HYP.tsv is what `ramospeech transcribe --format tsv` writes; its lines keep their order. A recording that could not be
transcribed has an empty label, and is counted.
"""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from ramospeech import errors
from ramospeech.cli import Parser
from ramospeech.corpora.lists import write_text
from ramospeech.errors import ListError
from ramospeech.files import list_lines


def submission(path: Path, numbered: bool = False, upper: bool = False) -> tuple[str, int, int]:
    """Return the CSV of a table of transcripts, the number of its lines and of those without a label."""
    lines = [line.split("\t") for line in list_lines(path) if line.strip()]
    header = [cell.strip().lower() for cell in lines[0]] if lines else []
    if "id" not in header or "hanzi" not in header:
        raise ListError(f"{path}:1: no header with `id` and `hanzi`; give what `--format tsv` has written")
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["id", "label"])
    empty = 0
    for number, cells in enumerate(lines[1:]):
        if len(cells) != len(header):
            raise ListError(f"{path}:{number + 2}: {len(cells)} columns, not {len(header)}")
        row = dict(zip(header, cells, strict=True))
        label = row["hanzi"].upper() if upper else row["hanzi"]
        empty += not label
        writer.writerow([number if numbered else Path(row["id"]).stem, label])
    return out.getvalue(), len(lines) - 1, empty


@errors.program
def main(argv: Sequence[str] | None = None) -> None:
    """Entry point; prints how many labels were written."""
    parser = Parser(description=__doc__)
    parser.add_argument("transcripts", type=Path, metavar="HYP.tsv", help="transcripts")
    parser.add_argument("--output", type=Path, required=True, help="the CSV to write")
    parser.add_argument("--ids", choices=("name", "number"), default="name", help="recordings by name, or from 0 on")
    parser.add_argument("--upper", action="store_true", help="labels in upper case, as 11-785 has them")
    args = parser.parse_args(argv)
    content, count, empty = submission(args.transcripts, args.ids == "number", args.upper)
    write_text(args.output, content)
    print(f"{args.output}: {count:,} labels" + (f", {empty:,} of them empty" if empty else ""))


if __name__ == "__main__":
    raise SystemExit(main())
