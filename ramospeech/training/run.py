"""The loop of both training programs: steps, learning rate, checkpoints, evaluations, from wherever a run is."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ramospeech.errors import TrainingError, WorkerLostError
from ramospeech.parallel import WorkersChangedError
from ramospeech.training import advice
from ramospeech.training.guard import Guard
from ramospeech.training.loop import Trainer
from ramospeech.training.monitor import Meter, Monitor
from ramospeech.training.profiling import Batches
from ramospeech.training.progress import Checkpoints, Progress
from ramospeech.training.stopping import Stopper
from ramospeech.training.writer import is_kept


@dataclass
class Run:
    """What a run consists of. For a translator an epoch is what lies between two evaluations.

    Attributes: rate: (epoch, steps of it done, steps of it) -> the learning rate; evaluate: (epochs done) -> an error
    rate, None where it is not time for one; patience: evaluations without a better one that end the run, 0 for none;
    record_every: steps between points of the curves; keep_every: between models that are kept, 0 for none;
    accumulate: batches of a worker in a step; augment: whose strength grows over the fraction `ramp` of the run; moved,
    skipped: steps that moved the weights, and clips without a finite loss; unreadable: messages on what was left out.
    """

    trainer: Trainer
    progress: Progress
    epochs: int
    batches: Batches
    rate: Callable[[int, int, int], float]
    evaluate: Callable[[int], float | None]
    checkpoints: Checkpoints
    monitor: Monitor
    meter: Meter = field(default_factory=Meter)
    patience: int = 0
    accumulate: int = 1
    record_every: int = 20
    keep_every: int = 0
    augment: Any = None
    ramp: float = 0.0
    moved: int = 0
    skipped: int = 0
    unreadable: set[str] = field(default_factory=set)
    _began: float = 0.0

    def fit(self) -> bool:
        """Train to the end; False where the run was asked to stop, and has saved.

        Raises: TrainingError: an epoch trained on nothing, or the loss diverged too often; WorkerLostError;
        WorkersChangedError: of an elastic run, which has saved.
        """
        try:
            return self._fit()
        except WorkerLostError:
            self.monitor.close()
            raise

    def _fit(self) -> bool:
        guard = Guard(self.trainer, self.progress.lr_factor)
        self._began = time.monotonic() - self.progress.seconds
        with Stopper().listening() as stopper:
            while self.progress.epoch < self.epochs:
                if not self._epoch(guard, stopper):
                    return False
                rate = self.evaluate(self.progress.epoch)
                best = rate is not None and self.progress.record(rate)
                self.checkpoints.save(best)
                if self.patience and self.progress.stale >= self.patience:
                    self.monitor.say(
                        f"epoch {self.progress.epoch}: no better on dev {self.progress.stale} times in a row "
                        "(--patience): the end"
                    )
                    break
        return True

    def _clock(self) -> float:
        """The seconds of the run, on rank 0; 0 elsewhere, so that the sum over the workers is what all go by."""
        return time.monotonic() - self._began if self.trainer.workers.rank == 0 else 0.0

    def _epoch(self, guard: Guard, stopper: Stopper) -> bool:
        """Return the rest of an epoch; False where the run was asked to stop, and has saved."""
        progress, trainer, workers = self.progress, self.trainer, self.trainer.workers
        steps, batches = self.batches(progress.epoch, progress.batches)
        taken = workers.size * self.accumulate  # batches in a step
        first = done = progress.batches // taken
        self.monitor.expect(trainer.steps + steps - done + steps * (self.epochs - progress.epoch - 1))
        for done, batch in enumerate(self.meter.waiting(batches), first + 1):
            lr = progress.lr_factor * self.rate(progress.epoch, done - 1, steps)
            if self.augment is not None:
                fraction = (progress.epoch + (done - 1) / steps) / self.epochs
                self.augment.strength = min(1.0, fraction / self.ramp) if self.ramp else 1.0
            step = trainer.step(batch, lr, stopper.wanted or workers.changed, self.checkpoints.due(), self._clock())
            progress.seconds = step.seconds
            progress.batches += taken
            progress.consumed += taken
            progress.amount += step.amount
            progress.losses, progress.steps = progress.losses + step.taken * step.loss, progress.steps + step.taken
            self.meter.add(step)
            self.moved, self.skipped = self.moved + step.taken, self.skipped + step.skipped
            if message := guard.watch(step):
                self.monitor.say(message)
            progress.lr_factor = guard.factor
            for message in set(batch.unreadable) - self.unreadable:
                self.unreadable.add(message)
                self.monitor.say(f"worker {workers.rank}: left out: {message}", everywhere=True)
            self.monitor.progress(loss=f"{step.loss:.3f}", lr=f"{lr:.1e}", **self.meter.shown())
            if trainer.steps % self.record_every == 0 or done == steps:
                self.monitor.scalars({**self.meter.reset(progress.amount), "train/lr": lr}, trainer.steps)
            if step.stop or step.save or is_kept(trainer.steps, self.keep_every):
                self.checkpoints.save()
            if step.stop:
                self.monitor.close()
                if workers.elastic and not all(workers.all_gather_object(stopper.wanted)):
                    # Not the launcher that ends the run: others continue without a worker that was asked to stop alone.
                    if stopper.wanted:
                        return False
                    raise WorkersChangedError
                command = advice.resume_command(workers.launcher)
                self.monitor.say(f"stopped and saved; resume with: {command}")
                return False
        if done > first and not self.moved:
            raise TrainingError(
                f"epoch {progress.epoch + 1} trained on nothing: {len(self.unreadable)} of its clips could not be read "
                f"on worker {workers.rank}, {self.skipped} had no finite loss. Nothing was saved; try a lower --lr or "
                "--amp no, and look at the recordings that are named above"
            )
        progress.end_epoch(trainer.steps)
        return True
