"""A training run that diverges restores its last good weights and halves the learning rate."""

import math
from collections import deque
from typing import Any

import torch

from ramospeech.errors import TrainingError
from ramospeech.training.loop import Step, Trainer

WINDOW = 200  # steps that the loss is averaged over: batches of short and of long clips differ a lot
DIVERGENCE_RATIO = 2.0  # times the lowest average is divergence
BAD_STEPS_TO_RESTORE = 50  # steps in a row without a finite gradient are divergence too
MAX_RESTORES = 5  # times that a run may go back


class Guard:
    """Watches the steps of a trainer; all workers see the same losses and so decide alike.

    `factor` is what the learning rate is to be multiplied by.
    """

    def __init__(self, trainer: Trainer, factor: float = 1.0) -> None:
        self.trainer, self.factor = trainer, factor
        self._losses: deque[float] = deque(maxlen=WINDOW)
        self._lowest = math.inf
        self._good: dict[str, Any] | None = None

    def watch(self, step: Step) -> str | None:
        """Return what to tell people where the run was taken back, otherwise None.

        Raises: TrainingError: the run diverged once too often.
        """
        if self.trainer.consecutive_bad_steps >= BAD_STEPS_TO_RESTORE:
            return self._back("became NaN or infinite")
        if step.taken:
            self._losses.append(step.loss)
        if self.trainer.steps % WINDOW or len(self._losses) < WINDOW:
            return None
        mean = sum(self._losses) / WINDOW
        if mean <= self._lowest:
            self._lowest, self._good = mean, _on_cpu(self.trainer.state())
        return (
            self._back(f"rose from {self._lowest:.2f} to {mean:.2f}")
            if mean > DIVERGENCE_RATIO * self._lowest
            else None
        )

    def _back(self, what: str) -> str | None:
        """Go back, if there is anything to go back to; what losses did, for the message."""
        if self._good is None:
            return None
        self.factor /= 2
        if self.factor < 0.5**MAX_RESTORES:
            raise TrainingError(f"the loss diverged {MAX_RESTORES + 1} times: start again with a lower --lr")
        now = self.trainer.steps
        self.trainer.load_state(_on_cpu(self._good))
        message = (
            f"step {now}: losses {what}: restored the weights of step {self.trainer.steps}; the learning rate is now "
            f"{self.factor:g} of the planned one"
        )
        self.trainer.steps = now  # data and schedule continue
        self._losses.clear()
        return message


def _on_cpu(state: Any) -> Any:
    """Return a copy of a training state (tensors in dicts and lists) in the host's memory: a GPU's is for training."""
    if isinstance(state, torch.Tensor):
        return state.detach().to("cpu", copy=True)
    if isinstance(state, dict):
        return {name: _on_cpu(value) for name, value in state.items()}
    if isinstance(state, list | tuple):
        return type(state)(_on_cpu(value) for value in state)
    return state
