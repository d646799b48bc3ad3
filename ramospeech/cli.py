"""What the command lines of the programs share: help, types that refuse numbers no run can use, errors of one line."""

import argparse
import math
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from ramospeech.errors import UsageError
from ramospeech.option_file import set_defaults

Number = TypeVar("Number", int, float)

LARGEST_COUNT = 2**31 - 1
LARGEST_SEED = 2**63 - 1  # what torch and numpy both take


called_as: str | None = None  # "ramospeech train", where the command `ramospeech` runs a program


def command() -> str:
    """Return what was typed to run this program: `ramospeech train`, `python train.py` or `python -m
    ramospeech.tune`."""
    if called_as:
        return called_as
    module = getattr(sys.modules["__main__"], "__spec__", None)
    if module:
        return f"python -m {module.name.removesuffix('.__main__')}"
    script = Path(sys.argv[0]).name
    return f"python {script}" if script.endswith(".py") else script


def transcribing() -> str:
    """Return what to type to transcribe, in messages of other programs: as this program was called."""
    return "ramospeech transcribe" if called_as else "python speech2text.py"


class Help(argparse.ArgumentDefaultsHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Shows every default that there is, and the examples as they are written."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default in (None, []) else super()._get_help_string(action)


class Parser(argparse.ArgumentParser):
    """The parser of every program: `Help` is its help, and its errors are UsageErrors, one line without the usage.

    renamed: old names of options -> their names now. The old ones are taken too, with a note on stderr.
    Every program takes options from a file too, with `--config`; those on the command line override them.
    """

    def __init__(self, renamed: Mapping[str, str] | None = None, **options: Any):
        super().__init__(**{"prog": command(), "formatter_class": Help, **options})
        self.renamed = renamed or {}
        about = "options in a .toml file, lines of `name = value`"
        self.add_argument("--config", metavar="FILE", default=argparse.SUPPRESS, help=about)
        self._read: str | None = None

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        words = sys.argv[1:] if args is None else list(args)
        end = words.index("--") if "--" in words else len(words)
        for position, word in enumerate(words[:end]):
            option, equals, value = word.partition("=")
            if option in self.renamed:
                name = self.renamed[option]
                print(f"note: {option} is called {name} now; the old name works in this version", file=sys.stderr)
                words[position] = f"{name}{equals}{value}"
        self._read_config(words[:end])
        return super().parse_known_args(words, namespace)

    def _read_config(self, words: list[str]) -> None:
        """Take the defaults from the file of --config, once."""
        first = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
        first.add_argument("--config", nargs="?")
        path = first.parse_known_args(words)[0].config
        if path and path != self._read:
            self._read = path
            set_defaults(self, Path(path))

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message.removeprefix('argument ')} (see --help)")


def number(
    kind: type[Number],
    minimum: float | None = None,
    maximum: float | None = None,
    above: float | None = None,
    below: float | None = None,
) -> Callable[[Any], Number]:
    """Return the `type=` of an option: a finite number of `kind` within bounds; `above` and `below` exclude the bound.

    What it returns raises argparse.ArgumentTypeError, which names the bounds and the value, for anything else.
    """
    bounds = [f"of at least {minimum}"] if minimum is not None else []
    bounds += [f"greater than {above}"] if above is not None else []
    bounds += [f"at most {maximum}"] if maximum is not None else []
    bounds += [f"less than {below}"] if below is not None else []
    wanted = "must be a whole number" if kind is int else "must be a finite number"
    wanted += " " + " and ".join(bounds) if bounds else ""

    def parse(text: Any) -> Number:
        try:
            value = kind(text)
        except (ValueError, OverflowError):
            raise argparse.ArgumentTypeError(f"{wanted}, not {text!r}") from None
        if (
            not math.isfinite(value)
            or (minimum is not None and value < minimum)
            or (above is not None and value <= above)
            or (maximum is not None and value > maximum)
            or (below is not None and value >= below)
        ):
            raise argparse.ArgumentTypeError(f"{wanted}, not {text}")
        return value

    return parse


# For `type=`: whole numbers from 1 and from 0, and finite numbers.
count, count_or_0 = number(int, 1, LARGEST_COUNT), number(int, 0, LARGEST_COUNT)
few = number(int, 1, 1024)  # threads, layers
positive, positive_or_0 = number(float, above=0), number(float, 0)
fraction = number(float, 0, below=1)
peak_rate = number(float, above=0, maximum=100)
seed = number(int, 0, LARGEST_SEED)


def add_model(
    group: argparse._ActionsContainer, file: str = "a file of train.py or of `ramospeech export` (.onnx)"
) -> None:
    """Add the option of the acoustic model that a program reads; `file`: what else than the shipped ones it takes."""
    about = f"acoustic model: a shipped one, or {file}"
    group.add_argument("--model", metavar="accurate|fast|dfcnn|FILE", default="accurate", help=about)


def add_translator(group: argparse._ActionsContainer) -> None:
    """Add the option of the translator."""
    about = "model of pinyin to hanzi (default: the shipped one); none: syllables only"
    group.add_argument("--translator", metavar="FILE", help=about)


def add_device(group: argparse._ActionsContainer) -> None:
    """Add the options of where a program that transcribes computes."""
    group.add_argument("--device", default="cpu", help="device of the acoustic model: cpu, cuda, cuda:1 ...")
    about = "CPU threads (default: OMP_NUM_THREADS, or the cores, at most 4)"
    group.add_argument("--threads", type=few, metavar="N", help=about)


def add_hotwords(group: argparse._ActionsContainer) -> None:
    """Add the options of phrases to prefer."""
    group.add_argument("--hotwords", metavar="FILE", help="phrases to prefer, one per line, in hanzi or pinyin")
    about = "a phrase to prefer; repeatable"
    group.add_argument("--hotword", metavar="PHRASE", action="append", default=[], help=about)
