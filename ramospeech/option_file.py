"""Options of a program in a small TOML file, which its command line may still change."""

import argparse
import tomllib
from collections.abc import Set
from pathlib import Path
from typing import Any

from ramospeech.errors import UsageError


def set_defaults(parser: argparse.ArgumentParser, path: Path, skipped: Set[str] = frozenset()) -> None:
    """Make the values of a file the parser's defaults, but for those of the options that are `skipped`.

    Keys are the names of options without the dashes; their values are checked as those of the command line are.

    Raises: UsageError: a file that is missing or not TOML, an option that the program does not have, or a value that it
        does not take; the message names the file and the option.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); check the path of the options") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(
            f"{path}: cannot be read as options ({error}); write a line `option = value` for each"
        ) from None
    actions = [action for action in parser._actions if action.dest not in ("recipe", "config", "help")]
    # By what they are called, and by what files of version 0.1 call them.
    options = {name.lstrip("-"): action for action in actions for name in (action.dest, *action.option_strings)}
    for key, value in values.items():
        if key not in options:
            raise UsageError(f"{path}: {key!r} is not an option of this program; see --help")
        if options[key].dest in skipped:
            continue
        options[key].required = False
        parser.set_defaults(**{options[key].dest: _checked(options[key], value, f"{path}: {key} = {value}")})


def _checked(action: argparse.Action, value: Any, where: str) -> Any:
    """Return a value of a file as the command line would give it; `where` begins the message of a UsageError."""
    if action.nargs == 0 or isinstance(action, argparse.BooleanOptionalAction):
        if not isinstance(value, bool):
            raise UsageError(f"{where}: must be true or false")
        return value
    several = action.nargs is not None or isinstance(action, argparse._AppendAction)
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
        raise UsageError(f"{where}: is not a {getattr(kind, '__name__', 'value')} of this option") from None
    if action.choices is not None and converted not in action.choices:
        raise UsageError(f"{where}: must be one of {', '.join(map(str, action.choices))}")
    return converted
