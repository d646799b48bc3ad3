"""Options of train.py: the heads of the model, and how a speller learns."""

import argparse

from ramospeech.cli import count, fraction, number
from ramospeech.model import HEADS, sizes_of_heads
from ramospeech.settings import add_options


def add_attention(parser: argparse.ArgumentParser) -> None:
    """Add the options of the heads."""
    group = parser.add_argument_group("heads, and the sizes of the attention head")
    group.add_argument(
        "--heads",
        nargs="+",
        choices=tuple(HEADS),
        help="what learns from the states of the encoder: ctc, attention or both (default: ctc, or those of the model)",
    )
    group.add_argument(
        "--ctc_weight", type=fraction, default=0.3, help="fraction of the loss that is CTC's, with both heads"
    )
    group.add_argument(
        "--attention_smoothing",
        type=fraction,
        default=0.1,
        help="label smoothing of the attention head: fraction of each target that is spread over all units",
    )
    group.add_argument(
        "--teacher_forcing",
        metavar="RATIO",
        type=number(float, 0, 1),
        nargs="+",
        default=(1.0,),
        help="fraction of the units before the next one that are the reference's, not the model's own (scheduled "
        "sampling): at the start, and at the end of each stage of --teacher_forcing_steps",
    )
    group.add_argument(
        "--teacher_forcing_steps",
        metavar="N",
        type=count,
        nargs="+",
        default=(),
        help="optimiser steps of each stage, over which the ratio changes linearly: one for a linear decay, two for a "
        "decay in two stages",
    )
    add_options(group, sizes_of_heads())
