"""The model files of a run of train.py."""

from argparse import Namespace
from dataclasses import dataclass
from typing import Any

from ramospeech.model import AcousticModel, save_model
from ramospeech.training.folder import RunFolder
from ramospeech.training.loop import Trainer
from ramospeech.training.progress import Progress


def is_kept(step: int, every: int) -> bool:
    """Return whether --checkpoint_every keeps the model of a step."""
    return every > 0 and step > 0 and step % every == 0


@dataclass(frozen=True)
class ModelWriter:
    """Writes the latest model, the best one, and those that --save_step keeps; hours: of training speech."""

    run: RunFolder
    model: AcousticModel
    trainer: Trainer
    progress: Progress
    args: Namespace
    has_dev: bool
    hours: float

    def __call__(self, best: bool) -> None:
        """Write the model with the weights that it has; without dev clips the latest is the best."""
        progress, keep = self.progress, self.args.save_step
        self.write_last()
        if best or not self.has_dev:
            self.write_best()
        if keep and progress.batches == 0 and progress.epoch and progress.epoch % keep == 0:
            save_model(self.model, self.run.of_epoch(progress.epoch), self._summary())
        if is_kept(self.trainer.steps, self.args.checkpoint_every):
            save_model(self.model, self.run.of_step(self.trainer.steps), self._summary())

    def write_best(self, **changed: Any) -> None:
        """Write it as the model to use; changed: entries of its summary that are not those of now."""
        save_model(self.model, self.run.best, {**self._summary(), **changed})

    def write_last(self) -> None:
        """Write it as the latest model."""
        save_model(self.model, self.run.last, self._summary())

    def _summary(self) -> dict:
        return {
            "steps": self.trainer.steps,
            "epoch": self.progress.epoch,
            f"dev_{self.model.units.metrics[0].name}": self.progress.best,
            "hours": self.hours,
            "history": self.progress.history,
            "options": vars(self.args),
            "workers": self.trainer.workers.size,
        }
