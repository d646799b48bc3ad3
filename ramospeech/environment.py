"""How many threads a program computes with, and how these wait: for programs only, which share a machine with others.

torch's wheels bring GNU's OpenMP runtime (libgomp; on macOS and in conda LLVM's or Intel's). Its threads wait for
each other in a loop that burns their core, for milliseconds. Where other programs keep the cores busy, a thread that
everyone waits for has none to run on, and a step takes 5 to 20 times as long. Passive waiting
leaves the core to other work; docs/benchmarks.md has what it gains on busy machines and costs on an idle one.

A program calls `prepare` before torch is imported: the runtimes read these variables once, when they are loaded.
Importing ramospeech as a library changes nothing. What the user has set stays.
"""

import os
import sys

_WAITING = {
    "OMP_WAIT_POLICY": "PASSIVE",  # every runtime
    "GOMP_SPINCOUNT": "0",  # GNU's, where a parent program has set another policy for it
    "KMP_BLOCKTIME": "0",  # Intel's and LLVM's: milliseconds
}
# oneDNN keeps a kernel for each length of clip it has met. Its own limit of 1,024 takes 30 MB after a few dozen clips
# and saves a twentieth of the time.
_KERNELS = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "16"}
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

# One thread keeps its fair share of a busy machine; on an idle one --threads 2 is faster (docs/benchmarks.md).
TRANSCRIBING_THREADS = 1


def prepare(threads: int | None = None) -> None:
    """Set the variables that the user has not set. Must come before torch is imported.

    threads: of torch; None leaves them to `cpu_threads`. numpy's matrix products, which are small here, get one.
    """
    if not any(name in os.environ for name in _WAITING):
        os.environ.update(_WAITING)
    for name, value in _KERNELS.items():
        os.environ.setdefault(name, value)
    if not any(name in os.environ for name in _THREADS):
        os.environ["OPENBLAS_NUM_THREADS"] = "1"
        if threads is not None:
            os.environ["OMP_NUM_THREADS"] = str(threads)


def prepare_module() -> None:
    """`prepare` where `python -m ramospeech.MODULE` runs, which imports its package, and torch, before the module."""
    arguments = sys.orig_argv
    if "-m" in arguments[:-1] and arguments[arguments.index("-m") + 1].split(".")[0] == "ramospeech":
        prepare()


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cpu_threads(asked: int | None = None, workers: int = 1) -> int:
    """Threads for one of `workers` on this host: what was asked for, OMP_NUM_THREADS, or its part of the cores."""
    wished = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    if asked is None and wished.isdecimal() and int(wished):
        return int(wished)
    return asked or max(1, cores() // workers)
