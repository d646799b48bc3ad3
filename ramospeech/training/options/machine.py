"""Options of train.py: the machine."""

import argparse

from ramospeech.cli import count_or_0, few, positive


def add_machine(parser: argparse.ArgumentParser) -> None:
    """Add the options of the machine."""
    flag = argparse.BooleanOptionalAction
    group = parser.add_argument_group("machine")
    group.add_argument("--gpu_rank", type=count_or_0, help="GPUs to use on each host (0: the CPU; default: all)")
    group.add_argument("--device", metavar="NAME", help="cpu, cuda, cuda:1 or mps (default: what --gpu_rank says)")
    group.add_argument("--amp", choices=("no", "bf16", "fp16"), default="no", help="mixed precision")
    group.add_argument(
        "--loss_scale", type=positive, metavar="X", help="fixed scale of the loss with --amp fp16 (default: dynamic)"
    )
    group.add_argument("--sync_batchnorm", action=flag, default=False, help="batch norm statistics over all workers")
    group.add_argument(
        "--threads", type=few, help="CPU threads of a worker (default: OMP_NUM_THREADS, or cores / workers)"
    )
