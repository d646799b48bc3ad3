"""The padding of a batch as the rows of its frames, so that only the padding is touched and not the whole tensor.

Tensors (B, C, T, F) lie in memory as (B, T, F, C) (channels last, the faster format for convolutions on processors
with vector units and on GPUs), so a frame is one row of F * C numbers.
"""

import torch
from torch import Tensor

from ramospeech.features import padding_mask


def padding_rows(frames: Tensor, size: int, device: torch.device) -> Tensor | None:
    """Indices (P,) into the B * T rows of a batch of clips of so many frames (B,, on the CPU); None for no padding."""
    padding = padding_mask(frames, size)
    if torch.onnx.is_in_onnx_export():  # a mask of all frames, (B, size): how many are padding is not known
        return padding
    rows = padding.flatten().nonzero().flatten()
    return rows.to(device) if len(rows) else None


def reversed_clips(x: Tensor, lengths: Tensor) -> Tensor:
    """Return x (B, T, ...) with the frames of each clip of (B,) frames from the last to the first; padding stays."""
    time = torch.arange(x.shape[1], device=x.device)
    lengths = lengths.to(x.device).unsqueeze(1)
    mirror = torch.where(time < lengths, lengths - 1 - time, time)
    return x.gather(1, mirror.unsqueeze(2).expand_as(x))


def channels_last(x: Tensor) -> Tensor:
    """Return (B, C, T, F) with its channels last in memory; x itself where they are."""
    return x.contiguous(memory_format=torch.channels_last)


def as_rows(x: Tensor) -> Tensor:
    """Map (B, C, T, F), channels last, to (B * T, F, C), the same memory; RuntimeError where that cannot be."""
    batch, channels, size, bins = x.shape
    return x.permute(0, 2, 3, 1).view(batch * size, bins, channels)


def zero_padding(x: Tensor, rows: Tensor | None) -> Tensor:
    """Return x (B, C, T, F) with zeros in its padding; x itself is left alone."""
    if rows is None:
        return x
    if torch.onnx.is_in_onnx_export():
        return x.masked_fill(rows[:, None, :, None], 0.0)
    batch, channels, size, bins = x.shape
    filled = as_rows(channels_last(x)).index_fill(0, rows, 0.0)
    return filled.view(batch, size, bins, channels).permute(0, 3, 1, 2)
