"""How well an acoustic model does on dev clips: sums for the error rates, and pictures for TensorBoard."""

from pathlib import Path

import torch

from ctc_decode import GreedyDecoder
from ramospeech import losses
from ramospeech.data import Batch
from ramospeech.model import AcousticModel
from ramospeech.score import edits
from ramospeech.text import pinyin
from ramospeech.training.monitor import Monitor


def dev_sums(model: AcousticModel, decoder: GreedyDecoder, batch: Batch) -> torch.Tensor:
    """[CTC sum, label count, toned errors, toneless errors, syllables, clips, unreadable clips] of a batch."""
    values = torch.zeros(7, dtype=torch.float64)
    values[6] = len(batch.unreadable)
    if not len(batch):
        return values
    log_probs, lengths = model(batch.waveforms, batch.lengths)
    loss = losses.ctc(log_probs, lengths, batch.labels, batch.label_lengths)
    values[0], values[1], values[5] = loss.sum.item(), loss.count.item(), len(batch)
    hypotheses = decoder.decode(log_probs.float().cpu(), lengths.cpu())
    for clip, (best, *_) in zip(batch.clips, hypotheses, strict=True):
        toned = edits(clip.pinyin, best.tokens)
        toneless = edits([pinyin.toneless(s) for s in clip.pinyin], [pinyin.toneless(s) for s in best.tokens])
        values[2:5] += torch.tensor([toned.errors, toneless.errors, toned.length])
    return values


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
