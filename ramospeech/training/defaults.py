"""What a run does where the command line and the recipe say nothing: what we recommend, or what a resumed run did."""

from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from ramospeech.errors import UsageError
from ramospeech.model import sizes_of_encoders, sizes_of_heads
from ramospeech.settings import given

RECOMMENDED = {"warp": 0.1, "augment_ramp": 0.2, "average": 0.999, "auxiliary": 0.0}
FINE_TUNING = {**RECOMMENDED, "augment_ramp": 0.0}  # of a model that knows speech already


def default_of(name: str) -> str:
    """Return the default of an option that depends on what the run starts from."""
    fine = "" if FINE_TUNING[name] == RECOMMENDED[name] else f", with --init_from {FINE_TUNING[name]:g}"
    return f"(default: {RECOMMENDED[name]:g}{fine}; with --load_model that of the run)"


def settle(args: Namespace, resumed: Mapping[str, Any] | None) -> None:
    """Give the options of `RECOMMENDED` that were not given their values; of a resumed run those that it had."""
    recommended = FINE_TUNING if args.init_from else RECOMMENDED
    for name, value in recommended.items():
        if getattr(args, name) is None:
            setattr(args, name, value if resumed is None else resumed.get(name, 0.0))


def sizes_given(args: Namespace, encoder: str) -> dict[str, Any]:
    """Return the sizes of an encoder on the command line. Raises UsageError for one that it does not have.

    `--dropout` of an encoder that has `--dropout_scale` is that: its name in version 0.1.
    """
    sizes = sizes_of_encoders()
    if is_old_dropout(args, encoder):
        args = Namespace(**{**vars(args), "dropout_scale": args.dropout})
        del args.dropout
    return given(args, encoder, sizes)


def head_sizes_given(args: Namespace, heads: Sequence[str]) -> dict[str, Any]:
    """Return the sizes of heads on the command line. Raises UsageError for one that none of them has."""
    found: dict[str, Any] = {}
    for head, sizes in sizes_of_heads().items():
        for item in fields(sizes):
            if item.name in vars(args):
                if head not in heads:
                    raise UsageError(f"--{item.name}: of the {head} head; give --heads {head}, or leave it out")
                found[item.name] = getattr(args, item.name)
    return found


def is_old_dropout(args: Namespace, encoder: str) -> bool:
    """Return whether `--dropout` was given for an encoder that knows `--dropout_scale` only."""
    names = {item.name for item in fields(sizes_of_encoders()[encoder])}
    return "dropout" in vars(args) and "dropout" not in names and "dropout_scale" in names
