"""Vocal tract length perturbation (Jaitly and Hinton 2013): the same words from a shorter or longer throat."""

import torch
from torch import Tensor, nn


class FrequencyWarp(nn.Module):
    """Stretches the frequency axis of each clip by a factor of its own, drawn evenly from 1 - width to 1 + width.

    Args:
        frequencies: (F,) the centre of each bin in Hz, ascending.
        width: e.g. 0.1.

    Formants move as from one speaker to another; time and pitch stay. Draws from torch's default generator.
    """

    frequencies: Tensor

    def __init__(self, frequencies: Tensor, width: float) -> None:
        super().__init__()
        self.width = width
        self.register_buffer("frequencies", frequencies.float(), persistent=False)

    def forward(self, features: Tensor, lengths: Tensor, strength: float = 1.0) -> Tensor:
        """Map (B, T, F), (B,) frames to (B, T, F): bin f holds what was at factor * frequency f, interpolated."""
        factors = 1.0 + strength * self.width * (2.0 * torch.rand(len(features), 1, device=features.device) - 1.0)
        wanted = (factors * self.frequencies).clamp(max=float(self.frequencies[-1]))
        upper = torch.searchsorted(self.frequencies, wanted).clamp(1, features.shape[2] - 1)
        low, high = self.frequencies[upper - 1], self.frequencies[upper]
        share = ((wanted - low) / (high - low)).clamp(0.0, 1.0)
        # As one product with a matrix of F x F a clip: gathering along the last axis is far slower.
        matrix = torch.zeros(len(features), features.shape[2], features.shape[2], device=features.device)
        matrix.scatter_(1, upper[:, None], share[:, None])
        matrix.scatter_add_(1, upper[:, None] - 1, 1.0 - share[:, None])
        return features @ matrix.to(features.dtype)
