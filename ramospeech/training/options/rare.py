"""Options of train.py that few runs need."""

import argparse

from ramospeech.cli import count_or_0, fraction, number, positive, positive_or_0
from ramospeech.training.schedule import SCALINGS, SCHEDULES


def add_rare(parser: argparse.ArgumentParser) -> None:
    """Add the options that few runs need."""
    group = parser.add_argument_group("rarely needed")
    group.add_argument("--cache_gb", type=positive_or_0, default=1.0, help="decoded audio kept in memory, per worker")
    group.add_argument("--ace_ramp", type=count_or_0, default=1000, help="steps over which --ace_weight grows from 0")
    group.add_argument(
        "--label_smoothing",
        dest="smoothing",
        metavar="WEIGHT",
        type=fraction,
        default=0.0,
        help="label smoothing: weight of the uniform distribution",
    )
    group.add_argument(
        "--cr_ctc_weight",
        dest="consistency",
        metavar="WEIGHT",
        type=positive_or_0,
        default=0.0,
        help="weight of the CR-CTC consistency loss (0.2); doubles the time of a step",
    )
    group.add_argument(
        "--concat_seconds",
        dest="join",
        metavar="S",
        type=positive_or_0,
        default=0.0,
        help="join clips, with pauses, up to this many seconds",
    )
    group.add_argument(
        "--pad_silence",
        dest="silence",
        metavar="S",
        type=number(float, 0, 5),
        default=0.0,
        help="pad clips with up to this many seconds of silence at each end",
    )
    group.add_argument("--lr_scaling", choices=SCALINGS, default="sqrt", help="growth of --lr with the workers")
    group.add_argument("--schedule", choices=SCHEDULES, default="cosine", help="learning rate after the warm-up")
    group.add_argument("--save_minutes", type=positive, default=10.0, help="minutes between saves within an epoch")
    group.add_argument(
        "--patience", type=count_or_0, default=0, help="stop after this many evaluations without improvement; 0: never"
    )
