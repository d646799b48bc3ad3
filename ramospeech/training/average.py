"""The running average of a run's weights.

The average of many steps lies nearer to the middle of a minimum than the last step does (Polyak and Juditsky 1992).
"""

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class Average:
    """An exponential moving average of a model's weights and running statistics.

    decay: what stays of the average at each step, 0.999 for one over about a thousand steps. It is lower in the first
    steps, so that the first weights are soon forgotten.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self.tensors = [tensor for tensor in model.state_dict().values() if tensor.is_floating_point()]
        self.averages = [tensor.clone() for tensor in self.tensors]

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights of now."""
        self.steps += 1
        decay = min(self.decay, self.steps / (self.steps + 10))
        get_ema_multi_avg_fn(decay)(self.averages, self.tensors, None)  # type: ignore[arg-type]  # all at once

    @contextlib.contextmanager
    @torch.no_grad()
    def applied(self) -> Iterator[None]:
        """Give the model the averaged weights while the block runs."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        for average, tensor in zip(self.averages, self.tensors, strict=True):
            now = tensor.clone()
            tensor.copy_(average)
            average.copy_(now)

    def state(self) -> dict[str, int | list[Tensor]]:
        """Return all that `load_state` needs."""
        return {"steps": self.steps, "averages": self.averages}

    def load_state(self, state: dict) -> None:
        """Resume from `state`."""
        self.steps = state["steps"]
        for average, saved in zip(self.averages, state["averages"], strict=True):
            average.copy_(saved)
