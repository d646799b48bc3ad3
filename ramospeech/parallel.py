"""Several workers as one: the only file that imports Horovod, and its one-process sibling.

`connect()` gives `HorovodWorkers` under `horovodrun` and `SingleProcess` otherwise. Collectives must be called by every
worker in the same order; `run_or_fail_together` turns an error of one worker into the same error on all, so that none
is left waiting.
"""

import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from ramospeech.errors import DistributedError, RamospeechError

Result = TypeVar("Result")

INSTALL_HOROVOD = "Horovod is not installed here: run ./install.sh --horovod (it needs g++ and make)"


class Workers(ABC):
    """The processes of a run. What a subclass does not implement cannot be forgotten: it then has no instances."""

    rank: int
    local_rank: int
    size: int
    local_size: int

    @abstractmethod
    def all_reduce(self, values: Tensor) -> Tensor:
        """Sum `values` over the workers (any shape, float)."""

    @abstractmethod
    def all_gather_object(self, item: Any) -> list[Any]:
        """Gather one picklable item of each worker, in rank order, on every worker."""

    @abstractmethod
    def broadcast_object(self, item: Any) -> Any:
        """Rank 0's item on every worker."""

    @abstractmethod
    def all_reduce_gradients(self, parameters: Sequence[nn.Parameter], totals: Tensor, fp16: bool = False) -> Tensor:
        """Sum the gradients over the workers, in place, and return the sum of `totals` (N,).

        `fp16`: send the gradients in half precision.
        """

    @abstractmethod
    def synchronise_batch_norm(self, model: nn.Module) -> None:
        """Make the batch statistics of training those of all workers' clips together."""

    @abstractmethod
    def average_batch_norm(self, model: nn.Module) -> None:
        """Replace each worker's running statistics by the average over the workers."""

    def run_or_fail_together(self, what: Callable[[], Result]) -> Result:
        """Run `what` on every worker; if it fails on any, fail on all with that worker's message.

        Raises: RamospeechError: the error of this worker; DistributedError: the error of another one.
        """
        result: Result | None = None
        error: RamospeechError | None = None
        try:
            result = what()
        except RamospeechError as raised:
            error = raised
        errors = self.all_gather_object(None if error is None else str(error))
        if error is not None:
            raise error
        for rank, message in enumerate(errors):
            if message is not None:
                raise DistributedError(f"worker {rank}: {message}")
        return result  # type: ignore[return-value]

    def broadcast_from_rank_0(self, what: Callable[[], Result]) -> Result:
        """Run `what` on rank 0 alone; its result, or its error, on all.

        Raises: as `run_or_fail_together`.
        """
        return self.broadcast_object(self.run_or_fail_together(lambda: what() if self.rank == 0 else None))

    def check_same(self, name: str, value: Any) -> None:
        """Check that every worker has the same `value`; raises DistributedError that names the workers that differ."""
        values = self.all_gather_object(value)
        different = [rank for rank, other in enumerate(values) if other != values[0]]
        if different:
            raise DistributedError(
                f"workers {different} have another {name} than worker 0; give every host the same files and options"
            )


class SingleProcess(Workers):
    """One process: every collective is the identity."""

    rank = 0
    local_rank = 0
    size = 1
    local_size = 1

    def all_reduce(self, values: Tensor) -> Tensor:
        return values

    def all_gather_object(self, item: Any) -> list[Any]:
        return [item]

    def broadcast_object(self, item: Any) -> Any:
        return item

    def all_reduce_gradients(self, parameters: Sequence[nn.Parameter], totals: Tensor, fp16: bool = False) -> Tensor:
        return totals

    def synchronise_batch_norm(self, model: nn.Module) -> None: ...

    def average_batch_norm(self, model: nn.Module) -> None: ...


Alone = SingleProcess  # its name in version 0.1


class HorovodWorkers(Workers):
    """The workers that `horovodrun` started."""

    def __init__(self) -> None:
        try:
            import horovod.torch as hvd
        except ImportError as error:
            raise DistributedError(f"{INSTALL_HOROVOD} ({error})") from error
        # A worker that waits longer than this for another one gives up: an error, not a hang.
        os.environ.setdefault("HOROVOD_STALL_CHECK_TIME_SECONDS", "120")
        os.environ.setdefault("HOROVOD_STALL_SHUTDOWN_TIME_SECONDS", "900")
        if not torch.cuda.is_available():
            # Workers ask each other every so many ms whether there is something to send. At Horovod's own 1 ms that
            # takes up to a fifth of a core, which on a CPU is a fifth of the training.
            os.environ.setdefault("HOROVOD_CYCLE_TIME", "5")
        hvd.init()
        self._hvd = hvd
        self.rank: int = hvd.rank()
        self.local_rank: int = hvd.local_rank()
        self.size: int = hvd.size()
        self.local_size: int = hvd.local_size()

    def all_reduce(self, values: Tensor) -> Tensor:
        # The same name for the same shape: Horovod negotiates it once and then answers from its cache.
        name = f"sum.{values.dtype}.{tuple(values.shape)}"
        handle = self._hvd.allreduce_async(values, op=self._hvd.Sum, name=name)
        # Horovod itself waits in a loop that keeps a core busy, which on a CPU is taken from the worker waited for.
        while not self._hvd.poll(handle):
            time.sleep(1e-4)
        return self._hvd.synchronize(handle)

    def all_gather_object(self, item: Any) -> list[Any]:
        return self._hvd.allgather_object(item, name="gather")

    def broadcast_object(self, item: Any) -> Any:
        return self._hvd.broadcast_object(item, root_rank=0, name="share")

    def all_reduce_gradients(self, parameters: Sequence[nn.Parameter], totals: Tensor, fp16: bool = False) -> Tensor:
        # One message per step. Horovod's DistributedOptimizer sends each gradient as soon as it is there, which pays
        # where the network is slow and the model large; for our few MB its hooks, its negotiation of every tensor and
        # a second message for the totals cost more than the sending.
        gradients = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        if fp16:
            mean = self.all_reduce((flat / self.size).half())  # a sum could leave the range of half precision
            flat, totals = mean.to(flat.dtype) * self.size, self.all_reduce(totals)
        else:
            flat, totals = self.all_reduce(torch.cat([flat, totals.to(flat)])).split([len(flat), len(totals)])
        for parameter, part in zip(parameters, flat.split([p.numel() for p in parameters]), strict=True):
            parameter.grad = part.view_as(parameter)
        return totals

    def synchronise_batch_norm(self, model: nn.Module) -> None:
        for module in model.modules():
            if callable(share := getattr(module, "set_all_reduce", None)):
                share(self.all_reduce)

    def average_batch_norm(self, model: nn.Module) -> None:
        buffers = [
            buffer
            for module in model.modules()
            if isinstance(module, nn.modules.batchnorm._BatchNorm)
            for buffer in (module.running_mean, module.running_var)
            if buffer is not None
        ]
        if buffers:
            mean = self.all_reduce(torch.cat([buffer.flatten() for buffer in buffers])) / self.size
            for buffer, part in zip(buffers, mean.split([buffer.numel() for buffer in buffers]), strict=True):
                buffer.copy_(part.view_as(buffer))


def launched() -> bool:
    """Return whether a launcher (horovodrun over Gloo, or mpirun) started this process as one of several."""
    return any(name in os.environ for name in ("HOROVOD_RANK", "OMPI_COMM_WORLD_RANK", "PMI_RANK"))


def connect() -> Workers:
    """Return the workers of this run: `HorovodWorkers` under a launcher, otherwise `SingleProcess`.

    Raises: DistributedError: under a launcher without Horovod.
    """
    return HorovodWorkers() if launched() else SingleProcess()
