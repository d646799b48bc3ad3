"""Options of train.py: what is masked and warped of the features, silence, and how weights begin."""

import argparse

from ramospeech.cli import count_or_0, number, positive
from ramospeech.training.initial import UNIFORM

WIDTH = number(float, 0, 10_000)


def add_features(parser: argparse.ArgumentParser) -> None:
    """Add the options of SpecAugment, of silence and of the first weights."""
    group = parser.add_argument_group("SpecAugment, silence and first weights")
    group.add_argument(
        "--time_masks", type=count_or_0, default=2, help="spans of time that SpecAugment masks in a clip"
    )
    group.add_argument(
        "--time_mask_width", type=WIDTH, default=0.08, help="their longest: a fraction of the clip; above 1, frames"
    )
    group.add_argument("--frequency_masks", type=count_or_0, default=2, help="bands of bins that it masks")
    group.add_argument(
        "--frequency_mask_width", type=WIDTH, default=0.2, help="their widest: a fraction of the bins; above 1, bins"
    )
    group.add_argument(
        "--time_warp", metavar="FRAMES", type=count_or_0, default=0, help="frames by which its time warp moves, at most"
    )
    group.add_argument(
        "--remove_silence",
        action="store_true",
        help="leave out what has no voice, by WebRTC's detector, as transcribe --vad does; not with --windows",
    )
    group.add_argument(
        "--init_uniform",
        nargs="?",
        const=UNIFORM,
        metavar="A",
        type=positive,
        help=f"draw the weights of a new model evenly from -A to A ({UNIFORM:g}); those of normalisations stay",
    )
