"""Writes the sections of docs/benchmarks.md, each between its own markers."""

import re
from pathlib import Path

from ramospeech.score import Score

BENCHMARKS = Path(__file__).resolve().parent.parent / "docs" / "benchmarks.md"
TITLE = "# Benchmarks\n\nEach section is written by the program that it names.\n"


def write_section(name: str, markdown: str, path: Path = BENCHMARKS) -> None:
    """Put `markdown` between the markers of `name`, in place of what was there, or at the end."""
    begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
    section = f"{begin}\n{markdown.strip()}\n{end}"
    text = path.read_text(encoding="utf-8") if path.exists() else TITLE
    old = re.search(f"{re.escape(begin)}.*?{re.escape(end)}", text, re.DOTALL)
    text = text[: old.start()] + section + text[old.end() :] if old else f"{text.rstrip()}\n\n{section}\n"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, encoding="utf-8")


def shown(score: Score) -> str:
    """A rate in % and its 95 % interval."""
    low, high = score.interval()
    return f"{100 * score.rate:.1f} ({100 * low:.1f} to {100 * high:.1f})"
