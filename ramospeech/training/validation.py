"""How well an acoustic model does on dev clips: error rates, and pictures for TensorBoard."""

from argparse import Namespace
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from itertools import count
from pathlib import Path

import torch

from ctc_decode import GreedyDecoder
from ramospeech import losses
from ramospeech.audio import SAMPLE_RATE
from ramospeech.data import Batch
from ramospeech.model import AcousticModel
from ramospeech.parallel import Workers
from ramospeech.score import edits
from ramospeech.score.pictures import draw_attention, read_png
from ramospeech.text.units import Metric
from ramospeech.training import advice
from ramospeech.training.confusions import Pairs, by_part, count_pairs, error_rate
from ramospeech.training.folder import RunFolder
from ramospeech.training.loop import Trainer, evaluate
from ramospeech.training.monitor import Monitor
from ramospeech.training.progress import Checkpoints, Progress
from ramospeech.training.sets import EvalBatches
from ramospeech.training.start import lacks_most

SHOWN_CLIPS, SHOWN_TIMES = 3, 20  # dev clips whose posteriors TensorBoard shows, and how often in a run
PART_TAGS = {"tone": "dev/tone_error", "initial": "dev/initial_error", "final": "dev/final_error"}
SUMS = 5  # of `DevMetrics` before errors and lengths
MAX_UNITS_PER_SECOND = 25  # that a speller may write: more than anybody says, in letters


@dataclass(frozen=True)
class DevMetrics:
    """Sums over dev clips of what one head of the model makes of them: of batches, of workers, of all.

    Attributes: nats: the loss; labels: that it counts; recognised: units of the hypotheses; clips; unreadable: clips
    left out; errors, lengths: of each of the metrics, the first of which decides; others: of the other heads, by name.
    """

    metrics: tuple[Metric, ...]
    nats: float
    labels: float
    recognised: float
    clips: float
    unreadable: float
    errors: tuple[float, ...]
    lengths: tuple[float, ...]
    others: dict[str, "DevMetrics"] = field(default_factory=dict)

    @classmethod
    def of(cls, metrics: tuple[Metric, ...], sums: Sequence[float], others: Sequence[str] = ()) -> "DevMetrics":
        """From sums in the order of `dev_sums`, those of the head that decides before those of the `others`."""
        size = SUMS + 2 * len(metrics)
        nats, labels, recognised, clips, unreadable = sums[:SUMS]
        errors, lengths = tuple(sums[SUMS:size:2]), tuple(sums[SUMS + 1 : size : 2])
        of_others = {name: cls.of(metrics, sums[start:]) for name, start in zip(others, count(size, size))}
        return cls(metrics, nats, labels, recognised, clips, unreadable, errors, lengths, of_others)

    @property
    def loss(self) -> float:
        """The loss per label, in nats."""
        return self.nats / max(self.labels, 1.0)

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

    def scalars(self) -> dict[str, float]:
        """Return the loss and the rates by TensorBoard tag; those of other heads begin with their names."""
        own = {"dev/loss": self.loss, **{f"dev/{name}": rate for name, rate in self.rates.items()}}
        for head, other in self.others.items():
            own |= {tag.replace("/", f"/{head}_"): value for tag, value in other.scalars().items()}
        return own

    def describe(self) -> str:
        """Return one line for people."""
        titles = {metric.name: metric.title for metric in self.metrics}
        (main, rate), *others = self.rates.items()
        line = f"dev loss {self.loss:.3f}, {titles[main]} {rate:.2%}"
        if others:
            line += f" ({', '.join(f'{titles[name]} {rate:.2%}' for name, rate in others)})"
        line += "".join(f", by {name}: {titles[main]} {other.ser:.2%}" for name, other in self.others.items())
        line += f" on {self.clips:.0f} clips"
        return line + (f", {self.unreadable:.0f} unreadable" if self.unreadable else "")


def metrics_of(model: AcousticModel) -> tuple[Metric, ...]:
    """Return the metrics of the model's units that need only the tokens."""
    return tuple(metric for metric in model.units.metrics if not metric.of_text)


def decisive_heads(model: AcousticModel) -> list[str]:
    """Return the names of the model's heads, the one whose error rate decides first: a speller where there is one."""
    return sorted(model.heads, key=lambda name: name == "ctc")


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
    return DevMetrics.of(metrics_of(model), sums, decisive_heads(model)[1:])


def dev_sums(model: AcousticModel, decoder: GreedyDecoder, batch: Batch, counts: Pairs | None = None) -> torch.Tensor:
    """Return the values of `DevMetrics` for a batch, (heads * (SUMS + 2 * metrics),) float64: for each head, the one
    that decides first, errors and length of each metric last."""
    metrics, names = metrics_of(model), decisive_heads(model)
    if not len(batch):
        of_head = [0.0] * (SUMS - 1) + [len(batch.unreadable)] + [0.0, 0.0] * len(metrics)
        return torch.tensor(of_head * len(names)).double()
    states, lengths = model.encode(batch.waveforms, batch.lengths)
    sums: list[float] = []
    for name in names:
        loss, hypotheses = _recognised(model, name, states, lengths, batch, decoder)
        pairs = [(clip.tokens, tokens) for clip, tokens in zip(batch.clips, hypotheses, strict=True)]
        if counts is not None and name == names[0]:
            counts.update(count_pairs(pairs))
        recognised = sum(len(tokens) for _, tokens in pairs)
        sums += [loss.sum.item(), loss.count.item(), recognised, len(batch), len(batch.unreadable)]
        for metric in metrics:
            found = [edits(metric.items(reference, ()), metric.items(tokens, ())) for reference, tokens in pairs]
            sums += [sum(each.errors for each in found), sum(each.length for each in found)]
    return torch.tensor(sums, dtype=torch.float64)


def _recognised(
    model: AcousticModel, name: str, states: torch.Tensor, lengths: torch.Tensor, batch: Batch, decoder: GreedyDecoder
) -> tuple[losses.Loss, list[Sequence[str]]]:
    """Return the loss of a head on a batch of states (B, T', D), (B,) frames, and its greedy hypotheses."""
    if name == "ctc":
        log_probs = model.ctc(states)
        loss = losses.ctc(log_probs, lengths, batch.labels, batch.label_lengths)
        return loss, [best.tokens for best, *_ in decoder.decode(log_probs.float().cpu(), lengths.cpu())]
    loss = model.attention.loss(states, lengths, batch.labels, batch.label_lengths, 0)
    longest = (lengths.cpu() * model.seconds_per_frame * MAX_UNITS_PER_SECOND).ceil().long()
    units = model.vocabulary.units
    return loss, [[units[i] for i in ids] for ids in model.attention.greedy(states, lengths, longest)]


@torch.inference_mode()
def show_clips(
    monitor: Monitor, model: AcousticModel, batch: Batch, decoder: GreedyDecoder, step: int, folder: Path | None = None
) -> None:
    """Put the sound, features, posteriors and texts of a few dev clips into TensorBoard, and where a speller looks for
    the units of the reference, this also as PNG files into the folder."""
    model.eval()
    features, frames = model.features(batch.waveforms, batch.lengths)
    states, lengths = model.encode(batch.waveforms, batch.lengths)
    if "attention" in model.heads:
        given = states, lengths, batch.labels, batch.label_lengths
        for i, alignment in enumerate(model.attention.alignments(*given).float().cpu()):
            rows, clip = int(batch.label_lengths[i]) + 1, batch.clips[i]
            maps = alignment[:rows, :, : lengths[i]].transpose(0, 1).numpy()
            png, name = BytesIO(), Path(clip.path).stem
            draw_attention(maps, [*clip.tokens, "END"], model.seconds_per_frame).savefig(png, format="png")
            monitor.image(f"attention/{name}", read_png(png), step)
            if folder is not None:
                write_picture(folder / f"{name}.step{step}.png", png.getvalue(), monitor)
    if "ctc" not in model.heads:
        return
    log_probs, lengths = model.ctc(states).float().cpu(), lengths.cpu()
    rate = SAMPLE_RATE / model.features.samples_per_frame
    for i, (best, *_) in enumerate(decoder.decode(log_probs, lengths)):
        waveform = batch.waveforms[i, : batch.lengths[i]].float().cpu().numpy()
        picture = features[i, : frames[i]].float().cpu().numpy(), log_probs[i, : lengths[i]].numpy()
        clip = batch.clips[i]
        texts = decoder.vocabulary, clip.pinyin, best.tokens
        monitor.clip(Path(clip.path).stem, waveform, *picture, *texts, step, rate)


def write_picture(path: Path, png: bytes, monitor: Monitor) -> None:
    """Write the bytes of a picture; where that cannot be, say so: the run continues without it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png)
    except OSError as error:
        monitor.say(f"{path}: the picture cannot be written ({error.strerror}); the run continues without it")


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
        self.pictures = RunFolder(Path(args.model_path), args.model_name).attention
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
                show_clips(monitor, self.model, self.shown, self.decoder, trainer.steps, self.pictures)
        if counts is not None:
            of_all: Pairs = sum(trainer.workers.all_gather_object(counts), Counter())
            for part, confused in by_part(of_all).items():
                monitor.scalars({PART_TAGS[part]: error_rate(confused)}, trainer.steps)
                if shown:
                    monitor.confusions(part, confused, trainer.steps)
        found = metrics.scalars()
        monitor.scalars(found, trainer.steps)
        self.progress.measured(epoch, trainer.steps, {tag.replace("/", "_"): value for tag, value in found.items()})
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
            known = not lacks_most(self.model)  # else what it says is chance, and any trained model is to be preferred
            if known:
                progress.record(progress.before)
            checkpoints.save(best=known)

    def validate(self, pairs: Pairs | None = None) -> DevMetrics:
        """Measure the model as it is; the aligned units of this worker go to `pairs`."""
        return validate(self.model, self.batches, self.decoder, self.trainer.workers, self.trainer.device, pairs)
