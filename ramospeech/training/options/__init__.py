"""The command line of train.py, one module for each group of options."""

import argparse

from ramospeech.cli import Parser
from ramospeech.training.options.attention import add_attention
from ramospeech.training.options.checks import check_options
from ramospeech.training.options.data import BATCH_SIZE, add_data
from ramospeech.training.options.features import add_features
from ramospeech.training.options.loss import add_loss
from ramospeech.training.options.machine import add_machine
from ramospeech.training.options.model import add_model
from ramospeech.training.options.optimiser import add_optimiser
from ramospeech.training.options.rare import add_rare
from ramospeech.training.options.saving import add_saving
from ramospeech.training.options.shards import add_shards
from ramospeech.training.options.windows import add_windows
from ramospeech.training.options.workers import add_workers

__all__ = ["BATCH_SIZE", "check_options", "options"]

RENAMED = {  # options of version 0.1
    "--weights": "--corpus_weights",
    "--clip": "--max_grad_norm",
    "--average": "--ema_decay",
    "--smoothing": "--label_smoothing",
    "--consistency": "--cr_ctc_weight",
    "--join": "--concat_seconds",
    "--silence": "--pad_silence",
    "--augment_ramp": "--augment_warmup",
}
ADDED = (  # in the order of the help
    add_data,
    add_shards,
    add_model,
    add_attention,
    add_loss,
    add_features,
    add_windows,
    add_optimiser,
    add_machine,
    add_workers,
    add_saving,
    add_rare,
)


def options(about: str) -> argparse.ArgumentParser:
    """Return the command line; `about` is the program's docstring: what it does, and after an empty line examples."""
    description, epilog = about.split("\n\n", 1)
    parser = Parser(renamed=RENAMED, description=description, epilog=epilog)
    for add in ADDED:
        add(parser)
    return parser
