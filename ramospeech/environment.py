"""How many threads a program computes with, and how these wait: for programs only, which share a machine with others.

torch's wheels bring GNU's OpenMP runtime (libgomp; on macOS and in conda LLVM's or Intel's). Its threads wait for
each other in a loop that burns their core, for milliseconds. On an idle machine that is the fastest way to wait. Where
other programs keep the cores busy, a thread that everyone waits for has none to run on, and a step takes up to 20 times
as long. Passive waiting leaves the core to other work, and makes an idle machine slower by half. So a program looks
once, at its start, whether the machine has cores for it; docs/benchmarks.md has both cases.

A program calls `prepare` before torch is imported: the runtimes read these variables once, when they are loaded.
Importing ramospeech as a library changes nothing. What the user has set stays.
"""

import os
import statistics
import sys
import time
from pathlib import Path

_WAITING = {
    "OMP_WAIT_POLICY": "PASSIVE",  # every runtime
    "GOMP_SPINCOUNT": "0",  # GNU's, where a parent program has set another policy for it
    "KMP_BLOCKTIME": "0",  # Intel's and LLVM's: milliseconds
}
# oneDNN keeps a kernel for each size of product it has met, of up to 1 MB with AMX. 64 hold those of a model and of the
# second pass, whose products have two sizes (`model/layers/bfloat16.py`), and the last of its LSTM, which has many.
_ONEDNN_SETTINGS = {"ONEDNN_PRIMITIVE_CACHE_CAPACITY": "64"}
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
OF_HOROVOD = ("HOROVOD_RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK")  # horovodrun over Gloo, and mpirun
OF_TORCHRUN = ("RANK", "WORLD_SIZE", "MASTER_ADDR")
_LOCAL_SIZES = ("HOROVOD_LOCAL_SIZE", "LOCAL_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_SIZE")
_SAMPLES, _PAUSE = 9, 0.005  # of the machine's load: 45 ms, in which the median passes over what runs for a moment

_TRANSCRIBING = tuple(  # modules that compute as transcribing does
    f"ramospeech.{name}" for name in ("align", "programs.listen", "programs.pseudo_label", "programs.transcribe")
)
MAX_TRANSCRIBING_THREADS = 4  # batches are small; more threads spend their time waiting for each other


def prepare(max_threads: int | None = None) -> None:
    """Set the variables that the user has not set. Must come before torch is imported.

    max_threads: torch gets one for each core, and at most these; None leaves their number to `cpu_threads`.
    numpy's matrix products, which are small here, get one.
    """
    threads = min(max_threads or cores(), cores())
    needed = max(1, threads // local_workers())  # which share the cores
    if not any(name in os.environ for name in _WAITING) and running_elsewhere() + needed > cores():
        os.environ.update(_WAITING)
    for name, value in _ONEDNN_SETTINGS.items():
        os.environ.setdefault(name, value)
    if not any(name in os.environ for name in _THREADS):
        os.environ["OPENBLAS_NUM_THREADS"] = "1"
        if max_threads is not None:
            os.environ["OMP_NUM_THREADS"] = str(needed)


def launched() -> bool:
    """Return whether a launcher started this process as one of several."""
    return any(name in os.environ for name in OF_HOROVOD) or all(name in os.environ for name in OF_TORCHRUN)


def local_workers() -> int:
    """Workers that a launcher started on this host, this one among them."""
    found = [os.environ[name] for name in _LOCAL_SIZES if os.environ.get(name, "").isdecimal()]
    return max(1, *map(int, found)) if found else 1


def prepare_module() -> None:
    """Call `prepare` for `python -m ramospeech.MODULE`, which imports its package, and torch, before the module."""
    arguments = sys.orig_argv
    module = arguments[arguments.index("-m") + 1] if "-m" in arguments[:-1] else ""
    if module.startswith("ramospeech."):
        prepare(MAX_TRANSCRIBING_THREADS if module in _TRANSCRIBING else None)


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def has_bfloat16_tiles(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Return whether the CPU multiplies tiles of bfloat16 (Intel's AMX), as far as the system says; without torch."""
    return cpuinfo.is_file() and " amx_bf16" in cpuinfo.read_text("utf-8", "replace")


def running_elsewhere(stat: Path = Path("/proc/stat")) -> int:
    """Return how many threads of other programs compute now. Where the system does not say, its load of the last
    minute."""
    seen = []
    try:
        for _ in range(_SAMPLES):
            running = next(line for line in stat.read_text("ascii").splitlines() if line.startswith("procs_running "))
            seen.append(int(running.split()[1]) - 1)  # one is this program, which reads it
            time.sleep(_PAUSE)
    except (OSError, ValueError, IndexError, StopIteration):
        return round(os.getloadavg()[0]) if hasattr(os, "getloadavg") else 0
    return max(0, round(statistics.median(seen)))


def cpu_threads(asked: int | None = None, workers: int = 1) -> int:
    """Threads for one of `workers` on this host: what was asked for, OMP_NUM_THREADS, or its part of the cores."""
    wished = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    if asked is None and wished.isdecimal() and int(wished):
        return int(wished)
    return asked or max(1, cores() // workers)
