"""Options of train.py: several workers, and the batch of a step."""

import argparse

from ramospeech.cli import count


def processes(text: str) -> int | str:
    """Return a number of processes, or auto."""
    return text if text == "auto" else count(text)


def devices(text: str) -> list[int]:
    """Return the numbers of GPUs in I,J. Raises ArgumentTypeError."""
    numbers = [int(word) for word in text.split(",") if word.isdecimal()]
    if not numbers or len(set(numbers)) < len(text.split(",")):
        raise argparse.ArgumentTypeError(f"{text!r}: write the numbers of GPUs, such as 0,2, each once")
    return numbers


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Add the options of several workers."""
    group = parser.add_argument_group("several workers (docs/distributed.md)")
    group.add_argument(
        "--workers", type=processes, metavar="auto|N", help="start N processes on this host, or one for each GPU"
    )
    group.add_argument(
        "--device_ids", type=devices, metavar="I,J", help="the GPUs to use, such as 0,2 (default: what --gpu_rank says)"
    )
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
