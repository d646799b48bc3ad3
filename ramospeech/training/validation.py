"""How well an acoustic model does on dev clips: error rates, and pictures for TensorBoard."""

from argparse import Namespace
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from ctc_decode import GreedyDecoder
from ramospeech import losses
from ramospeech.data import Batch
from ramospeech.model import AcousticModel
from ramospeech.parallel import Workers
from ramospeech.score import edits
from ramospeech.text.units import Metric
from ramospeech.training import advice
from ramospeech.training.confusions import Pairs, by_part, count_pairs, error_rate
from ramospeech.training.loop import Trainer, evaluate
from ramospeech.training.monitor import Monitor
from ramospeech.training.progress import Checkpoints, Progress
from ramospeech.training.sets import EvalBatches

SHOWN_CLIPS, SHOWN_TIMES = 3, 20  # dev clips whose posteriors TensorBoard shows, and how often in a run
PART_TAGS = {"tone": "dev/tone_error", "initial": "dev/initial_error", "final": "dev/final_error"}
SUMS = 5  # of `DevMetrics` before errors and lengths


@dataclass(frozen=True)
class DevMetrics:
    """Sums over dev clips: of batches, of workers, of all.

    Attributes: ctc: the loss; labels: that it counts; recognised: units of the hypotheses; clips; unreadable: clips
    left out; errors, lengths: of each of the metrics, the first of which decides.
    """

    metrics: tuple[Metric, ...]
    ctc: float
    labels: float
    recognised: float
    clips: float
    unreadable: float
    errors: tuple[float, ...]
    lengths: tuple[float, ...]

    @classmethod
    def of(cls, metrics: tuple[Metric, ...], sums: Sequence[float]) -> "DevMetrics":
        """From sums in the order of `dev_sums`."""
        ctc, labels, recognised, clips, unreadable = sums[:SUMS]
        errors, lengths = tuple(sums[SUMS::2]), tuple(sums[SUMS + 1 :: 2])
        return cls(metrics, ctc, labels, recognised, clips, unreadable, errors, lengths)

    @property
    def loss(self) -> float:
        """CTC per label, in nats."""
        return self.ctc / max(self.labels, 1.0)

    @property
    def rates(self) -> dict[str, float]:
        """The error rates by name, without those that have nothing to compare in the references."""
        found = zip(self.metrics, self.errors, self.lengths, strict=True)
        return {metric.name: errors / max(n, 1.0) for metric, errors, n in found if n or not metric.optional}

    @property
    def ser(self) -> float:
        """The error rate that decides: of syllables for units of pinyin, of characters for those."""
        return self.rates[self.metrics[0].name]

    @property
    def all_blank(self) -> bool:
        """Whether the model gave no unit for any clip."""
        return self.clips > 0 and self.recognised == 0

    def describe(self) -> str:
        """Return one line for people."""
        titles = {metric.name: metric.title for metric in self.metrics}
        (main, rate), *others = self.rates.items()
        line = f"dev loss {self.loss:.3f}, {titles[main]} {rate:.2%}"
        if others:
            line += f" ({', '.join(f'{titles[name]} {rate:.2%}' for name, rate in others)})"
        line += f" on {self.clips:.0f} clips"
        return line + (f", {self.unreadable:.0f} unreadable" if self.unreadable else "")


def metrics_of(model: AcousticModel) -> tuple[Metric, ...]:
    """Return the metrics of the model's units that need only the tokens."""
    return tuple(metric for metric in model.units.metrics if not metric.of_text)


def validate(
    model: AcousticModel,
    batches: Iterable[Batch],
    decoder: GreedyDecoder,
    workers: Workers,
    device: torch.device,
    pairs: Pairs | None = None,
) -> DevMetrics:
    """Return the error rates of a model on the dev batches of all workers; the aligned units of this worker go to
    `pairs`."""
    sums = evaluate(model, batches, lambda batch: dev_sums(model, decoder, batch, pairs), workers, device)
    return DevMetrics.of(metrics_of(model), sums)


def dev_sums(model: AcousticModel, decoder: GreedyDecoder, batch: Batch, counts: Pairs | None = None) -> torch.Tensor:
    """Return the values of `DevMetrics` for a batch, (SUMS + 2 * metrics,) float64: errors and length of each metric
    last."""
    metrics = metrics_of(model)
    if not len(batch):
        return torch.tensor([0.0] * (SUMS - 1) + [len(batch.unreadable)] + [0.0, 0.0] * len(metrics)).double()
    log_probs, lengths = model(batch.waveforms, batch.lengths)
    loss = losses.ctc(log_probs, lengths, batch.labels, batch.label_lengths)
    hypotheses = [best.tokens for best, *_ in decoder.decode(log_probs.float().cpu(), lengths.cpu())]
    pairs = [(clip.tokens, tokens) for clip, tokens in zip(batch.clips, hypotheses, strict=True)]
    if counts is not None:
        counts.update(count_pairs(pairs))
    recognised = sum(len(tokens) for _, tokens in pairs)
    sums = [loss.sum.item(), loss.count.item(), recognised, len(batch), len(batch.unreadable)]
    for metric in metrics:
        found = [edits(metric.items(reference, ()), metric.items(tokens, ())) for reference, tokens in pairs]
        sums += [sum(each.errors for each in found), sum(each.length for each in found)]
    return torch.tensor(sums, dtype=torch.float64)


@torch.inference_mode()
def show_clips(monitor: Monitor, model: AcousticModel, batch: Batch, decoder: GreedyDecoder, step: int) -> None:
    """Put the sound, features, posteriors and texts of a few dev clips into TensorBoard."""
    model.eval()
    features, frames = model.features(batch.waveforms, batch.lengths)
    log_probs, lengths = model(batch.waveforms, batch.lengths)
    log_probs, lengths = log_probs.float().cpu(), lengths.cpu()
    for i, (best, *_) in enumerate(decoder.decode(log_probs, lengths)):
        waveform = batch.waveforms[i, : batch.lengths[i]].float().cpu().numpy()
        picture = features[i, : frames[i]].float().cpu().numpy(), log_probs[i, : lengths[i]].numpy()
        clip = batch.clips[i]
        monitor.clip(Path(clip.path).stem, waveform, *picture, decoder.vocabulary, clip.pinyin, best.tokens, step)


class Evaluation:
    """Measures the dev clips after every --dev_step epochs and after the last, and shows the result."""

    def __init__(
        self,
        model: AcousticModel,
        trainer: Trainer,
        batches: EvalBatches,
        monitor: Monitor,
        progress: Progress,
        args: Namespace,
    ) -> None:
        self.progress = progress
        self.model, self.trainer, self.batches, self.monitor, self.args = model, trainer, batches, monitor, args
        self.decoder = GreedyDecoder(model.vocabulary.units)
        self.shown = batches.first(SHOWN_CLIPS).to(trainer.device)

    def __call__(self, epoch: int) -> float | None:
        """Return the error rate after so many epochs; None where it is not measured."""
        due = epoch % self.args.dev_step == 0 or epoch == self.args.epochs
        return self.measure(epoch).ser if self.batches.clips and due else None

    def measure(self, epoch: int) -> DevMetrics:
        """Measure the averaged weights, and show what comes out."""
        trainer, monitor = self.trainer, self.monitor
        with trainer.averaged():
            trainer.workers.average_batch_norm(self.model)
            counts: Pairs | None = Counter() if self.model.units.name == "pinyin" else None
            metrics = self.validate(counts)
            if self.args.max_minutes:  # pictures take seconds of a short run
                shown = self.batches.clips and epoch == self.args.epochs
            else:
                shown = self.batches.clips and epoch % -(-self.args.epochs // SHOWN_TIMES) == 0
            if shown and trainer.workers.rank == 0:
                show_clips(monitor, self.model, self.shown, self.decoder, trainer.steps)
        if counts is not None:
            of_all: Pairs = sum(trainer.workers.all_gather_object(counts), Counter())
            for part, confused in by_part(of_all).items():
                monitor.scalars({PART_TAGS[part]: error_rate(confused)}, trainer.steps)
                if shown:
                    monitor.confusions(part, confused, trainer.steps)
        monitor.scalars(
            {"dev/loss": metrics.loss, **{f"dev/{name}": rate for name, rate in metrics.rates.items()}}, trainer.steps
        )
        found = {f"dev_{name}": value for name, value in {"loss": metrics.loss, **metrics.rates}.items()}
        self.progress.measured(epoch, trainer.steps, found)
        monitor.say(f"epoch {epoch}: {metrics.describe()}")
        if metrics.all_blank:
            monitor.say(advice.on_blank(trainer.steps))
        monitor.note(**{f"last_dev_{metrics.metrics[0].name}": f"{metrics.ser:.1%}"})
        return metrics

    def measure_start(self, checkpoints: Checkpoints) -> None:
        """Measure and save what fine-tuning starts from, once in a run."""
        progress = self.progress
        if self.args.init_from and progress.before is None and self.batches.clips:
            progress.before = self.measure(0).ser
            progress.record(progress.before)
            checkpoints.save(best=True)

    def validate(self, pairs: Pairs | None = None) -> DevMetrics:
        """Measure the model as it is; the aligned units of this worker go to `pairs`."""
        return validate(self.model, self.batches, self.decoder, self.trainer.workers, self.trainer.device, pairs)
