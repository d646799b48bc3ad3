"""Cutting a waveform into overlapping frames."""

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ramospeech.audio.framing import HOP, SAMPLE_RATE, WINDOW
from ramospeech.features.halving import Halving
from ramospeech.features.padding import padding_mask
from ramospeech.features.settings import OWN, FeatureSettings

INT16_SCALE = 32_768.0  # features are computed at the scale of 16-bit samples, as Kaldi does
DEFAULT = FeatureSettings()


def frame_count(samples: Tensor, window: int = WINDOW, hop: int = HOP) -> Tensor:
    """Return frames T (B,) of clips of so many samples (B,): `audio.framing.frame_count` of tensors."""
    return ((samples - window) // hop + 1).clamp(min=0)


def cut_frames(waveforms: Tensor, window: int = WINDOW, hop: int = HOP) -> Tensor:
    """Map (B, S) to frames (B, T, window).

    Exported, a convolution that copies: no runtime needs to know overlapping views, and the frames are the same.
    """
    if not torch.onnx.is_in_onnx_export():
        return waveforms.unfold(1, window, hop)
    return F.conv1d(waveforms.unsqueeze(1), torch.eye(window).unsqueeze(1), stride=hop).transpose(1, 2)


def power_spectrum(frames: Tensor, size: int = WINDOW, window: int = WINDOW) -> Tensor:
    """Map frames (..., window) to the squared magnitudes (..., size // 2 + 1) of their `size`-point transform.

    Exported, two products with fixed matrices, which every runtime has.
    """
    if not torch.onnx.is_in_onnx_export():
        spectrum = torch.fft.rfft(frames, n=size)
        return spectrum.real.square() + spectrum.imag.square()
    transform = torch.fft.rfft(torch.eye(window, dtype=torch.float64), n=size)
    frames = frames.double()
    power = (frames @ transform.real).square() + (frames @ transform.imag).square()
    return power.float()


def window_of(name: str, size: int, own: Tensor) -> Tensor:
    """Return the window function of that name (size,) float64, symmetric; `own` is that of the kind of feature."""
    if name == OWN:
        return own
    if name == "hamming":
        return torch.hamming_window(size, periodic=False, dtype=torch.float64)
    return torch.hann_window(size, periodic=False, dtype=torch.float64).pow(0.85 if name == "povey" else 1.0)


class FrameFeatures(nn.Module, ABC):
    """What a feature of frames shares: rate, framing, precision and the padding; subclasses say what a frame becomes.

    Always computed in float32 (float64 for a module in double), whatever autocast says: a power spectrum at
    16-bit scale does not fit in half precision.
    """

    bins: int
    frequencies: Tensor | None  # (F,) the centre of each bin in Hz; None for bins of another kind
    window: Tensor

    def __init__(self, settings: FeatureSettings = DEFAULT) -> None:
        super().__init__()
        self.settings = settings
        self.size, self.hop = settings.window, settings.hop
        self.ratio = SAMPLE_RATE // settings.sample_rate  # of the rate of audio as it comes to that of the feature
        self.halving = Halving() if self.ratio == 2 else None

    def at_rate(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return audio at the rate of the feature, in its precision: map (B, S), (B,) samples to (B, S'), (B,)."""
        waveforms = waveforms.to(self.window.dtype)
        return (waveforms, lengths) if self.halving is None else self.halving(waveforms, lengths)

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Map waveforms (B, S) in [-1, 1], lengths (B,) samples to features (B, T, F), (B,) frames, where lengths are.

        Frames in the padding are 0, whatever the waveform holds there.
        """
        with torch.autocast(waveforms.device.type, enabled=False):
            waveforms, lengths = self.at_rate(waveforms, lengths)
        frames = frame_count(lengths, self.size, self.hop)
        waveforms = waveforms * INT16_SCALE
        if waveforms.shape[1] < self.size:
            return waveforms.new_zeros(waveforms.shape[0], 0, self.bins), frames
        with torch.autocast(waveforms.device.type, enabled=False):
            features = self.analyse(cut_frames(waveforms, self.size, self.hop))
        padding = padding_mask(frames.to(features.device, non_blocking=True), features.shape[1])
        return features.masked_fill(padding.unsqueeze(2), 0.0), frames

    def min_samples(self, frames: int) -> int:
        """Return samples, as audio comes, of the shortest clip that has so many frames."""
        return (self.size + (frames - 1) * self.hop) * self.ratio

    @abstractmethod
    def analyse(self, frames: Tensor) -> Tensor:
        """Map frames (B, T, window) at 16-bit scale to features (B, T, F)."""
