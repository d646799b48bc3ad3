"""What several workers can do together, whoever started them.

Collectives must be called by every worker in the same order; `run_or_fail_together` turns an error of one worker into
the same error on all, so that none is left waiting.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from ramospeech.errors import DistributedError, RamospeechError

Result = TypeVar("Result")


class WorkersChangedError(Exception):
    """The launcher has another set of workers for the run, which is saved: connect anew and resume."""


class Workers(ABC):
    """The processes of a run. What a subclass does not implement cannot be forgotten: it then has no instances.

    Attributes: rank, size: of this worker among all; local_rank, local_size: among those of its host. Collectives
    raise WorkerLostError where another worker is gone.
    """

    rank: int
    local_rank: int
    size: int
    local_size: int
    elastic = False  # whether workers may leave and join
    changed = False  # whether the launcher told this worker that some will
    sends_bfloat16 = True
    collectives_in_backward = False  # of a batch norm that is synchronised

    @property
    @abstractmethod
    def launcher(self) -> tuple[str, ...]:
        """The command that starts so many workers of a Python program that follows it."""

    @abstractmethod
    def begin_all_reduce(self, values: Tensor, number: int = 0) -> Callable[[], object]:
        """Begin to sum `values` over the workers in place (any shape, float); return what waits until that is done.

        number: tells sums of the same shape apart that are under way together.
        """

    def all_reduce(self, values: Tensor) -> Tensor:
        """Return the sum of `values` over the workers (any shape, float)."""
        total = values.clone()
        self.begin_all_reduce(total)()
        return total

    @abstractmethod
    def all_gather_object(self, item: Any) -> list[Any]:
        """Gather one picklable item of each worker, in rank order, on every worker."""

    @abstractmethod
    def broadcast_object(self, item: Any) -> Any:
        """Rank 0's item on every worker."""

    def synchronise_batch_norm(self, model: nn.Module) -> None:
        """Make the batch statistics of training those of all workers' clips together."""
        if self.size == 1:
            return
        self.collectives_in_backward = True
        for module in model.modules():
            if callable(share := getattr(module, "set_all_reduce", None)):
                share(self.all_reduce)

    def average_batch_norm(self, model: nn.Module) -> None:
        """Replace each worker's running statistics by the average over the workers."""
        buffers = [
            buffer
            for module in model.modules()
            if isinstance(module, nn.modules.batchnorm._BatchNorm)
            for buffer in (module.running_mean, module.running_var)
            if buffer is not None
        ]
        if self.size == 1 or not buffers:
            return
        mean = self.all_reduce(torch.cat([buffer.flatten() for buffer in buffers])) / self.size
        for buffer, part in zip(buffers, mean.split([buffer.numel() for buffer in buffers]), strict=True):
            buffer.copy_(part.view_as(buffer))

    def run_or_fail_together(self, what: Callable[[], Result]) -> Result:
        """Run `what` on every worker; if it fails on any, fail on all with that worker's message, which rank 0 prints.

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
            raise self._printed_once(error)
        for rank, message in enumerate(errors):
            if message is not None:
                raise self._printed_once(DistributedError(f"worker {rank}: {message}"))
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
            message = (
                f"workers {different} have another {name} than worker 0; give every host the same files and options"
            )
            raise self._printed_once(DistributedError(message))

    def _printed_once(self, error: RamospeechError) -> RamospeechError:
        """Return an error that all workers have, which a program prints on rank 0 only."""
        error.printed_elsewhere = self.rank > 0
        return error
