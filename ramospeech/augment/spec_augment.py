"""SpecAugment (Park et al., arXiv 1904.08779): bands of frequency and spans of time are silenced in training."""

import torch
from torch import Tensor, nn

SPAN = 34  # frames of 10 ms: hides a syllable or two


class SpecAugment(nn.Module):
    """Masks features with their mean after normalisation, which is 0.

    Args:
        frequency_masks, frequency_width: how many bands, each of 0 to `frequency_width` of the F bins (a fraction;
            above 1 so many bins).
        time_masks, time_width: how many spans, each of 0 to `time_width` of the clip's own frames (a fraction; above 1
            so many frames).
        span_every: of long windows: a span of up to `span` frames for every so many frames of the batch instead.

    Draws from torch's default generator, so a seed set before the step repeats it.
    """

    def __init__(
        self,
        frequency_masks: int = 2,
        frequency_width: float = 0.2,
        time_masks: int = 2,
        time_width: float = 0.08,
        span_every: int | None = None,
        span: int = SPAN,
    ) -> None:
        super().__init__()
        self.frequency_masks, self.frequency_width = frequency_masks, frequency_width
        self.time_masks, self.time_width = time_masks, time_width
        self.span_every, self.span = span_every, span

    def forward(self, features: Tensor, lengths: Tensor, strength: float = 1.0) -> Tensor:
        """Map (B, T, F), (B,) frames to (B, T, F) with bands and spans set to 0."""
        B, T, F = features.shape
        bins = torch.full((B,), F, device=features.device)
        bands = _spans(bins, self.frequency_masks, strength, self.frequency_width, F)
        if self.span_every:
            fraction = self.time_width if self.time_width <= 1 else self.time_width / max(1, T)
            count, width = max(1, T // self.span_every), min(fraction, self.span / max(1, T))
        else:
            count, width = self.time_masks, self.time_width
        spans = _spans(lengths, count, strength, width, T)
        return features.masked_fill(bands[:, None, :] | spans[:, :, None], 0.0)


def _spans(lengths: Tensor, count: int, strength: float, width: float, size: int) -> Tensor:
    """Draw `count` random spans within each of B lengths, none wider than `strength` times `width` of it, or than so
    many places where `width` is above 1 -> (B, size) bool."""
    B = lengths.shape[0]
    draws = torch.rand(2, B, count, 1, device=lengths.device)
    limit = lengths[:, None, None].to(draws.dtype)
    if width > 1:
        widths = (draws[0] * strength * limit.clamp(max=width)).floor()
    else:
        widths = (draws[0] * (strength * width) * limit).floor()
    starts = (draws[1] * (limit - widths + 1)).floor()
    positions = torch.arange(size, device=lengths.device)
    return ((positions >= starts) & (positions < starts + widths)).any(dim=1)
