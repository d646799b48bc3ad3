"""Noise under the rows of a batch, at a signal-to-noise ratio."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from ramospeech.audio import SAMPLE_RATE
from ramospeech.features import padding_mask

FRAME = SAMPLE_RATE // 40
HARMONICS = 20


def speech_power(waveforms: Tensor, lengths: Tensor) -> Tensor:
    """(B, 1) mean square over the frames of 25 ms within 30 dB of the loudest: pauses and padding do not count.

    waveforms: (B, S), 0 from `lengths` (B,) on.
    """
    size = min(FRAME, waveforms.shape[1])
    full = F.pad(waveforms, (0, -waveforms.shape[1] % size)).unflatten(1, (-1, size))
    sums = full.square().sum(2)
    powers = sums / lengths.clamp(max=size).unsqueeze(1)
    frames = (lengths // size).clamp(min=1)
    powers = powers.masked_fill(padding_mask(frames, powers.shape[1]), -1.0)
    loud = powers >= 1e-3 * powers.amax(1, keepdim=True).clamp(min=0.0)
    return torch.where(loud, powers, 0.0).sum(1, keepdim=True) / loud.sum(1, keepdim=True).clamp(min=1)


def add_noise(waveforms: Tensor, lengths: Tensor, noise: Tensor, snr: Tensor) -> Tensor:
    """(B, S) with noise (B, S), `snr` (B, 1) dB below the level of the speech; where either is silent, as it was."""
    noise = noise.masked_fill(padding_mask(lengths, noise.shape[1]), 0.0)
    power = noise.square().sum(1, keepdim=True) / lengths.unsqueeze(1)
    wanted = speech_power(waveforms, lengths) * torch.pow(10.0, -snr / 10)
    return waveforms + noise * torch.where(power > 0, wanted / power.clamp(min=1e-30), 0.0).sqrt()


def coloured(noise: Tensor, slopes: Tensor) -> Tensor:
    """White noise (B, S) with amplitudes that fall as frequency ** -slope (B, 1): 0 white, 0.5 pink, 1 brown.

    Below 30 Hz they fall no further up, so that the low end does not swamp the rest.
    """
    spectrum = torch.fft.rfft(noise)
    hertz = torch.linspace(0, SAMPLE_RATE / 2, spectrum.shape[1], device=noise.device)
    shape = (hertz.clamp(min=30.0) / 1_000.0) ** -slopes
    shape[:, 0] = 0.0
    return torch.fft.irfft(spectrum * shape, noise.shape[1])


def hum(size: int, mains: Tensor, levels: Tensor, phases: Tensor) -> Tensor:
    """(B, size): the mains at (B, 1) Hz with harmonics of `levels` and `phases` (B, HARMONICS)."""
    turn = 2 * math.pi / SAMPLE_RATE * mains * torch.arange(size, device=mains.device)
    return sum(  # one after another: all at once take twenty times the memory
        (levels[:, k : k + 1] * torch.sin((k + 1) * turn + phases[:, k : k + 1]) for k in range(levels.shape[1])),
        torch.zeros_like(turn),
    )


def babble(waveforms: Tensor, lengths: Tensor, shifts: list[int], voices: Tensor) -> Tensor:
    """(B, S): for each row the sum of the rows `shifts` further on, equally loud; voices: (B, 1) how many of them."""
    power = speech_power(waveforms, lengths)
    level = torch.where(power > 0, power, 1.0).rsqrt() * waveforms
    mixed = torch.zeros_like(waveforms)
    for number, shift in enumerate(shifts):
        mixed += level.roll(-shift, 0) * (voices > number)
    return mixed
