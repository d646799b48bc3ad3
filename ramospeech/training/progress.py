"""How far a run is, and what it saves."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ramospeech.parallel import Workers
from ramospeech.training.checkpoint import save_state
from ramospeech.training.loop import Trainer


@dataclass
class Progress:
    """How far a run is; saved and loaded whole.

    Attributes: epoch: epochs done; batches: of the next one that all workers together have taken; group: batches of
    similar length that follow each other, as many as there were workers when the run began; best: the lowest error rate
    on dev; stale: evaluations since then; lr_factor: what divergence made of the learning rate; before: the error rate
    that fine-tuning started from; consumed: batches of all workers since the run began; amount: of data in them, in
    seconds of audio or characters of text; seconds: that the run has taken so far, by the clock of rank 0; history: of
    each epoch its number, the steps done, the mean training loss, and the loss and error rates on dev where measured;
    losses, steps: the sum of the losses of this epoch's steps, and their number.
    """

    epoch: int = 0
    batches: int = 0
    group: int = 1
    best: float = math.inf
    stale: int = 0
    lr_factor: float = 1.0
    before: float | None = None
    consumed: int = 0
    amount: float = 0.0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)
    losses: float = 0.0
    steps: int = 0

    def end_epoch(self, steps: int) -> None:
        """Count an epoch, of a run that has taken `steps`."""
        self.epoch, self.batches = self.epoch + 1, 0
        self.history.append({"epoch": self.epoch, "steps": steps, "train_loss": self.losses / max(1, self.steps)})
        self.losses, self.steps = 0.0, 0

    def measured(self, epoch: int, steps: int, values: dict[str, float]) -> None:
        """Keep what was measured on dev after an epoch; 0 is the start of fine-tuning."""
        if not self.history or self.history[-1]["epoch"] != epoch:
            self.history.append({"epoch": epoch, "steps": steps})
        self.history[-1] |= values

    @classmethod
    def of(cls, state: dict[str, Any], workers: int) -> "Progress":
        """Return the progress in a training state; of version 0.1 too, which counted steps of so many workers."""
        if "progress" in state:
            return cls(**state["progress"])
        group = state.get("workers", workers)
        batches = state.get("epoch_step", 0) * group
        return cls(
            epoch=state.get("epoch", 0),
            batches=batches,
            group=group,
            best=state["best"],
            stale=state.get("worse", 0),
            lr_factor=state.get("lr_factor", 1.0),
            consumed=state["steps"] * group,
        )

    def record(self, error_rate: float) -> bool:
        """Take in an evaluation; whether it is the best so far."""
        better = error_rate < self.best
        self.best = min(error_rate, self.best)
        self.stale = 0 if better else self.stale + 1
        return better


class Checkpoints:
    """Saves models and the training state.

    Args:
        path: of the state.
        write_models: called on rank 0 while the model has its averaged weights; its argument is whether they are the
            best so far.
        extra: more of the state.
        minutes: between saves within an epoch.
        saved: called on all workers after each save.
    """

    def __init__(
        self,
        path: Path,
        trainer: Trainer,
        progress: Progress,
        workers: Workers,
        write_models: Callable[[bool], None],
        extra: dict[str, Any] | None = None,
        minutes: float = math.inf,
        saved: Callable[[], object] = lambda: None,
    ) -> None:
        self.path, self.trainer, self.progress, self.workers = path, trainer, progress, workers
        self.write_models, self.extra, self.minutes = write_models, extra or {}, minutes
        self._tell = saved
        self._saved = time.monotonic()

    def due(self) -> bool:
        """Return whether rank 0 wants to save; always False on the other ranks."""
        return self.workers.rank == 0 and time.monotonic() - self._saved > 60 * self.minutes

    def save(self, best: bool = False) -> None:
        """Make the statistics one (all workers), and write the models and the state (rank 0).

        Raises: TrainingError, ModelError: a file cannot be written; what was there before is whole.
        """
        with self.trainer.averaged():
            self.workers.average_batch_norm(self.trainer.model)
            self.workers.broadcast_from_rank_0(lambda: self.write_models(best))
        self.workers.average_batch_norm(self.trainer.model)
        state = {**self.trainer.state(), "progress": asdict(self.progress), **self.extra}
        self.workers.broadcast_from_rank_0(lambda: save_state(self.path, state))
        self._saved = time.monotonic()
        self._tell()
