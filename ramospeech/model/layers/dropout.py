"""Dropout whose random numbers do not take longer than the convolutions around it."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Dropout(nn.Dropout):
    """nn.Dropout; on a CPU its rate is rounded to a multiple of 1/256.

    There torch draws a double for each element, which takes a tenth of a training step. A random byte each is
    enough, and eight of them are drawn at once. What is kept is scaled by the exact share that is kept.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map x of any shape to the same shape."""
        dropped = round(256 * self.p)
        if not self.training or not 0 < dropped < 256 or x.device.type != "cpu" or not _dense(x):
            return F.dropout(x, self.p, self.training)
        words = torch.empty((x.numel() + 7) // 8, dtype=torch.int64).random_(-(2**63), None)
        # In the memory layout of x, so that the product runs through memory once.
        keep = words.view(torch.uint8).as_strided(x.shape, x.stride()) >= dropped
        return x * keep.to(x.dtype).mul_(256 / (256 - dropped))


def _dense(x: Tensor) -> bool:
    """Return whether the elements of x fill their memory without gaps, in whichever order."""
    return x.is_contiguous() or (x.ndim == 4 and x.is_contiguous(memory_format=torch.channels_last))
