"""Augmentations of features one after another."""

from torch import Tensor, nn


class Chain(nn.ModuleList):
    """Each maps features (B, T, F) and their lengths (B,) to features."""

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """(B, T, F), (B,) frames -> (B, T, F)."""
        for augmentation in self:
            features = augmentation(features, lengths)
        return features
