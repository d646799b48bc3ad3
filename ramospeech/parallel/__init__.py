"""Several workers as one, whoever starts them.

`connect()` gives `HorovodWorkers` under `horovodrun`, `TorchrunWorkers` under `torchrun` and `SingleProcess` otherwise;
nothing else knows which.
"""

import os
from collections.abc import Callable

from ramospeech.environment import OF_HOROVOD, launched
from ramospeech.parallel.elastic import run_elastic
from ramospeech.parallel.horovod import INSTALL_HOROVOD, HorovodWorkers
from ramospeech.parallel.single import SingleProcess
from ramospeech.parallel.torchrun import TorchrunWorkers
from ramospeech.parallel.workers import Workers, WorkersChangedError

__all__ = [
    "INSTALL_HOROVOD",
    "Alone",
    "HorovodWorkers",
    "SingleProcess",
    "TorchrunWorkers",
    "Workers",
    "WorkersChangedError",
    "connect",
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
    """Return what `task` returns, given the workers of this run; `elastic`: see `run_elastic`."""
    return run_elastic(task) if elastic else task(connect())
