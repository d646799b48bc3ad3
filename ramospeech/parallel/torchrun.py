"""The workers that `torchrun` starts, over torch.distributed: Gloo on CPUs, NCCL where each has a GPU of its own."""

import atexit
import os
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from ramospeech.errors import DistributedError, WorkerLostError
from ramospeech.parallel.watch import Watch
from ramospeech.parallel.workers import Workers

Result = TypeVar("Result")

WAIT = timedelta(minutes=15)  # for another worker, as under Horovod; then an error, not a hang


class TorchrunWorkers(Workers):
    """The workers that `torchrun` started."""

    def __init__(self) -> None:
        self.local_rank = int(os.environ.get("LOCAL_RANK", "0"))
        self.local_size = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
        each_has_a_gpu = torch.cuda.is_available() and self.local_size <= torch.cuda.device_count()
        backend = "cpu:gloo,cuda:nccl" if each_has_a_gpu and dist.is_nccl_available() else "gloo"
        if not dist.is_initialized():  # as Ray does it
            try:
                store, rank, size = next(iter(dist.rendezvous("env://", timeout=WAIT)))
                # Workers that are started again (--max-restarts) meet on the same server, which has the old addresses.
                store = dist.PrefixStore(f"start{os.environ.get('TORCHELASTIC_RESTART_COUNT', '0')}", store)
                dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=WAIT)
            except (RuntimeError, ValueError) as error:
                raise DistributedError(f"the workers of torchrun did not find each other: {error}") from error
            atexit.register(dist.destroy_process_group)
        self.rank: int = dist.get_rank()
        self.size: int = dist.get_world_size()
        store = dist.PrefixStore("watch", dist.distributed_c10d._get_default_store())
        self._watch = Watch(
            self.rank, self.size, store.set, lambda key: store.get(key).decode() if store.check([key]) else ""
        )
        atexit.register(self._watch.end)

    @property
    def launcher(self) -> tuple[str, ...]:
        hosts = ("--nnodes", str(self.size // self.local_size)) if self.size > self.local_size else ()
        return "torchrun", *hosts, "--nproc_per_node", str(self.local_size)

    def begin_all_reduce(self, values: Tensor, number: int = 0) -> Callable[[], object]:
        work = self._with_all(lambda: dist.all_reduce(values, async_op=True))
        return lambda: self._with_all(work.wait)

    def all_gather_object(self, item: Any) -> list[Any]:
        items: list[Any] = [None] * self.size
        self._with_all(lambda: dist.all_gather_object(items, item))
        return items

    def broadcast_object(self, item: Any) -> Any:
        items = [item]
        self._with_all(lambda: dist.broadcast_object_list(items))
        return items[0]

    def _with_all(self, what: Callable[[], Result]) -> Result:
        try:
            with self._watch.waiting():
                return what()
        except RuntimeError as error:  # a DistBackendError of NCCL, or what Gloo says of a closed connection
            raise WorkerLostError(self.rank, error) from error
