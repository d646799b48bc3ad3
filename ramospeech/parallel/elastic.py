"""Runs that continue when workers are lost, leave or join: Horovod's elastic mode."""

import os
import sys
from collections.abc import Callable

from ramospeech.errors import UsageError, WorkerLostError
from ramospeech.parallel.horovod import HorovodWorkers
from ramospeech.parallel.workers import Workers, WorkersChangedError


def run_elastic(task: Callable[[Workers], int]) -> int:
    """Return what `task` returns, begun anew with the workers that are there whenever these change.

    The task saves before it raises WorkersChangedError, and resumes where it saved last. Raises: UsageError: the
    launcher cannot replace workers; otherwise what the task raises, but for WorkerLostError.
    """
    if os.environ.get("HOROVOD_ELASTIC") != "1":
        raise UsageError("--elastic: start it by horovodrun with --min-np and --host-discovery-script")
    workers = HorovodWorkers(elastic=True)
    while True:
        try:
            return task(workers)
        except WorkerLostError as error:
            print(f"{error.lost}; continuing with the workers that are left", file=sys.stderr)
        except WorkersChangedError:
            pass
        workers = workers.renewed()
