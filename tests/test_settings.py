"""Settings declared in dataclasses: options made of them, and values that are refused."""

import argparse
from dataclasses import dataclass

import pytest

from ramospeech.errors import ModelError, UsageError
from ramospeech.settings import add_options, check, given, setting


@dataclass(frozen=True)
class Small:
    cells: int = setting(8, "cells per direction", minimum=1, maximum=99)
    rates: tuple[float, float] = setting((0.1, 0.2), "two rates", minimum=0.0, maximum=1.0)
    kind: str = setting("lstm", "kind of cell", choices=("lstm", "gru"))
    shared: bool = setting(False, "share rows")


@dataclass(frozen=True)
class Large:
    cells: int = setting(512, "cells", minimum=1)
    depth: float = setting(2.0, "depth", maximum=9.0)


OWNERS = {"small": Small, "large": Large}


def parsed(*argv: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_options(parser.add_argument_group("sizes"), OWNERS)
    return parser.parse_args(argv)


def test_options_that_are_given() -> None:
    assert given(parsed(), "small", OWNERS) == {}
    args = parsed("--cells", "3", "--rates", "0.5", "1", "--kind", "gru", "--shared")
    assert Small(**given(args, "small", OWNERS)) == Small(3, (0.5, 1.0), "gru", True)
    assert given(parsed("--no-shared"), "small", OWNERS) == {"shared": False}
    assert given(parsed("--cells", "3", "--depth", "1"), "large", OWNERS) == {"cells": 3, "depth": 1.0}
    with pytest.raises(UsageError, match="--kind: an option of small, which large does not have; leave it out"):
        given(args, "large", OWNERS)


def test_help_shows_each_owner_with_its_default() -> None:
    parser = argparse.ArgumentParser()
    add_options(parser.add_argument_group("sizes"), OWNERS)
    text = " ".join(parser.format_help().split())
    assert "small: cells per direction (8); large: cells (512)" in text
    assert "small: two rates (0.1 0.2)" in text and "small: share rows (off)" in text


@pytest.mark.parametrize(
    "wrong, message",
    [
        (Small(cells=0), "cells must be a whole number from 1 to 99, not 0"),
        (Small(cells=True), "cells must be a whole number"),
        (Small(cells=2.0), "cells must be a whole number"),
        (Small(rates=(0.1,)), "rates must be 2 numbers from 0 to 1"),
        (Small(rates=(0.1, float("nan"))), "rates must be 2 numbers"),
        (Small(rates=0.1), "rates must be 2 numbers"),
        (Small(kind="cnn"), "kind must be one of lstm, gru, not 'cnn'"),
        (Small(shared=1), "shared must be true or false, not 1"),
        (Large(cells=-1), "cells must be a whole number of at least 1"),
        (Large(depth=10.0), "depth must be a number of at most 9"),
        (Large(depth="2"), "depth must be a number"),
    ],
)
def test_values_that_are_refused(wrong: object, message: str) -> None:
    check(type(wrong)(), ModelError)
    with pytest.raises(ModelError, match=message):
        check(wrong, ModelError)


def test_one_name_has_one_type() -> None:
    @dataclass(frozen=True)
    class Other:
        cells: float = setting(1.0, "cells")

    with pytest.raises(ValueError, match="--cells: small, other declare it with different types"):
        add_options(argparse.ArgumentParser().add_argument_group("sizes"), {"small": Small, "other": Other})
