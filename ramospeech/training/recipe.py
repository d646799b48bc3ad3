"""Recipes: files of options of train.py, some of which are shipped."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from ramospeech.errors import UsageError
from ramospeech.model import sizes_of_heads
from ramospeech.option_file import set_defaults
from ramospeech.text.vocabulary import inventory_path

FOLDER = inventory_path().parent / "recipes"
FINE_TUNING = "finetune"  # the recipe of --init_from, where none is given
RIVALS = {"gpu_rank": "device", "device": "gpu_rank", "steps": "max_minutes", "max_minutes": "steps"}
# Options that say the same: one on the command line wins.
OF_HEADS = {  # options of training that only models with a head take
    "ctc": {"loss", "ace_weight", "ace_ramp", "smoothing", "consistency", "teacher", "drop_worst", "ctc_weight"},
    "attention": {"attention_smoothing", "teacher_forcing", "teacher_forcing_steps", "ctc_weight"},
}


def parse_with_recipe(parser: argparse.ArgumentParser, argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse `argv`, where `--recipe FILE_OR_NAME` (an option of the parser) gives other defaults.

    A NAME stands for data_config/recipes/NAME.toml of this installation; without one, `--init_from` stands for the
    recipe of fine-tuning. What a recipe says of a head that `--heads` leaves out does not count. Raises UsageError as
    `set_defaults` does.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    first = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    first.add_argument("--recipe")
    first.add_argument("--init_from")
    first.add_argument("--finetune", action="store_true")
    first.add_argument("--heads", nargs="+")
    found = first.parse_known_args(arguments)[0]
    name = found.recipe or (FINE_TUNING if found.init_from or found.finetune else None)
    if name:
        given = {word.partition("=")[0].lstrip("-") for word in arguments}
        skipped = {option for option, rival in RIVALS.items() if rival in given}
        for head, sizes in sizes_of_heads().items():
            if found.heads and head not in found.heads:
                skipped |= OF_HEADS[head] | {item.name for item in fields(sizes)}
        set_defaults(parser, _find(name), skipped)
    return parser.parse_args(arguments)


def _find(name: str) -> Path:
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if not path.is_file():
        available = ", ".join(sorted(recipe.stem for recipe in FOLDER.glob("*.toml")))
        raise UsageError(f"--recipe {name}: there is no {path}; give the path of a .toml file, or one of: {available}")
    return path
