"""Options of train.py: several workers, and the batch of a step."""

import argparse

from ramospeech.cli import count


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Add the options of several workers."""
    group = parser.add_argument_group("several workers (docs/distributed.md)")
    group.add_argument(
        "--accumulate", type=count, default=1, metavar="N", help="batches of a worker whose gradients make one step"
    )
    group.add_argument(
        "--gradients",
        choices=("fp32", "fp16", "bf16"),
        default="fp32",
        help="precision in which workers send gradients (bf16: torchrun only)",
    )
    group.add_argument("--fp16_gradients", action="store_true", help="the same as --gradients fp16")
    group.add_argument(
        "--elastic",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="continue when workers are lost, leave or join (docs/distributed.md)",
    )
