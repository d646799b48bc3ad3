"""Options of train.py: what is saved, and when."""

import argparse

from ramospeech.cli import count, count_or_0
from ramospeech.training.records import TRACKERS


def add_saving(parser: argparse.ArgumentParser) -> None:
    """Add the options of saving and of measuring."""
    group = parser.add_argument_group("saving")
    group.add_argument("--save_step", type=count_or_0, default=0, help="also keep the model of every N-th epoch")
    group.add_argument(
        "--profile",
        type=count_or_0,
        default=0,
        metavar="N",
        help="write a trace of N steps and print where their time goes",
    )
    group.add_argument("--dev_step", type=count, default=1, help="measure the dev lists every N epochs")
    group.add_argument(
        "--checkpoint_every", type=count_or_0, default=0, metavar="N", help="also keep the model of every N-th step"
    )
    group.add_argument(
        "--dated",
        action="store_true",
        help="a folder of its own for each run, --model_path/YEAR_MONTH_DAY_HOUR_MINUTE_SECOND; with --load_model the "
        "latest",
    )
    group.add_argument(
        "--print_every", type=count, metavar="N", help="a line every N steps (default: a bar, or a line every 15 s)"
    )
    group.add_argument(
        "--save_result_every",
        type=count,
        default=20,
        metavar="N",
        help="steps between points of the curves, in TensorBoard and NAME.metrics.jsonl",
    )
    group.add_argument(
        "--track", choices=TRACKERS, help="also send the curves to Weights & Biases or MLflow, if it is installed"
    )
