"""Which device a worker trains on."""

import os
import re
from collections.abc import Sequence

import torch

from ramospeech.environment import cpu_threads, launched
from ramospeech.errors import UsageError
from ramospeech.malloc import keep_freed_memory
from ramospeech.parallel import Workers


def choose_device(
    gpus: int | None, amp: str, threads: int | None, workers: Workers, device: str | None = None
) -> torch.device:
    """Return this worker's GPU, or the CPU with its share of the cores.

    Args:
        gpus: to use on each host; 0 is the CPU, None is all.
        amp: "no", "bf16" or "fp16".
        threads: of a worker on the CPU; None is OMP_NUM_THREADS, or the worker's part of the host's cores.
        device: "cpu", "cuda" (each worker has a GPU of its own), "cuda:K" or "mps"; None leaves the choice to `gpus`.

    Raises: UsageError: a device that is unknown or not there, or that contradicts `gpus`; more GPUs than the host has,
    more workers than GPUs, or fp16 without a GPU.
    """
    available = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device is not None:
        _check(device, gpus, available, workers)
        gpus = 0 if device in ("cpu", "mps") else available if gpus is None else gpus
    gpus = available if gpus is None else gpus
    if not 0 <= gpus <= available:
        raise UsageError(f"--gpu_rank {gpus}: this host has {available} GPUs; give at most that many (0 for the CPU)")
    if gpus and workers.local_size > gpus:
        raise UsageError(
            f"{workers.local_size} workers on this host for {gpus} GPUs: start horovodrun with -np {gpus}, or give "
            "--gpu_rank 0 to train on the CPU"
        )
    if gpus:
        number = int(device.split(":")[1]) if device and ":" in device else workers.local_rank
        torch.cuda.set_device(number)
        torch.backends.cuda.matmul.allow_tf32 = amp != "no"  # of what mixed precision leaves in float32
        return torch.device("cuda", number)
    if amp == "fp16" and device != "mps":
        raise UsageError("--amp fp16 needs a GPU; on the CPU use --amp bf16 or --amp no")
    keep_freed_memory()
    torch.set_num_threads(cpu_threads(threads, workers.local_size))
    return torch.device(device or "cpu")


def use_devices(numbers: Sequence[int] | None) -> None:
    """Let this process and those it starts see these GPUs only. Raises UsageError: one that is not there."""
    if numbers is None or (launched() and "CUDA_VISIBLE_DEVICES" in os.environ):
        return
    if "CUDA_VISIBLE_DEVICES" in os.environ:
        raise UsageError("--device_ids: CUDA_VISIBLE_DEVICES is set and says which GPUs to use; unset one of the two")
    there = torch.cuda.device_count()
    if max(numbers) >= there:
        raise UsageError(f"--device_ids {','.join(map(str, numbers))}: this host has {there} GPUs, numbered from 0")
    os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(map(str, numbers))


def processes_to_start(asked: int | str | None) -> int:
    """Return how many workers this process has to start for --workers: none where it is one of them."""
    if asked is None or launched():
        return 0
    return max(1, torch.cuda.device_count()) if asked == "auto" else int(asked)


def check_gradients(precision: str, workers: Workers) -> None:
    """Raise UsageError where these workers cannot send gradients in that precision."""
    if precision == "bf16" and not workers.sends_bfloat16:
        raise UsageError(
            "--gradients bf16: Horovod cannot send bfloat16; give --gradients fp16, or start with torchrun"
        )


def _check(device: str, gpus: int | None, available: int, workers: Workers) -> None:
    """Raise UsageError where `device` is not a device of this host, or not one that `gpus` allows."""
    if not re.fullmatch(r"cpu|cuda(:\d+)?|mps", device):
        raise UsageError(f"--device {device}: unknown; give cpu, cuda, cuda:1 (the second GPU) or mps")
    number = int(device.split(":")[1]) if ":" in device else 0
    if gpus is not None and (gpus <= number if device.startswith("cuda") else gpus > 0):
        meant = "the CPU" if gpus == 0 else "the first GPU" if gpus == 1 else f"the first {gpus} GPUs"
        raise UsageError(f"--device {device} and --gpu_rank {gpus} ({meant}) disagree: give only one of the two")
    if device.startswith("cuda") and number >= available:
        raise UsageError(f"--device {device}: this host has {available} GPUs; --device cpu always works")
    if device == "mps" and not torch.backends.mps.is_available():
        raise UsageError("--device mps: this host has no Apple GPU that torch can use; --device cpu always works")
    if (":" in device or device == "mps") and workers.local_size > 1:
        raise UsageError(
            f"--device {device}: one GPU for {workers.local_size} workers on this host; give --device cuda, with which "
            "each has its own"
        )
