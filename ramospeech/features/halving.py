"""From 16 to 8 kHz, inside the model: audio comes at one rate, whatever the rate of a model's features is."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ramospeech.features.padding import padding_mask

TAPS = 64  # samples before and after each
CUTOFF = 3_700.0  # Hz at half amplitude; above 4 kHz less than -80 dB are left
BETA = 8.0  # of the Kaiser window


class Halving(nn.Module):
    """Waveforms (B, S), (B,) samples at 16 kHz -> (B, S // 2), (B,) at 8 kHz: a low pass, and every second sample.

    What is around a clip counts as silence, whatever the padding of the batch holds.
    """

    taps: Tensor

    def __init__(self) -> None:
        super().__init__()
        time = torch.arange(-TAPS, TAPS + 1, dtype=torch.float64)
        window = torch.kaiser_window(2 * TAPS + 1, periodic=False, beta=BETA, dtype=torch.float64)
        taps = torch.sinc(time * CUTOFF / 8_000) * window
        self.register_buffer("taps", (taps / taps.sum()).float(), persistent=False)

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        padding = padding_mask(lengths.to(waveforms.device, non_blocking=True), waveforms.shape[1])
        clean = waveforms.masked_fill(padding, 0.0).unsqueeze(1)
        halved = F.conv1d(clean, self.taps.to(waveforms.dtype)[None, None], stride=2, padding=TAPS).squeeze(1)
        return halved[:, : waveforms.shape[1] // 2], lengths // 2
