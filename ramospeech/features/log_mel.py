"""Log mel energies as Whisper computes them (openai/whisper, audio.py), without padding to 30 seconds."""

import torch
from torch import Tensor

from ramospeech.audio.framing import SAMPLE_RATE, WINDOW
from ramospeech.features.framing import DEFAULT, FrameFeatures, cut_frames, power_spectrum, window_of
from ramospeech.features.padding import padding_mask
from ramospeech.features.settings import FeatureSettings

FLOOR = 1e-10  # smallest power
RANGE = 8.0  # in units of log10: what lies further below the loudest bin of the clip is raised to that


class LogMel(FrameFeatures):
    """`bins` (80 or 128) log10 mel energies of 25 ms Hann windows every 10 ms, no less than 8 below the loudest of the
    clip, plus 4, divided by 4.

    A window is centred on its frame, so T = S // 160, and the waveform is reflected at both ends of the clip, not of
    the batch.
    """

    filters: Tensor

    def __init__(self, bins: int = 80, settings: FeatureSettings = DEFAULT) -> None:
        super().__init__(settings)
        self.bins = bins = settings.feature_bins or bins
        window = window_of(settings.window_function, self.size, torch.hann_window(self.size))
        self.register_buffer("window", window.float(), persistent=False)
        filters, self.frequencies = slaney_filters(bins, settings.sample_rate, self.size)
        self.register_buffer("filters", filters.float(), persistent=False)

    def min_samples(self, frames: int) -> int:
        return frames * self.hop * self.ratio

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        with torch.autocast(waveforms.device.type, enabled=False):
            waveforms, lengths = self.at_rate(waveforms, lengths)
        frames = lengths // self.hop
        size = waveforms.shape[1] // self.hop
        if size == 0:
            return waveforms.new_zeros(len(waveforms), 0, self.bins), frames
        with torch.autocast(waveforms.device.type, enabled=False):
            device_lengths = lengths.to(waveforms.device, non_blocking=True)
            mel = self.analyse(self._centred(waveforms, device_lengths)[:, :size])
        padding = padding_mask(frames.to(mel.device, non_blocking=True), size).unsqueeze(2)
        loudest = mel.masked_fill(padding, FLOOR).amax((1, 2), keepdim=True)
        mel = (torch.maximum(mel, loudest * 10**-RANGE).log10() + 4.0) / 4.0
        return mel.masked_fill(padding, 0.0), frames

    def _centred(self, waveforms: Tensor, lengths: Tensor) -> Tensor:
        return cut_frames(reflected(waveforms, lengths, self.size // 2), self.size, self.hop)

    def analyse(self, frames: Tensor) -> Tensor:
        """Map frames (B, T, window) to mel energies (B, T, F)."""
        return (power_spectrum(frames * self.window, self.size, self.size) @ self.filters).clamp(min=FLOOR)


def reflected(waveforms: Tensor, lengths: Tensor, margin: int) -> Tensor:
    """Map (B, S) to (B, S + 2 * margin): each clip mirrored at its own two ends, as often as the margin needs."""
    position = torch.arange(-margin, waveforms.shape[1] + margin, device=waveforms.device)
    last = (lengths - 1).clamp(min=1).unsqueeze(1)
    index = position.remainder(2 * last)
    return waveforms.gather(1, torch.minimum(index, 2 * last - index))


def slaney_filters(bins: int, rate: int = SAMPLE_RATE, window: int = WINDOW) -> tuple[Tensor, Tensor]:
    """Return triangles of unit area on Slaney's mel scale, (window // 2 + 1, bins) float64, and their centres (bins,)
    in Hz.

    The scale is linear below 1 kHz and logarithmic above (Auditory Toolbox, 1998).
    """
    step = torch.log(torch.tensor(6.4, dtype=torch.float64)) / 27
    top = 15.0 + torch.log(torch.tensor(rate / 2 / 1000.0, dtype=torch.float64)) / step
    mel = torch.linspace(0.0, float(top), bins + 2, dtype=torch.float64)
    edges = torch.where(mel < 15, mel * 200 / 3, 1000 * torch.exp((mel - 15) * step)).unsqueeze(0)
    hertz = torch.linspace(0, rate / 2, window // 2 + 1, dtype=torch.float64).unsqueeze(1)
    left, centre, right = edges[:, :-2], edges[:, 1:-1], edges[:, 2:]
    rise, fall = (hertz - left) / (centre - left), (right - hertz) / (right - centre)
    return torch.minimum(rise, fall).clamp(min=0) * 2 / (right - left), centre[0]
