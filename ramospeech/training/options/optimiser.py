"""Options of train.py: the optimiser and its schedule."""

import argparse

from ramospeech.cli import count, fraction, number, peak_rate, positive, positive_or_0, seed
from ramospeech.training.defaults import default_of


def add_optimiser(parser: argparse.ArgumentParser) -> None:
    """Add the options of the optimiser."""
    group = parser.add_argument_group("optimiser (AdamW)")
    group.add_argument("--epochs", type=count, default=60, help="passes over the training lists")
    group.add_argument("--lr", type=peak_rate, default=1e-3, help="peak learning rate of one worker")
    group.add_argument("--head_lr", type=peak_rate, help="peak learning rate above the encoder (default: --lr)")
    group.add_argument("--warmup", type=count, default=500, help="steps of linear warm-up, at most a fifth of all")
    group.add_argument("--weight_decay", type=number(float, 0, 10), default=1e-2, help="weight decay of matrices")
    group.add_argument(
        "--max_grad_norm",
        dest="clip",
        metavar="NORM",
        type=positive,
        default=5.0,
        help="clip the gradient to this norm",
    )
    group.add_argument(
        "--ema_decay",
        dest="average",
        metavar="DECAY",
        type=fraction,
        help=f"decay of the exponential moving average of weights; 0: none {default_of('average')}",
    )
    group.add_argument(
        "--layer_decay",
        type=number(float, 0.1, 1),
        default=1.0,
        help="factor of the learning rate per layer downwards, with --init_from",
    )
    group.add_argument(
        "--l2_sp",
        type=positive_or_0,
        default=0.0,
        help="weight of the L2 distance from the weights of --init_from (100)",
    )
    group.add_argument("--seed", type=seed, default=1, help="random seed")
