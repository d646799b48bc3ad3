"""Augmentations of features one after another, weaker at first."""

from torch import Tensor, nn


class Chain(nn.ModuleList):
    """Each maps features (B, T, F), their lengths (B,) and the strength to features.

    strength: from 0, no augmentation, to 1. Training may let it grow: CTC finds its first alignments in plain speech
    far sooner, and overfits only later.
    """

    strength = 1.0

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Map (B, T, F), (B,) frames to (B, T, F)."""
        for augmentation in self:
            features = augmentation(features, lengths, self.strength)
        return features
