"""Lists joined into one, by the length of their clips: `ramospeech prepare merge LIST... --output LIST`.

Lines are kept as they are. What is left out is counted: clips shorter or longer than wanted, and recordings that an
earlier line names.
"""

import argparse
import math
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ramospeech import audio, errors
from ramospeech.cli import Parser
from ramospeech.corpora.lists import columns_of, seconds_of, write_text
from ramospeech.corpora.progress import progress
from ramospeech.errors import AudioError, ListError, UsageError
from ramospeech.files import list_lines


def parser() -> argparse.ArgumentParser:
    """Return the options of the program."""
    parser = Parser(description=__doc__)
    parser.add_argument("lists", type=Path, nargs="+", metavar="LIST", help="lists to join")
    parser.add_argument("--output", type=Path, required=True, help="the list to write")
    parser.add_argument("--min_seconds", type=_seconds, default=0.0, help="shortest clip")
    parser.add_argument("--max_seconds", type=_seconds, default=math.inf, help="longest clip")
    parser.add_argument(
        "--data_root", type=Path, default=Path("data"), help="where recordings are whose lines give no seconds"
    )
    return parser


def _seconds(text: str) -> float:
    value = float(text)
    if not value >= 0:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds from 0 on")
    return value


def merge(
    lists: Sequence[Path], min_seconds: float = 0.0, max_seconds: float = math.inf, data_root: str | Path = "data"
) -> tuple[list[str], Counter[str]]:
    """Return the lines of all lists that are wanted, and how many were kept and left out, by reason.

    A recording is opened only where its line gives no seconds and they matter. Raises ListError for a line that is not
    one of a list.
    """
    counts: Counter[str] = Counter()
    kept: list[str] = []
    named: set[str] = set()
    limited = min_seconds > 0 or max_seconds < math.inf
    for path in lists:
        lines = list_lines(path)
        for number, line in enumerate(progress(lines, "merge", len(lines)), 1):
            if not line.strip():
                continue
            try:
                columns = columns_of(line)
                name = columns[0]
                reason = "repeated" if name in named else ""
                if not reason and limited:
                    reason = _outside(columns, min_seconds, max_seconds, data_root)
            except ValueError as error:
                raise ListError(f"{path}:{number}: {error}") from None
            named.add(name)
            counts[reason or "kept"] += 1
            if not reason:
                kept.append(line)
    return kept, counts


def _outside(columns: list[str], low: float, high: float, data_root: str | Path) -> str:
    try:
        seconds = seconds_of(columns[3]) if len(columns) == 4 else audio.duration(audio.located(data_root, columns[0]))
    except AudioError:
        return "unreadable"
    return "shorter" if seconds < low else "longer" if seconds > high else ""


@errors.program
def main(argv: Sequence[str] | None = None) -> None:
    """Entry point; prints how many lines were kept."""
    args = parser().parse_args(argv)
    if args.min_seconds > args.max_seconds:
        raise UsageError(f"--min_seconds {args.min_seconds:g} is more than --max_seconds {args.max_seconds:g}")
    kept, counts = merge(args.lists, args.min_seconds, args.max_seconds, args.data_root)
    left_out = {reason: number for reason, number in counts.items() if reason != "kept"}
    why = ", ".join(f"{reason} {number:,}" for reason, number in sorted(left_out.items()))
    summary = f"{len(kept):,} kept, {sum(left_out.values()):,} left out" + (f" ({why})" if why else "")
    if not kept:
        raise ListError(f"{', '.join(map(str, args.lists))}: {summary}; nothing was written")
    write_text(args.output, "".join(f"{line}\n" for line in kept))
    print(f"{args.output}: {summary}")


if __name__ == "__main__":
    raise SystemExit(main())
