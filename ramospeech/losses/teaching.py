"""Learning from the posteriors of another model (Hinton et al., arXiv 1503.02531), frame by frame.

CTC's posteriors are the blank nearly everywhere and spikes between; a divergence over all frames would mostly teach the
blank. So only frames count in which either model gives something else (as in arXiv 2506.01503).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ramospeech.features import padding_mask
from ramospeech.text import Vocabulary

CERTAIN_BLANK = math.log(0.9)  # a frame counts where either model gives the blank less


def frame_divergence(log_probs: Tensor, lengths: Tensor, taught: Tensor, taught_lengths: Tensor) -> Tensor:
    """Return (B,): KL(taught || posteriors) in nats, summed over the frames of a clip that count.

    log_probs (B, T', V) with lengths (B,) learn; taught (B, T'', V) with lengths (B,) are the teacher's, of the same
    frame rate. Frames beyond the shorter of the two do not count, nor do those in which both are almost surely blank.
    """
    size = min(log_probs.shape[1], taught.shape[1])
    log_probs, taught = log_probs[:, :size], taught[:, :size].to(log_probs.dtype).detach()
    frames = torch.minimum(lengths.to(log_probs.device), taught_lengths.to(log_probs.device))
    blank = torch.minimum(log_probs.detach()[..., Vocabulary.BLANK], taught[..., Vocabulary.BLANK])
    ignored = (padding_mask(frames, size) | (blank >= CERTAIN_BLANK)).unsqueeze(2)
    # Filled before and not after: what lies in the padding may not even be finite.
    log_probs, taught = log_probs.masked_fill(ignored, 0.0), taught.masked_fill(ignored, 0.0)
    return F.kl_div(log_probs, taught, reduction="none", log_target=True).sum((1, 2))


def merged_frames(log_probs: Tensor, factor: int) -> Tensor:
    """Log-posteriors of every `factor` frames as one: (B, T', V) -> (B, T' // factor, V).

    The blank keeps the probability that all of the frames are blank, if they are independent, as CTC takes them to be;
    the rest goes to the units by their sums. A spike keeps its height, which a mean would divide by the factor.
    """
    if factor == 1:
        return log_probs
    groups = log_probs[:, : log_probs.shape[1] // factor * factor].unflatten(1, (-1, factor))
    first = Vocabulary.BLANK + 1
    blank = groups[..., Vocabulary.BLANK].sum(2).unsqueeze(2).clamp(max=-1e-6)  # never quite certain: log 0 is next
    units = groups[..., first:].logsumexp(2).log_softmax(2) + torch.log(-torch.expm1(blank))
    return torch.cat([blank, units], 2)
