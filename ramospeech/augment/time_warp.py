"""The time warp of SpecAugment (Park et al., arXiv 1904.08779): a part of a clip is faster, and the rest slower."""

import torch
from torch import Tensor, nn


class TimeWarp(nn.Module):
    """Moves one frame of each clip, drawn evenly from those that are `width` frames or more from its ends, by up to
    `width` frames; what is before and after it is stretched evenly, and the clip has as many frames as before.

    This is the sparse image warp of the paper in the one dimension that it moves points in. Clips of fewer than
    2 * `width` + 2 frames stay as they are. Draws from torch's default generator.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, features: Tensor, lengths: Tensor, strength: float = 1.0) -> Tensor:
        """Map (B, T, F), (B,) frames to (B, T, F): frame t holds what was at another time, interpolated."""
        draws = torch.rand(2, len(features), device=features.device)
        frames = lengths.to(draws.dtype)
        centre = self.width + draws[0] * (frames - 1 - 2 * self.width)
        moved = centre + strength * self.width * (2 * draws[1] - 1)
        # A clip that is too short, or whose frame would move to an end, keeps its times.
        still = (frames < 2 * self.width + 2) | (moved <= 0) | (moved >= frames - 1)
        centre, moved = (
            torch.where(still, (frames - 1).clamp(min=2) / 2, each).unsqueeze(1) for each in (centre, moved)
        )
        time = torch.arange(features.shape[1], device=features.device, dtype=draws.dtype).expand(len(features), -1)
        last = (frames - 1).unsqueeze(1)
        after = last - (last - time) * (last - centre) / (last - moved)
        source = torch.where(time <= moved, time * centre / moved, after)
        source = torch.where(still.unsqueeze(1) | (time > last), time, source.clamp(min=0).minimum(last))
        lower = source.floor().long()
        upper = (lower + 1).clamp(max=features.shape[1] - 1)
        share = (source - lower).unsqueeze(2).to(features.dtype)
        gather = [index.unsqueeze(2).expand_as(features) for index in (lower, upper)]
        return torch.lerp(features.gather(1, gather[0]), features.gather(1, gather[1]), share)
