"""The workers that `horovodrun` starts: the only file that imports Horovod."""

import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any, TypeVar

import torch
from torch import Tensor

from ramospeech.errors import DistributedError, WorkerLostError
from ramospeech.parallel.watch import Watch
from ramospeech.parallel.workers import Workers

Result = TypeVar("Result")

INSTALL_HOROVOD = "Horovod is not installed here: run ./install.sh --horovod (it needs g++ and make)"


class HorovodWorkers(Workers):
    """The workers that `horovodrun` started.

    elastic: some may join or leave, see `ramospeech.parallel.elastic`. Raises DistributedError where Horovod is not
    installed, or this worker does not belong to the run (any more).
    """

    sends_bfloat16 = False  # Horovod 0.28 does not know the type

    def __init__(self, elastic: bool = False) -> None:
        try:
            import horovod.torch as hvd
            from horovod.common.exceptions import HorovodInternalError
        except ImportError as error:
            raise DistributedError(f"{INSTALL_HOROVOD} ({error})") from error
        # A worker that waits longer than this for another one gives up: an error, not a hang.
        os.environ.setdefault("HOROVOD_STALL_CHECK_TIME_SECONDS", "120")
        os.environ.setdefault("HOROVOD_STALL_SHUTDOWN_TIME_SECONDS", "900")
        if not torch.cuda.is_available():
            # Workers ask each other every so many ms whether there is something to send. At Horovod's own 1 ms that
            # takes up to a fifth of a core, which on a CPU is a fifth of the training.
            os.environ.setdefault("HOROVOD_CYCLE_TIME", "5")
        try:
            hvd.init()
        except RuntimeError as error:
            raise DistributedError(f"the workers of horovodrun did not find each other: {error}") from error
        self._hvd, self._lost = hvd, HorovodInternalError
        self.elastic = elastic
        if elastic:
            from horovod.common.elastic import notification_manager

            notification_manager.init()
            notification_manager.register_listener(self)
            self._notifications = notification_manager
        self.rank: int = hvd.rank()
        self.local_rank: int = hvd.local_rank()
        self.size: int = hvd.size()
        self.local_size: int = hvd.local_size()
        self._watch = self._watched()

    def _watched(self) -> Watch | None:
        """The watch over the others, by the server of horovodrun; mpirun has none."""
        address, port = (os.environ.get(f"HOROVOD_GLOO_RENDEZVOUS_{name}") for name in ("ADDR", "PORT"))
        if self.size == 1 or not (address and port):
            return None
        from horovod.runner.http.http_client import put_data_into_kvstore, read_data_from_kvstore

        scope = f"ramospeech{self.size}"
        return Watch(
            self.rank,
            self.size,
            put=lambda key, text: put_data_into_kvstore(address, port, scope, key, text),
            get=lambda key: read_data_from_kvstore(address, port, scope, key),
        )

    def on_hosts_updated(self, timestamp: float, result: Any) -> None:
        """Take the notification of Horovod's driver that workers join or leave."""
        self.changed = True

    def renewed(self) -> "HorovodWorkers":
        """Return the workers that are there now, in an elastic run, where some were lost or `changed`."""
        self._notifications.remove_listener(self)
        if self._watch:
            self._watch.end()
        self._hvd.shutdown()
        return HorovodWorkers(elastic=True)

    @property
    def launcher(self) -> tuple[str, ...]:
        return "horovodrun", "-np", str(self.size), "python"

    def begin_all_reduce(self, values: Tensor, number: int = 0) -> Callable[[], object]:
        # The same name for the same shape: Horovod negotiates it once and then answers from its cache.
        name = f"sum.{values.dtype}.{tuple(values.shape)}.{number}"
        handle = self._with_all(lambda: self._hvd.allreduce_async_(values, op=self._hvd.Sum, name=name))
        return lambda: self._with_all(lambda: self._end(handle))

    def all_gather_object(self, item: Any) -> list[Any]:
        return self._with_all(lambda: self._hvd.allgather_object(item, name="gather"))

    def broadcast_object(self, item: Any) -> Any:
        return self._with_all(lambda: self._hvd.broadcast_object(item, root_rank=0, name="share"))

    def _end(self, handle: int) -> None:
        # Horovod itself waits in a loop that keeps a core busy, which on a CPU is taken from the worker waited for.
        while not self._hvd.poll(handle):
            time.sleep(1e-4)
        self._hvd.synchronize(handle)

    def _with_all(self, what: Callable[[], Result]) -> Result:
        try:
            with self._watch.waiting() if self._watch else nullcontext():
                return what()
        except self._lost as error:
            raise WorkerLostError(self.rank, error) from error
