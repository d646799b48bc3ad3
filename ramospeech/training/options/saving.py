"""Options of train.py: what is saved, and when."""

import argparse

from ramospeech.cli import count, count_or_0


def add_saving(parser: argparse.ArgumentParser) -> None:
    """Add the options of saving and of measuring."""
    group = parser.add_argument_group("saving")
    group.add_argument("--save_step", type=count_or_0, default=0, help="also keep the model of every N-th epoch")
    group.add_argument("--dev_step", type=count, default=1, help="measure the dev lists every N epochs")
