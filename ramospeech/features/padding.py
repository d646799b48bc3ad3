"""Which frames, or samples, of a padded batch are real."""

import torch
from torch import Tensor


def padding_mask(lengths: Tensor, size: int) -> Tensor:
    """Return (B, size) bool, True where position t >= lengths[b]: the padding of a batch."""
    return torch.arange(size, device=lengths.device) >= lengths.unsqueeze(1)
