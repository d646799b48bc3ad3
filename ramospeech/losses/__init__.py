"""Training losses: CTC, ACE and their weighted sum; the cross-entropy of a speller.

Those of CTC and ACE share one signature: log-posteriors (B, T', V), their lengths (B,), labels (B, U), whose padding is
ignored, and their lengths (B,) -> Loss(sum, count, skipped). The results are sums and counts instead of means, so that
the loss of a batch does not depend on how it is split over steps or workers: divide the total of the sums by that of
the counts.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from ramospeech.features import padding_mask
from ramospeech.losses.teaching import frame_divergence, merged_frames
from ramospeech.text import Vocabulary

__all__ = ["Loss", "ace", "cross_entropy", "ctc", "ctc_ace", "per_clip_ctc", "ramp", "teaching"]

LOG_ZERO = -1e30  # stands for log 0: unlike -inf it survives the subtractions of a backward pass
MAX_LOSS = 1e20  # a loss above this went through LOG_ZERO somewhere


class Loss(NamedTuple):
    """0-dim tensors: the sum over the clips in nats, the count of labels (an empty clip counts 1), and how many
    clips were skipped, because no alignment exists or something was not finite: they add to neither of the two, and
    their gradient is exactly 0."""

    sum: Tensor
    count: Tensor  # type: ignore[assignment]  # hides tuple.count, which no one needs here
    skipped: Tensor


def ctc(
    log_probs: Tensor,
    lengths: Tensor,
    labels: Tensor,
    label_lengths: Tensor,
    smoothing: float = 0.0,
    consistency: float = 0.0,
) -> Loss:
    """Connectionist temporal classification (Graves et al. 2006): -log p(labels), summed over the clips.

    Divided by the count it is in nats per label. Computed in float32 at least.

    smoothing: this fraction of the loss is the mean divergence of a frame's posteriors from uniform ones, times the
    labels: what label smoothing is for CTC (Kim et al., arXiv 1711.02212, section 3.2).

    consistency: weight of what CR-CTC adds (Yao et al., arXiv 2410.05101, equation 4). The batch then holds two views
    of each clip, the second half those of the first half in the same order, and each view is drawn to the posteriors
    of the other, frame by frame.
    """
    return ctc_ace(log_probs, lengths, labels, label_lengths, 0.0, smoothing, consistency)


def per_clip_ctc(log_probs: Tensor, lengths: Tensor, labels: Tensor, label_lengths: Tensor) -> Tensor:
    """(B,): the CTC loss of each clip in nats, infinite where no alignment exists."""
    return _ctc(_prepared(log_probs), lengths, labels, label_lengths)


def ace(log_probs: Tensor, lengths: Tensor, labels: Tensor, label_lengths: Tensor) -> Loss:
    """Aggregation cross-entropy (Xie et al. 2019, arXiv 1904.08364): how often each unit occurs, in any order.

    Of each clip the cross-entropy between the fractions of the units in the label (the blank has the T' - U frames
    that are left) and their mean posteriors, less the entropy of the former, which does not depend on the model: 0
    is perfect. Clips are weighted by their labels, so that the sum divided by the count is in nats per clip.
    """
    log_probs = _prepared(log_probs)
    return _total(log_probs, _ace(log_probs, lengths, labels, label_lengths), label_lengths)


def ctc_ace(
    log_probs: Tensor,
    lengths: Tensor,
    labels: Tensor,
    label_lengths: Tensor,
    weight: float = 0.1,
    smoothing: float = 0.0,
    consistency: float = 0.0,
) -> Loss:
    """Compute ctc (with `smoothing` and `consistency`) + weight * ace; a clip that either would skip is skipped."""
    log_probs = _prepared(log_probs)
    per_clip = _ctc(log_probs, lengths, labels, label_lengths)
    if smoothing:
        per_clip = (1 - smoothing) * per_clip + smoothing * _peakedness(log_probs, lengths, label_lengths)
    if consistency:
        per_clip = per_clip + consistency * _divergence(log_probs, lengths)
    if weight:
        per_clip = per_clip + weight * _ace(log_probs, lengths, labels, label_lengths)
    return _total(log_probs, per_clip, label_lengths)


def cross_entropy(log_probs: Tensor, targets: Tensor, label_lengths: Tensor, smoothing: float = 0.0) -> Loss:
    """Compute the cross-entropy of a speller: log-probabilities (B, U + 1, V) of the units (B, U + 1) int64, of which a
    clip has its labels and one more, the end of the sentence; what follows is ignored.

    smoothing: this part of each target is spread over all units (Szegedy et al., arXiv 1512.00567). The count is that
    of the labels, without the ends, as of the other losses.
    """
    log_probs = _prepared(log_probs)
    nats = -log_probs.gather(2, targets.unsqueeze(2)).squeeze(2)
    if smoothing:
        nats = (1 - smoothing) * nats - smoothing * log_probs.mean(2)
    absent = padding_mask(label_lengths.to(log_probs.device) + 1, targets.shape[1])
    return _total(log_probs, nats.masked_fill(absent, 0.0).sum(1), label_lengths)


def teaching(
    log_probs: Tensor,
    lengths: Tensor,
    taught: Tensor,
    taught_lengths: Tensor,
    label_lengths: Tensor,
    factors: tuple[int, int] = (1, 1),
) -> Loss:
    """Return how far the posteriors are from those of a teacher: see `frame_divergence`. Divided by the count: per
    label.

    taught (B, T'', V), taught_lengths (B,): the teacher's log-posteriors. factors: how many frames of the one and of
    the other make one of the frames that are compared. Frames without a counterpart at the end of a clip are left out.
    """
    log_probs, (own, others) = _prepared(log_probs), factors
    per_clip = frame_divergence(
        merged_frames(log_probs, own), lengths // own, merged_frames(taught, others), taught_lengths // others
    )
    return _total(log_probs, per_clip, label_lengths)


def ramp(weight: float, step: int, ramp_steps: int) -> float:
    """Return the weight at a step: rises linearly from 0 at step 0 to the whole weight at `ramp_steps`."""
    return weight if step >= ramp_steps else weight * step / ramp_steps


def _prepared(log_probs: Tensor) -> Tensor:
    """Return at least float32, and finite where a probability is 0. A new tensor: `_total` hooks its gradient."""
    return log_probs.to(torch.promote_types(log_probs.dtype, torch.float32)).clamp(min=LOG_ZERO)


def _total(log_probs: Tensor, per_clip: Tensor, label_lengths: Tensor) -> Loss:
    usable = per_clip.abs() < MAX_LOSS  # False for NaN too
    if log_probs.requires_grad:
        log_probs.register_hook(lambda gradient: gradient.masked_fill(~usable.view(-1, 1, 1), 0.0))
    count = label_lengths.to(per_clip).clamp(min=1)
    return Loss(
        sum=per_clip.masked_fill(~usable, 0.0).sum(),
        count=count.masked_fill(~usable, 0.0).sum(),
        skipped=(~usable).sum(),
    )


def _ctc(log_probs: Tensor, lengths: Tensor, labels: Tensor, label_lengths: Tensor) -> Tensor:
    # int64 labels keep torch from its cuDNN kernel, which is not deterministic
    return F.ctc_loss(
        log_probs.transpose(0, 1), labels, lengths, label_lengths, blank=Vocabulary.BLANK, reduction="none"
    )


def _ace(log_probs: Tensor, lengths: Tensor, labels: Tensor, label_lengths: Tensor) -> Tensor:
    """Return (B,): U times the divergence of the clip, infinite where it has fewer frames than labels.

    With N_k the count of unit k in the label, sum_k N_k f(k) is the sum of f over the positions of the label, so
    no unit has to be made unique: column 0 below is the blank, with T' - U frames, the others have one frame each.
    """
    lengths, label_lengths = lengths.to(log_probs.device), label_lengths.to(log_probs.device)
    units = F.pad(labels, (1, 0), value=Vocabulary.BLANK)
    absent = padding_mask(label_lengths + 1, units.shape[1])
    units = units.masked_fill(absent, Vocabulary.BLANK)
    frames = (~absent).to(log_probs.dtype)
    frames[:, 0] = lengths - label_lengths

    chosen = log_probs.gather(2, units.unsqueeze(1).expand(-1, log_probs.shape[1], -1))
    silent = padding_mask(lengths, log_probs.shape[1]).unsqueeze(2)
    total = lengths.to(log_probs.dtype).unsqueeze(1)
    log_mean = chosen.masked_fill(silent, LOG_ZERO).logsumexp(1) - total.log()

    # A sum and no matrix product: under autocast that would round the frames to half precision.
    same = units.unsqueeze(1) == units.unsqueeze(2)
    log_share = torch.log((same * frames.unsqueeze(1)).sum(2) / total)
    terms = torch.where(frames > 0, frames * (log_share - log_mean), 0.0)
    weight = label_lengths.clamp(min=1).unsqueeze(1) / total
    return (weight * terms).sum(1).masked_fill(lengths < label_lengths, torch.inf)


def _peakedness(log_probs: Tensor, lengths: Tensor, label_lengths: Tensor) -> Tensor:
    """Return (B,): the divergence KL(uniform || posteriors) of a frame, on average, times the labels of the clip."""
    units = log_probs.shape[2]
    divergence = -log_probs.mean(2) - math.log(units)
    lengths, label_lengths = lengths.to(log_probs.device), label_lengths.to(log_probs.device)
    divergence = divergence.masked_fill(padding_mask(lengths, log_probs.shape[1]), 0.0)
    return divergence.sum(1) / lengths * label_lengths.clamp(min=1)


def _divergence(log_probs: Tensor, lengths: Tensor) -> Tensor:
    """Return (B,): the divergence KL(other view || view), summed over the frames; the other view is taken as it is."""
    other = log_probs.detach().roll(len(log_probs) // 2, 0)
    frames = (other.exp() * (other - log_probs)).sum(2)
    return frames.masked_fill(padding_mask(lengths.to(log_probs.device), log_probs.shape[1]), 0.0).sum(1)
