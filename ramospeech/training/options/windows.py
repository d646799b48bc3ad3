"""Options of train.py: windows of joined clips on the device."""

import argparse

from ramospeech.cli import count, fraction, number, positive

DROP_WORST = "fraction of a corpus, its clips of highest loss, to leave out after a third of the run"

REUSE = "train on each batch N times, with new masks; its effects and its teacher are computed once, to save CPU time"


def add_windows(parser: argparse.ArgumentParser) -> None:
    """Add the options of windows."""
    group = parser.add_argument_group("windows: all audio on the device, batches made there")
    group.add_argument(
        "--windows",
        type=number(float, 1, 600),
        nargs="+",
        metavar="SECONDS",
        help="train on joined clips that fill windows of one of these lengths, drawn for each step",
    )
    group.add_argument(
        "--mix", nargs="+", metavar="CORPUS=SHARE", help="fraction of the time per corpus (default: by length)"
    )
    group.add_argument("--noise_windows", type=fraction, default=0.0, help="fraction of windows without speech")
    group.add_argument("--reuse", type=count, default=1, metavar="N", help=REUSE)
    group.add_argument("--drop_worst", nargs="+", metavar="CORPUS=F", help=DROP_WORST)
    group.add_argument("--steps", type=count, help="optimiser steps of the whole run; dev is measured --epochs times")
    group.add_argument("--max_minutes", type=positive, help="minutes of the whole run, instead of --steps")
