"""Cutting a waveform into overlapping frames, and which frames of a padded batch are real."""

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ramospeech.audio.framing import HOP, WINDOW

INT16_SCALE = 32_768.0  # features are computed at the scale of 16-bit samples, as Kaldi does


def frame_count(samples: Tensor) -> Tensor:
    """Return frames T (B,) of clips of so many samples (B,): `audio.framing.frame_count` of tensors."""
    return ((samples - WINDOW) // HOP + 1).clamp(min=0)


def padding_mask(lengths: Tensor, size: int) -> Tensor:
    """Return (B, size) bool, True where position t >= lengths[b]: the padding of a batch."""
    return torch.arange(size, device=lengths.device) >= lengths.unsqueeze(1)


def cut_frames(waveforms: Tensor) -> Tensor:
    """Map (B, S) to frames (B, T, 400).

    Exported, a convolution that copies: no runtime needs to know overlapping views, and the frames are the same.
    """
    if not torch.onnx.is_in_onnx_export():
        return waveforms.unfold(1, WINDOW, HOP)
    return F.conv1d(waveforms.unsqueeze(1), torch.eye(WINDOW).unsqueeze(1), stride=HOP).transpose(1, 2)


def power_spectrum(frames: Tensor, size: int = WINDOW) -> Tensor:
    """Map frames (..., 400) to the squared magnitudes (..., size // 2 + 1) of their `size`-point transform.

    Exported, two products with fixed matrices, which every runtime has.
    """
    if not torch.onnx.is_in_onnx_export():
        spectrum = torch.fft.rfft(frames, n=size)
        return spectrum.real.square() + spectrum.imag.square()
    transform = torch.fft.rfft(torch.eye(WINDOW, dtype=torch.float64), n=size)
    frames = frames.double()
    power = (frames @ transform.real).square() + (frames @ transform.imag).square()
    return power.float()


class FrameFeatures(nn.Module, ABC):
    """What a feature of frames shares: framing, precision and the padding; subclasses say what a frame becomes.

    Always computed in float32 (float64 for a module in double), whatever autocast says: a power spectrum at
    16-bit scale does not fit in half precision.
    """

    bins: int
    frequencies: Tensor  # (F,) the centre of each bin in Hz
    window: Tensor

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Map waveforms (B, S) in [-1, 1], lengths (B,) samples to features (B, T, F), (B,) frames, where lengths are.

        Frames in the padding are 0, whatever the waveform holds there.
        """
        frames = frame_count(lengths)
        waveforms = waveforms.to(self.window.dtype) * INT16_SCALE
        if waveforms.shape[1] < WINDOW:
            return waveforms.new_zeros(waveforms.shape[0], 0, self.bins), frames
        with torch.autocast(waveforms.device.type, enabled=False):
            features = self.analyse(cut_frames(waveforms))
        padding = padding_mask(frames.to(features.device, non_blocking=True), features.shape[1])
        return features.masked_fill(padding.unsqueeze(2), 0.0), frames

    def min_samples(self, frames: int) -> int:
        """Return samples of the shortest clip that has so many frames."""
        return WINDOW + (frames - 1) * HOP

    @abstractmethod
    def analyse(self, frames: Tensor) -> Tensor:
        """Map frames (B, T, 400) at 16-bit scale to features (B, T, F)."""
