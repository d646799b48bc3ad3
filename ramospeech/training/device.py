"""Which device a worker trains on."""

import os

import torch

from ramospeech.errors import UsageError
from ramospeech.parallel import Alone
from ramospeech.training.memory import keep_freed_memory


def choose_device(gpus: int | None, amp: str, threads: int | None, workers: Alone) -> torch.device:
    """This worker's GPU, or the CPU with its share of the cores.

    Args:
        gpus: to use on each host; 0 is the CPU, None is all.
        amp: "no", "bf16" or "fp16".
        threads: of a worker on the CPU; None shares the host's cores.

    Raises: UsageError: more GPUs than the host has, more workers than GPUs, or fp16 without a GPU.
    """
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    gpus = there if gpus is None else gpus
    if not 0 <= gpus <= there:
        raise UsageError(f"--gpu_rank {gpus}: this host has {there} GPUs; give at most that many (0 for the CPU)")
    if gpus and workers.local_size > gpus:
        raise UsageError(
            f"{workers.local_size} workers on this host for {gpus} GPUs: start horovodrun with -np {gpus}, or give "
            "--gpu_rank 0 to train on the CPU"
        )
    if gpus:
        torch.cuda.set_device(workers.local_rank)
        return torch.device("cuda", workers.local_rank)
    if amp == "fp16":
        raise UsageError("--amp fp16 needs a GPU; on the CPU use --amp bf16 or --amp no")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    keep_freed_memory()
    torch.set_num_threads(threads or max(1, cores // workers.local_size))
    return torch.device("cpu")
