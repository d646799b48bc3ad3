"""How well an acoustic model does on dev clips: error rates, and pictures for TensorBoard."""

from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import torch

from ctc_decode import GreedyDecoder
from ramospeech import losses
from ramospeech.data import Batch
from ramospeech.model import AcousticModel
from ramospeech.parallel import Workers
from ramospeech.score import edits
from ramospeech.text import pinyin
from ramospeech.training import advice
from ramospeech.training.loop import Trainer, evaluate
from ramospeech.training.monitor import Monitor
from ramospeech.training.sets import EvalBatches

SHOWN_CLIPS, SHOWN_TIMES = 3, 20  # dev clips whose posteriors TensorBoard shows, and how often in a run


class DevMetrics(NamedTuple):
    """Sums over dev clips: of batches, of workers, of all.

    Attributes: ctc: the loss; labels: that it counts; errors: of syllables; toneless_errors: without their tones;
    syllables: of the references; recognised: syllables of the hypotheses; clips; unreadable: clips left out.
    """

    ctc: float = 0.0
    labels: float = 0.0
    errors: float = 0.0
    toneless_errors: float = 0.0
    syllables: float = 0.0
    recognised: float = 0.0
    clips: float = 0.0
    unreadable: float = 0.0

    @property
    def loss(self) -> float:
        """CTC per label, in nats."""
        return self.ctc / max(self.labels, 1.0)

    @property
    def ser(self) -> float:
        """The syllable error rate."""
        return self.errors / max(self.syllables, 1.0)

    @property
    def ser_toneless(self) -> float:
        """The syllable error rate without tones."""
        return self.toneless_errors / max(self.syllables, 1.0)

    @property
    def all_blank(self) -> bool:
        """Whether the model gave no syllable for any clip."""
        return self.clips > 0 and self.recognised == 0

    def describe(self) -> str:
        """One line for people."""
        line = f"dev loss {self.loss:.3f}, SER {self.ser:.2%} ({self.ser_toneless:.2%} without tones) on "
        line += f"{self.clips:.0f} clips"
        return line + (f", {self.unreadable:.0f} unreadable" if self.unreadable else "")


def validate(
    model: AcousticModel, batches: Iterable[Batch], decoder: GreedyDecoder, workers: Workers, device: torch.device
) -> DevMetrics:
    """The error rates of a model on the dev batches of all workers."""
    return DevMetrics(*evaluate(model, batches, lambda batch: dev_sums(model, decoder, batch), workers, device))


def dev_sums(model: AcousticModel, decoder: GreedyDecoder, batch: Batch) -> torch.Tensor:
    """The values of `DevMetrics` for a batch, (8,) float64."""
    if not len(batch):
        return torch.tensor(DevMetrics(unreadable=len(batch.unreadable)), dtype=torch.float64)
    log_probs, lengths = model(batch.waveforms, batch.lengths)
    loss = losses.ctc(log_probs, lengths, batch.labels, batch.label_lengths)
    hypotheses = [best.tokens for best, *_ in decoder.decode(log_probs.float().cpu(), lengths.cpu())]
    pairs = [(clip.pinyin, tokens) for clip, tokens in zip(batch.clips, hypotheses, strict=True)]
    bare = [([*map(pinyin.toneless, reference)], [*map(pinyin.toneless, tokens)]) for reference, tokens in pairs]
    metrics = DevMetrics(
        ctc=loss.sum.item(),
        labels=loss.count.item(),
        errors=sum(edits(*pair).errors for pair in pairs),
        toneless_errors=sum(edits(*pair).errors for pair in bare),
        syllables=sum(len(reference) for reference, _ in pairs),
        recognised=sum(len(tokens) for _, tokens in pairs),
        clips=len(batch),
        unreadable=len(batch.unreadable),
    )
    return torch.tensor(metrics, dtype=torch.float64)


@torch.inference_mode()
def show_clips(monitor: Monitor, model: AcousticModel, batch: Batch, decoder: GreedyDecoder, step: int) -> None:
    """Put the features, posteriors and texts of a few dev clips into TensorBoard."""
    model.eval()
    features, frames = model.features(batch.waveforms, batch.lengths)
    log_probs, lengths = model(batch.waveforms, batch.lengths)
    log_probs, lengths = log_probs.float().cpu(), lengths.cpu()
    for i, (best, *_) in enumerate(decoder.decode(log_probs, lengths)):
        picture = features[i, : frames[i]].float().cpu().numpy(), log_probs[i, : lengths[i]].numpy()
        clip = batch.clips[i]
        monitor.clip(Path(clip.path).stem, *picture, decoder.vocabulary, clip.pinyin, best.tokens, step)


class Evaluation:
    """Measures the dev clips after every --dev_step epochs and after the last, and shows the result."""

    def __init__(
        self, model: AcousticModel, trainer: Trainer, batches: EvalBatches, monitor: Monitor, args: Namespace
    ) -> None:
        self.model, self.trainer, self.batches, self.monitor, self.args = model, trainer, batches, monitor, args
        self.decoder = GreedyDecoder(model.vocabulary.units)
        self.shown = batches.first(SHOWN_CLIPS).to(trainer.device)

    def __call__(self, epoch: int) -> float | None:
        """The SER after so many epochs; None where it is not measured."""
        due = epoch % self.args.dev_step == 0 or epoch == self.args.epochs
        return self.measure(epoch).ser if self.batches.clips and due else None

    def measure(self, epoch: int) -> DevMetrics:
        """Measure the averaged weights, and show what comes out."""
        trainer, monitor = self.trainer, self.monitor
        with trainer.averaged():
            trainer.workers.average_batch_norm(self.model)
            metrics = self.validate()
            if self.batches.clips and trainer.workers.rank == 0 and epoch % -(-self.args.epochs // SHOWN_TIMES) == 0:
                show_clips(monitor, self.model, self.shown, self.decoder, trainer.steps)
        monitor.scalars(
            {"dev/loss": metrics.loss, "dev/ser": metrics.ser, "dev/ser_toneless": metrics.ser_toneless}, trainer.steps
        )
        monitor.say(f"epoch {epoch}: {metrics.describe()}")
        if metrics.all_blank:
            monitor.say(advice.on_blank(trainer.steps))
        monitor.note(last_dev_ser=f"{metrics.ser:.1%}")
        return metrics

    def validate(self) -> DevMetrics:
        """Measure the model as it is."""
        return validate(self.model, self.batches, self.decoder, self.trainer.workers, self.trainer.device)
