"""Filters of batches, by Fourier transforms: what microphones, lines and rooms do to a voice."""

import numpy as np
import torch
from torch import Tensor

from ramospeech.audio import SAMPLE_RATE

MARGIN = 4_000  # samples behind a window into which a filter may ring
POINTS = 10  # of an equaliser, evenly spaced on the mel scale
DECAY = 6.91  # nepers are 60 dB
DIRECT = 48  # samples: reflections come 3 ms after the direct sound at least


def fast_length(samples: int) -> int:
    """Return the shortest length of at least so many samples that Fourier transforms are quick for."""
    return min(odd << max(0, (-(-samples // odd) - 1).bit_length()) for odd in (1, 3, 5, 9, 15))


def filtered(waveforms: Tensor, response: Tensor, size: int) -> Tensor:
    """(B, S) filtered by responses (B, size // 2 + 1) at the frequencies of a transform of `size`; cut to (B, S)."""
    return torch.fft.irfft(torch.fft.rfft(waveforms, size) * response, size)[:, : waveforms.shape[1]]


def size_and_hertz(waveforms: Tensor) -> tuple[int, Tensor]:
    """Return the size of a transform of (B, S) that leaves a margin, and its frequencies (size // 2 + 1,)."""
    size = fast_length(waveforms.shape[1] + MARGIN)
    return size, torch.linspace(0, SAMPLE_RATE / 2, size // 2 + 1, device=waveforms.device)


def equalised(waveforms: Tensor, gains: Tensor) -> Tensor:
    """(B, S) amplified by `gains` (B, POINTS) in dB at points from 0 to 8 kHz on the mel scale, linearly between."""
    size, hertz = size_and_hertz(waveforms)
    band = torch.log1p(hertz / 700) / np.log1p(SAMPLE_RATE / 2 / 700) * (gains.shape[1] - 1)
    points = torch.arange(gains.shape[1], device=waveforms.device).unsqueeze(1)
    decibels = gains @ (1 - (band - points).abs()).clamp(min=0)
    return filtered(waveforms, torch.pow(10.0, decibels / 20), size)


def low_pass(waveforms: Tensor, limits: Tensor, order: int = 8) -> Tensor:
    """(B, S) with the frequency response of a Butterworth filter at `limits` (B, 1) Hz, without its delay."""
    size, hertz = size_and_hertz(waveforms)
    return filtered(waveforms, (1 + (hertz / limits) ** (2 * order)) ** -0.5, size)


def high_pass(waveforms: Tensor, limits: Tensor, order: int = 2) -> Tensor:
    """Filter as `low_pass` does; 12 dB per octave, as of small microphones."""
    size, hertz = size_and_hertz(waveforms)
    return filtered(waveforms, (1 + (limits / hertz.clamp(min=1e-3)) ** (2 * order)) ** -0.5, size)


def telephone(waveforms: Tensor) -> Tensor:
    """(B, S) through a line of 300 to 3,400 Hz, sampled at 8 kHz: nothing is left above 4 kHz."""
    size, hertz = size_and_hertz(waveforms)
    band = (1 + (300 / hertz.clamp(min=1e-3)) ** 8) ** -0.5 * (1 + (hertz / 3_400) ** 8) ** -0.5
    return filtered(waveforms, band * (hertz < 4_000), size)


def decaying_tails(seconds: Tensor, ratios: Tensor, noise: Tensor) -> Tensor:
    """Impulse responses (B, N) of rooms: the direct sound, then a tail of noise (B, N) that decays exponentially.

    seconds: (B, 1) in which the tail falls by 60 dB; ratios: (B, 1) dB of the direct sound above the whole tail.
    """
    time = torch.arange(noise.shape[1], device=noise.device) / SAMPLE_RATE
    tail = noise * torch.exp(-DECAY * time / seconds)
    tail[:, :DIRECT] = 0.0
    tail = tail / tail.norm(dim=1, keepdim=True) * torch.pow(10.0, -ratios / 20)
    tail[:, 0] = 1.0
    return tail


def from_direct_sound(response: np.ndarray, samples: int) -> np.ndarray:
    """(samples,) float32 of a measured impulse response (N,), from its direct sound on, which becomes 1."""
    peak = int(np.abs(response).argmax())
    part = response[peak : peak + samples] / response[peak]
    return np.pad(part, (0, samples - len(part))).astype(np.float32)


def reverberate(waveforms: Tensor, responses: Tensor) -> Tensor:
    """(B, S) convolved with impulse responses (B, N) -> (B, S) of the same power; the tail is cut."""
    size = fast_length(waveforms.shape[1] + responses.shape[1])
    wet = filtered(waveforms, torch.fft.rfft(responses, size), size)
    before, after = (x.square().sum(1, keepdim=True) for x in (waveforms, wet))
    return wet * (before / after.clamp(min=1e-20)).sqrt()
