"""One training step and one evaluation, the same alone and with many workers.

The order that several workers need: local loss, backward, summed gradients and totals, clipping, step. Whether a step
counts is decided from values that are equal on all workers, so they never part.
"""

import contextlib
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from ramospeech.data import Batch
from ramospeech.errors import TrainingError
from ramospeech.losses import Loss
from ramospeech.parallel import GradientSums, Workers
from ramospeech.training.accumulation import parts_of
from ramospeech.training.average import Average
from ramospeech.training.profiling import Timed

Forward = Callable[[Any, int], Loss]
"""A batch on the model's device and the step's number -> the loss of this worker's clips."""

AMP_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
MAX_BAD_STEPS = 100
TOTALS = 10  # numbers of a step that are summed over the workers


@dataclass
class Step:
    """What one step was, over all workers.

    Attributes: loss: mean per label, in nats; gradient_norm: before clipping; amount: of data (seconds of audio,
    characters of text) without padding; padded: with it; clips: or sentences; skipped: clips without a finite loss;
    unreadable: clips that could not be read; taken: whether the weights moved; stop, save: whether any worker was
    asked to stop, or rank 0 wants to save; seconds: the sum of the workers' clocks.
    """

    loss: float
    gradient_norm: float
    amount: float
    padded: float
    clips: int
    skipped: int
    unreadable: int
    taken: bool
    stop: bool
    save: bool
    seconds: float = 0.0


class Trainable(Protocol):
    """A worker's batch of one step: `ramospeech.data.Batch` for audio, `ramospeech.translate.TextBatch` for text.

    Attributes: amount: of data without padding (seconds of audio, characters of text); padded_amount: with it;
    unreadable: messages on what was left out. Its length is the number of clips or sentences.
    """

    unreadable: list[str]

    @property
    def amount(self) -> float: ...

    @property
    def padded_amount(self) -> float: ...

    def __len__(self) -> int: ...

    def to(self, device: torch.device) -> "Trainable": ...


def thawed(group: dict[str, Any], step: int) -> float:
    """Return what part of its rate a group of the optimizer has: 0 for `frozen` steps, then growing over `thaw`."""
    return min(1.0, max(0, step + 1 - group.get("frozen", 0)) / group.get("thaw", 1))


@contextlib.contextmanager
def fits_in_memory(amount: float) -> Iterator[None]:
    """Compute with a batch of so much data. Raises TrainingError where the memory of the device does not hold it."""
    try:
        yield
    except RuntimeError as error:  # torch.OutOfMemoryError is one; the CPU's has no class of its own
        if not isinstance(error, torch.OutOfMemoryError) and "can't allocate memory" not in str(error):
            raise
        raise TrainingError(
            f"the memory does not hold a batch of {amount:.0f} s; give a lower --batch_seconds, with --accumulate for "
            "as large a step"
        ) from error


class Trainer:
    """Takes steps with one model.

    Args:
        model: the module whose parameters `optimizer` holds.
        optimizer: of torch; the gradients that it sees are those of all workers' clips.
        forward: batch, step -> Loss (sum and count over this worker's clips).
        workers: from `parallel.connect`.
        device: of the model.
        dummy_batch: a batch that a worker computes with, to no effect, where it has no clip: the others wait for it.
        clip: the gradient norm is held at this.
        amp: "no", "bf16" or "fp16".
        loss_scale: of fp16; None: as large as the gradients allow.
        gradients: "fp32", "fp16" or "bf16", in which the workers send them.
        seed: of dropout and augmentation, together with the step and the rank: a resumed run draws the same.
        average: decay of the running average of the weights that `averaged` gives; 0 for none.
    """

    def __init__(
        self,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        forward: Forward,
        workers: Workers,
        device: torch.device,
        dummy_batch: Trainable,
        clip: float = 5.0,
        amp: str = "no",
        gradients: str = "fp32",
        seed: int = 0,
        average: float = 0.0,
        loss_scale: float | None = None,
    ) -> None:
        self.model, self.forward, self.workers, self.device = model, forward, workers, device
        self.optimizer = optimizer
        self.parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        self.sums = GradientSums(workers, self.parameters, TOTALS, gradients)
        self.dummy_batch = dummy_batch
        self.clip, self.amp, self.seed = clip, amp, seed
        # The loss is a sum over labels, so its gradients are large already.
        self.scaler = torch.amp.GradScaler(device.type, init_scale=loss_scale or 128.0, enabled=amp == "fp16")
        self.loss_scale = loss_scale
        self.average = Average(model, average) if average else None
        self.timed: Timed = lambda part: contextlib.nullcontext()  # of a Profiler: counts the parts of a step
        self.steps = 0
        self.consecutive_bad_steps = 0

    def autocast(self) -> contextlib.AbstractContextManager:
        """Return the precision that the forward pass runs in."""
        if self.amp == "no":
            return contextlib.nullcontext()
        return torch.autocast(self.device.type, AMP_TYPES[self.amp])

    def step(self, batch: Trainable, lr: float, stop: bool = False, save: bool = False, seconds: float = 0.0) -> Step:
        """Train on one batch (possibly empty, where no clip of it could be read).

        stop, save, seconds: this worker's part of what the step tells all of them.

        Raises: TrainingError: the loss or gradient was not finite many times in a row.
        """
        self.model.train()
        for group in self.optimizer.param_groups:
            group["lr"] = lr * group.get("rate", 1.0) * thawed(group, self.steps)
        self.optimizer.zero_grad()
        # Read after the backward passes were begun: a GPU computes them while this waits.
        parts = parts_of(batch)
        sums = torch.stack([self._backward(part, n, len(parts)) for n, part in enumerate(parts)]).sum(0).tolist()
        own = [batch.amount, batch.padded_amount, len(batch), len(batch.unreadable), stop, save, seconds]
        totals = torch.tensor([*sums, *own], dtype=torch.float64)
        with self.timed("communication"):
            totals = self.sums.end(totals)
        total, count, skipped, amount, padded, clips, unreadable, stops, saves, seconds = totals.tolist()
        mean = total / max(count, 1.0)
        with self.timed("optimiser"):
            norm = self._descend(count) if math.isfinite(mean) and count > 0 else math.nan
            taken = math.isfinite(norm)
            if taken and self.average:
                self.average.update()
        self.consecutive_bad_steps = 0 if taken or clips == 0 else self.consecutive_bad_steps + 1
        if self.consecutive_bad_steps >= MAX_BAD_STEPS:
            raise TrainingError(
                f"the loss or its gradient was not finite in {MAX_BAD_STEPS} steps in a row; resume from the last "
                "checkpoint with --load_model and a lower --lr, or with --amp no"
            )
        self.steps += 1
        return Step(
            mean,
            norm,
            amount,
            padded,
            int(clips),
            int(skipped),
            int(unreadable),
            taken,
            stops > 0,
            saves > 0,
            seconds,
        )

    def _backward(self, batch: Trainable, part: int, parts: int) -> Tensor:
        """Add the gradients of one of the parts of the step's batch; returns its loss, count and skipped clips (3,).

        A part draws what the worker draws that has it where each worker has one.
        """
        torch.manual_seed(hash((self.seed, self.steps, self.workers.rank + part * self.workers.size)) % 2**63)
        with fits_in_memory(batch.padded_amount):
            with self.timed("forward"):
                loss = self._loss(batch)
            if part == parts - 1:
                self.sums.begin()
            with self.timed("backward"):
                self.scaler.scale(loss.sum).backward()
        return torch.stack([value.detach().to(loss.sum.dtype) for value in loss])

    def _loss(self, batch: Trainable) -> Loss:
        with self.autocast():
            loss = self.forward((batch if len(batch) else self.dummy_batch).to(self.device), self.steps)
        return loss if len(batch) else Loss(*(0.0 * value for value in loss))

    def _descend(self, count: float) -> float:
        """From gradients of the sum to those of the mean, clip, step; returns their norm, equal on all workers."""
        self.scaler.unscale_(self.optimizer)
        gradients = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        norm = float(nn.utils.get_total_norm(gradients)) / count
        if math.isfinite(norm):  # one multiplication for the mean and the clipping
            scale = torch.tensor(count * max(1.0, norm / self.clip))
            nn.utils.clip_grads_with_norm_(self.parameters, 1.0, scale)
        if self.scaler.is_enabled():  # it skips the step by itself where a gradient overflowed
            self.scaler.step(self.optimizer)
            self.scaler.update(self.loss_scale)
        elif math.isfinite(norm):
            self.optimizer.step()
        return norm

    def averaged(self) -> contextlib.AbstractContextManager:
        """Return the model has its averaged weights while the block runs, if averaging was asked for."""
        return self.average.applied() if self.average else contextlib.nullcontext()

    def state(self) -> dict[str, Any]:
        """Return everything that `load_state` needs to resume exactly: weights, optimizer, loss scale, average,
        step."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "average": self.average.state() if self.average else None,
            "steps": self.steps,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Resume from `state`. Raises TrainingError where other parts of the model learnt then."""
        self.model.load_state_dict(state["model"])
        try:
            self.optimizer.load_state_dict(state["optimizer"])
        except ValueError as error:
            raise TrainingError(
                "other parts of the model learnt in the run that is resumed; give the --freeze, --freeze_steps, "
                "--freeze_output and --layer_decay that it was begun with"
            ) from error
        if self.scaler.is_enabled() and state["scaler"]:
            self.scaler.load_state_dict(state["scaler"])
        if self.average and state.get("average"):
            self.average.load_state(state["average"])
        elif self.average:  # begin to average here
            self.average = Average(self.model, self.average.decay)
        self.steps = state["steps"]
        self.consecutive_bad_steps = 0


@torch.inference_mode()
def evaluate(
    model: nn.Module,
    batches: Iterable[Batch],
    measure: Callable[[Batch], Tensor],
    workers: Workers,
    device: torch.device,
) -> list[float]:
    """Sum `measure` (a batch -> vector of sums) over all batches of all workers, with the model in eval mode.

    `measure` gives a vector of the same length for an empty batch, so a worker without batches still adds zeros.
    """
    model.eval()
    sums = torch.zeros_like(measure(EMPTY), dtype=torch.float64)
    for batch in batches:
        sums += measure(batch.to(device)).to(sums)
    return workers.all_reduce(sums).tolist()


EMPTY = Batch(torch.zeros(0, 0), torch.zeros(0, dtype=torch.int64), torch.zeros(0, 0), torch.zeros(0), [])
