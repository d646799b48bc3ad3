"""Writes docs/options.md: every option of every program, from the parsers themselves.

python docs/make_options.py            write the file
python docs/make_options.py --check    exit with status 1 where the file is out of date
"""

import argparse
import contextlib
import importlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "options.md"
sys.path.insert(0, str(ROOT))

from ramospeech.__main__ import PROGRAMS, Program  # noqa: E402


def parser_of(program: Program) -> argparse.ArgumentParser:
    """The parser of a program: the one that prints its help when asked to."""
    asked: list[argparse.ArgumentParser] = []
    print_help = argparse.ArgumentParser.print_help
    argparse.ArgumentParser.print_help = lambda parser, file=None: asked.append(parser)  # type: ignore[method-assign]
    try:
        with contextlib.suppress(SystemExit):
            getattr(importlib.import_module(program.module), program.function)(["--help"])
    finally:
        argparse.ArgumentParser.print_help = print_help  # type: ignore[method-assign]
    return asked[0]


def default_of(action: argparse.Action) -> str:
    """A default as a reader would type it; empty where there is none."""
    if action.default in (None, argparse.SUPPRESS):
        return "required" if action.required and action.option_strings else ""
    if isinstance(action.default, bool):
        return "on" if action.default else "off"
    if isinstance(action.default, list | tuple):
        return "`" + " ".join(map(str, action.default)) + "`"
    return f"`{action.default}`".replace(f"{ROOT}/", "")


def row(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    """One option as a row of the table."""
    names = ", ".join(f"`{name}`" for name in action.option_strings) or f"`{action.metavar or action.dest}`"
    text = (action.help or "") % {"prog": parser.prog, **vars(action)} if action.help else ""
    if action.choices:
        text += f" ({', '.join(map(str, action.choices))})"
    cells = (names, default_of(action), " ".join(text.split()))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def section(name: str, program: Program) -> str:
    """The options of one program."""
    parser = parser_of(program)
    lines = [
        f"## ramospeech {name}",
        "",
        f"{program.about[0].upper()}{program.about[1:]}. In a checkout also `{program.older}`.",
    ]
    for group in parser._action_groups:
        actions = [a for a in group._group_actions if a.dest != "help" and a.help is not argparse.SUPPRESS]
        if actions:
            name = "options" if group.title in (None, "options", "positional arguments") else group.title
            lines += ["", f"| {name} | default | |", "|---|---|---|", *(row(parser, action) for action in actions)]
    if renamed := getattr(parser, "renamed", {}):
        pairs = ", ".join(f"`{old}` is `{new}`" for old, new in renamed.items())
        lines += ["", f"Names of version 0.1, taken with a note: {pairs}."]
    return "\n".join(lines)


def page() -> str:
    """The whole file."""
    head = (
        "# Options\n\nEvery program prints these with `--help`. Written by `python docs/make_options.py`; "
        "a test compares.\n\n"
    )
    return head + "\n\n".join(section(name, program) for name, program in PROGRAMS.items()) + "\n"


def main(argv: list[str]) -> int:
    """Write the page, or compare it."""
    if argv == ["--check"]:
        return int(page() != PAGE.read_text("utf-8"))
    PAGE.write_text(page(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
