"""Settings that are declared once: a field of a frozen dataclass carries its default, its help and its bounds.

From the fields are made the options of a program, the check of their values, and the table in the documents.

>>> from dataclasses import dataclass
>>> @dataclass(frozen=True)
... class Sizes:
...     cells: int = setting(128, "LSTM cells per direction", minimum=1)
>>> check(Sizes(cells=0), UsageError)
Traceback (most recent call last):
    ...
ramospeech.errors.UsageError: cells must be a whole number of at least 1, not 0
"""

import argparse
from collections.abc import Mapping
from dataclasses import Field, field, fields
from typing import Any

from ramospeech.errors import RamospeechError, UsageError


def setting(
    default: Any,
    help: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[Any, ...] | None = None,
) -> Any:
    """Return a dataclass field whose value must have the type of `default` and lie within the bounds, both included.

    A default that is a tuple stands for as many values, each within the bounds.
    """
    return field(default=default, metadata={"help": help, "bounds": (minimum, maximum), "choices": choices})


def check(settings: Any, error: type[RamospeechError]) -> None:
    """Raise `error` for the first field of a dataclass of settings with a value of the wrong type or out of bounds."""
    for item in fields(settings):
        value, (_, count) = getattr(settings, item.name), _kind(item)
        values = value if count and isinstance(value, tuple) else (value,)
        if len(values) != max(1, count) or not all(_allowed(item, v) for v in values):
            raise error(f"{item.name} must be {_wanted(item)}, not {value!r}")


def add_options(group: argparse._ArgumentGroup, owners: Mapping[str, type]) -> None:
    """Add an option for each field of the dataclasses. `owners` maps what a dataclass is for (shown in the help) to it.

    Fields of one name share an option. An option that is not given leaves no attribute, see `given`.
    Raises ValueError for fields of one name and of different types, which is an error of the programmer.
    """
    declared: dict[str, dict[str, Field]] = {}
    for owner, settings in owners.items():
        for item in fields(settings):
            declared.setdefault(item.name, {})[owner] = item
    for name, by_owner in declared.items():
        first = next(iter(by_owner.values()))
        if len({_kind(item) for item in by_owner.values()}) > 1:
            raise ValueError(f"--{name}: {', '.join(by_owner)} declare it with different types")
        text = "; ".join(f"{owner}: {i.metadata['help']} ({shown(i.default)})" for owner, i in by_owner.items())
        kind, count = _kind(first)
        if kind is bool:
            group.add_argument(f"--{name}", action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=text)
        else:
            group.add_argument(f"--{name}", type=kind, nargs=count or None, default=argparse.SUPPRESS, help=text)


def given(args: argparse.Namespace, owner: str, owners: Mapping[str, type]) -> dict[str, Any]:
    """Return the options of `add_options` on the command line, as arguments of the dataclass of `owner`.

    Raises UsageError for an option that belongs to another of the `owners` only.
    """
    names = {item.name for item in fields(owners[owner])}
    owners_of: dict[str, list[str]] = {}
    for other, settings in owners.items():
        for item in fields(settings):
            owners_of.setdefault(item.name, []).append(other)
    found = {name: value for name, value in vars(args).items() if name in owners_of}
    for name in sorted(found.keys() - names):
        having = " and ".join(owners_of[name])
        raise UsageError(f"--{name}: an option of {having}, which {owner} does not have; leave it out")
    return {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}


def shown(value: Any) -> str:
    """Return a value as a command line writes it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return " ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _kind(item: Field) -> tuple[type, int]:
    """Return the type of one value, and how many a tuple has; 0 for a single value."""
    if isinstance(item.default, tuple):
        return type(item.default[0]), len(item.default)
    return type(item.default), 0


def _allowed(item: Field, value: Any) -> bool:
    kind, _ = _kind(item)
    accepted = (int, float) if kind is float else (kind,)
    if not isinstance(value, accepted) or isinstance(value, bool) != (kind is bool):
        return False
    if item.metadata["choices"] is not None:
        return value in item.metadata["choices"]
    low, high = item.metadata["bounds"]
    return not (low is not None and not value >= low) and not (high is not None and not value <= high)


def _wanted(item: Field) -> str:
    kind, count = _kind(item)
    if item.metadata["choices"] is not None:
        return f"one of {', '.join(map(str, item.metadata['choices']))}"
    noun = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}[kind]
    if count:
        noun = f"{count} whole numbers" if kind is int else f"{count} numbers"
    low, high = item.metadata["bounds"]
    if low is not None and high is not None:
        return f"{noun} from {low:g} to {high:g}"
    return noun + (f" of at least {low:g}" if low is not None else f" of at most {high:g}" if high is not None else "")
