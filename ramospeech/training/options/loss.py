"""Options of train.py: losses and augmentation."""

import argparse

from ramospeech.augment import BATCH_EFFECTS, EFFECTS, SNR
from ramospeech.cli import fraction, number, positive_or_0
from ramospeech.training.defaults import default_of


def add_loss(parser: argparse.ArgumentParser) -> None:
    """Add the options of the loss and of augmentation."""
    flag = argparse.BooleanOptionalAction
    group = parser.add_argument_group("loss and augmentation")
    group.add_argument("--loss", choices=("ctc", "ace", "ctc_ace"), default="ctc", help="training loss")
    group.add_argument("--ace_weight", type=positive_or_0, default=0.1, help="weight of ACE in ctc_ace")
    group.add_argument(
        "--auxiliary",
        type=positive_or_0,
        help=f"weight of CTC over initials, finals and tones, in training only {default_of('auxiliary')}",
    )
    group.add_argument("--teacher", metavar="MODEL", help="learn from this model's posteriors too: accurate, or a file")
    group.add_argument(
        "--teacher_weight", type=fraction, default=0.5, help="fraction of the loss that compares with the teacher"
    )
    group.add_argument(
        "--speeds", type=number(float, 0.5, 2), nargs="+", default=(0.9, 1.0, 1.1), help="factors of speed perturbation"
    )
    group.add_argument(
        "--augment",
        nargs="+",
        metavar="NAME[=P]",
        help=f"effects and their probabilities: all, or {' '.join(EFFECTS)}; with --windows: {' '.join(BATCH_EFFECTS)}",
    )
    group.add_argument("--noise", metavar="DIR", help="folder of noise recordings, for --augment noise")
    group.add_argument("--music", metavar="DIR", help="folder of music recordings, for --augment music")
    group.add_argument("--rooms", metavar="DIR", help="folder of room impulse responses, for half of --augment room")
    group.add_argument(
        "--noise_snr",
        type=number(float, -100, 100),
        nargs=2,
        default=SNR,
        help="range of the signal-to-noise ratio, dB",
    )
    group.add_argument("--warp", type=fraction, help=f"VTLP: largest stretch of frequencies {default_of('warp')}")
    group.add_argument("--spec_augment", action=flag, default=True, help="SpecAugment: mask bands and spans")
    group.add_argument(
        "--augment_warmup",
        dest="augment_ramp",
        metavar="FRACTION",
        type=fraction,
        help=f"fraction of the run over which --warp and SpecAugment grow {default_of('augment_ramp')}",
    )
