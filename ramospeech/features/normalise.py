"""Normalisation of features by the statistics of the clip itself, over its real frames only."""

from torch import Tensor, nn

from ramospeech.errors import UsageError
from ramospeech.features.padding import padding_mask

MODES = ("clip", "bin", "none")
EPSILON = 1e-5  # keeps a clip without any variation (digital silence) at 0


class Normalise(nn.Module):
    """Subtract the mean and divide by the standard deviation of a clip.

    mode "clip": one mean and deviation over all frames and bins, which removes the level of the recording and keeps
    the shape of its spectrum. "bin": one per bin, which also removes the response of the microphone. "none": unchanged.
    """

    def __init__(self, mode: str = "clip") -> None:
        super().__init__()
        if mode not in MODES:
            raise UsageError(f"unknown normalisation {mode!r}; choose one of {', '.join(MODES)}")
        self.mode = mode

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Map features (B, T, F), 0 in the padding, lengths (B,) frames to (B, T, F), exactly 0 in the padding."""
        if self.mode == "none" or features.numel() == 0:
            return features
        lengths = lengths.to(features.device)
        padding = padding_mask(lengths, features.shape[1]).unsqueeze(2)
        axes = (1, 2) if self.mode == "clip" else (1,)
        count = lengths.clamp(min=1).view(-1, 1, 1) * (features.shape[2] if self.mode == "clip" else 1)
        mean = features.sum(axes, keepdim=True) / count
        centred = (features - mean).masked_fill(padding, 0.0)
        variance = centred.square().sum(axes, keepdim=True) / count
        return centred * (variance + EPSILON).rsqrt()
