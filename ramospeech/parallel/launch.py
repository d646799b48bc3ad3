"""Starts several workers of a program on this host, as `torchrun` does, and ends without a traceback over theirs."""

import logging
import os
import signal
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path


def launch(workers: int, words: Sequence[str]) -> int:
    """Run `ramospeech WORDS` in so many processes; returns 0, or the exit status of the first that failed.

    When one fails, or this process is told to end, the others are told, and killed after 30 seconds.
    """
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.getLogger("torch.distributed").setLevel(logging.CRITICAL)  # the workers' own last words are the cause
    root = str(Path(__file__).resolve().parents[2])
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=workers,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        max_restarts=0,
        monitor_interval=0.2,
    )
    try:
        elastic_launch(config, sys.executable)("-m", "ramospeech", *words)
    except ChildFailedError as error:
        _, failure = error.get_first_failure()
        return failure.exitcode if failure.exitcode > 0 else 1
    except SignalException as error:
        return 130 if error.sigval == signal.SIGINT else 143
    return 0
