"""Recipes: options of a program in a small TOML file, which its command line may still change."""

import argparse
import sys
import tomllib
from collections.abc import Sequence, Set
from pathlib import Path

from ramospeech.errors import UsageError

FOLDER = Path("data_config") / "recipes"
RIVALS = {"gpu_rank": "device", "device": "gpu_rank"}  # options that say the same: one on the command line wins


def parse_with_recipe(parser: argparse.ArgumentParser, argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse `argv`, where `--recipe FILE_OR_NAME` (an option of the parser) gives defaults.

    A NAME stands for data_config/recipes/NAME.toml. Keys are the names of options without the dashes. Values are read
    as if they stood on the command line, so they are checked in the same way.

    Raises: UsageError: a recipe that is missing or no TOML, or an option that the program does not have.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--recipe")
    name = first.parse_known_args(arguments)[0].recipe
    given = {word.partition("=")[0] for word in arguments}
    return parser.parse_args([*(_options(parser, _find(name), given) if name else []), *arguments])


def _find(name: str) -> Path:
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if not path.is_file():
        there = ", ".join(sorted(recipe.stem for recipe in FOLDER.glob("*.toml")))
        raise UsageError(f"--recipe {name}: there is no {path}; give the path of a .toml file, or one of: {there}")
    return path


def _options(parser: argparse.ArgumentParser, path: Path, given: Set[str]) -> list[str]:
    """The recipe as the beginning of a command line: what comes after it, the words `given`, wins."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(
            f"{path}: cannot be read as a recipe ({error}); write a line `option = value` for each"
        ) from None
    known = {action.dest for action in parser._actions} - {"recipe", "help"}
    line = []
    for key, value in values.items():
        if key not in known:
            raise UsageError(f"{path}: {key!r} is no option of this program; see --help")
        if f"--{RIVALS.get(key)}" in given:
            continue
        if isinstance(value, bool):
            line.append(f"--{key}" if value else f"--no-{key}")
        else:
            line += [f"--{key}", *map(str, value if isinstance(value, list) else [value])]
    return line
