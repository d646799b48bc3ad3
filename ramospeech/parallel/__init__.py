"""Several workers as one, whoever starts them.

`connect()` gives `HorovodWorkers` under `horovodrun`, `TorchrunWorkers` under `torchrun` and `SingleProcess` otherwise;
nothing else knows which.
"""

import os
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from ramospeech.environment import OF_HOROVOD, launched
from ramospeech.parallel.elastic import run_elastic
from ramospeech.parallel.gradients import GradientSums
from ramospeech.parallel.horovod import INSTALL_HOROVOD, HorovodWorkers
from ramospeech.parallel.launch import launch
from ramospeech.parallel.single import SingleProcess
from ramospeech.parallel.torchrun import TorchrunWorkers
from ramospeech.parallel.workers import Workers, WorkersChangedError

__all__ = [
    "INSTALL_HOROVOD",
    "Alone",
    "GradientSums",
    "HorovodWorkers",
    "SingleProcess",
    "TorchrunWorkers",
    "Workers",
    "WorkersChangedError",
    "connect",
    "digest_of_sources",
    "launch",
    "launched",
    "run",
]

Alone = SingleProcess  # its name in version 0.1


def connect() -> Workers:
    """Return the workers of this run, by what the launcher left in the environment.

    Raises: DistributedError: under horovodrun without Horovod; workers of torchrun that do not find each other.
    """
    if any(name in os.environ for name in OF_HOROVOD):
        return HorovodWorkers()
    return TorchrunWorkers() if launched() else SingleProcess()


def run(task: Callable[[Workers], int], elastic: bool = False) -> int:
    """Return what `task` returns, given the workers of this run; `elastic`: see `run_elastic`.

    Raises: DistributedError: workers that run other sources.
    """

    def begin(workers: Workers) -> int:
        if workers.size > 1:
            workers.check_same("version of ramospeech (its sources differ)", digest_of_sources())
        return task(workers)

    return run_elastic(begin) if elastic else begin(connect())


def digest_of_sources() -> str:
    """Return what says that two hosts run the same program: a hash over the modules of the package."""
    root = Path(__file__).parents[1]
    parts = [path.relative_to(root).as_posix().encode() + path.read_bytes() for path in sorted(root.rglob("*.py"))]
    return sha256(b"\0".join(parts)).hexdigest()
