"""How well an acoustic model does on dev clips: error rates, and pictures for TensorBoard."""

from pathlib import Path
from typing import NamedTuple

import torch

from ctc_decode import GreedyDecoder
from ramospeech import losses
from ramospeech.data import Batch
from ramospeech.model import AcousticModel
from ramospeech.score import edits
from ramospeech.text import pinyin
from ramospeech.training.monitor import Monitor


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
