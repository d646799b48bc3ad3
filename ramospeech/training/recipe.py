"""Recipes: options of a program in a small TOML file, which its command line may still change."""

import argparse
import sys
import tomllib
from collections.abc import Sequence, Set
from pathlib import Path
from typing import Any

from ramospeech.errors import UsageError
from ramospeech.text.vocabulary import inventory_path

FOLDER = inventory_path().parent / "recipes"
FINE_TUNING = "finetune"  # the recipe of --init_from, where none is given
RIVALS = {"gpu_rank": "device", "device": "gpu_rank", "steps": "max_minutes", "max_minutes": "steps"}
# Options that say the same: one on the command line wins.


def parse_with_recipe(parser: argparse.ArgumentParser, argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse `argv`, where `--recipe FILE_OR_NAME` (an option of the parser) gives other defaults.

    A NAME stands for data_config/recipes/NAME.toml of this installation; without one, `--init_from` stands for the
    recipe of fine-tuning. Keys are the names of options without the
    dashes; their values are checked as those of the command line are.

    Raises: UsageError: a recipe that is missing or no TOML, an option that the program does not have, or a value that
        it does not take; the message names the file and the option.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--recipe")
    first.add_argument("--init_from")
    found = first.parse_known_args(arguments)[0]
    name = found.recipe or (FINE_TUNING if found.init_from else None)
    if name:
        _set_defaults(parser, _find(name), {word.partition("=")[0] for word in arguments})
    return parser.parse_args(arguments)


def _find(name: str) -> Path:
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if not path.is_file():
        available = ", ".join(sorted(recipe.stem for recipe in FOLDER.glob("*.toml")))
        raise UsageError(f"--recipe {name}: there is no {path}; give the path of a .toml file, or one of: {available}")
    return path


def _set_defaults(parser: argparse.ArgumentParser, path: Path, given: Set[str]) -> None:
    """Make the recipe's values the parser's defaults, which the words `given` on the command line override."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(
            f"{path}: cannot be read as a recipe ({error}); write a line `option = value` for each"
        ) from None
    actions = [action for action in parser._actions if action.dest not in ("recipe", "help")]
    # By what they are called, and by what recipes of version 0.1 call them.
    options = {name.lstrip("-"): action for action in actions for name in (action.dest, *action.option_strings)}
    for key, value in values.items():
        if key not in options:
            raise UsageError(f"{path}: {key!r} is not an option of this program; see --help")
        if f"--{RIVALS.get(key)}" in given:
            continue
        options[key].required = False
        parser.set_defaults(**{options[key].dest: _checked(options[key], value, f"{path}: {key} = {value}")})


def _checked(action: argparse.Action, value: Any, where: str) -> Any:
    """Return a value of a recipe as the command line would give it; `where` begins the message of a UsageError."""
    if action.nargs == 0 or isinstance(action, argparse.BooleanOptionalAction):
        if not isinstance(value, bool):
            raise UsageError(f"{where}: must be true or false")
        return value
    several = action.nargs is not None
    if isinstance(value, list) != several or (several and not value):
        raise UsageError(f"{where}: must be {'a list' if several else 'one value'}")
    if isinstance(action.nargs, int) and len(value) != action.nargs:
        raise UsageError(f"{where}: must be a list of {action.nargs} values")
    items = [_item(action, item, where) for item in (value if several else [value])]
    return items if several else items[0]


def _item(action: argparse.Action, value: Any, where: str) -> Any:
    if isinstance(value, bool | dict | list):
        raise UsageError(f"{where}: must not be {type(value).__name__}")
    kind = action.type if callable(action.type) else str
    try:
        converted = kind(str(value))
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"{where}: {error}") from None
    except ValueError:
        raise UsageError(f"{where}: is no {getattr(kind, '__name__', 'value')} of this option") from None
    if action.choices is not None and converted not in action.choices:
        raise UsageError(f"{where}: must be one of {', '.join(map(str, action.choices))}")
    return converted
