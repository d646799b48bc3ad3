"""Recordings one after another in one tensor, on the device where batches are made of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

SCALE = 32_768.0


def as_int16(waveform: np.ndarray) -> np.ndarray:
    """(S,) float32 within [-1, 1] -> (S,) int16; what lies outside is clipped."""
    return np.round(np.clip(waveform, -1.0, 32767 / 32768) * SCALE).astype(np.int16)


def new_generator(device: torch.device, rng: np.random.Generator) -> torch.Generator:
    """Make a generator for noise that is drawn on the device, seeded by another one."""
    return torch.Generator(device).manual_seed(int(rng.integers(2**62)))


@dataclass(frozen=True)
class Sounds:
    """K recordings.

    Attributes: samples: (N,) int16, one recording after another; starts, lengths: (K,) int64 on the CPU.
    """

    samples: Tensor
    starts: np.ndarray
    lengths: np.ndarray

    @classmethod
    def of(cls, waveforms: Sequence[np.ndarray], device: torch.device) -> "Sounds":
        """From waveforms (S,) int16."""
        lengths = np.array([len(waveform) for waveform in waveforms], np.int64)
        flat = np.concatenate(waveforms) if len(waveforms) else np.zeros(0, np.int16)
        return cls(torch.from_numpy(flat).to(device), np.cumsum(lengths) - lengths, lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def device(self) -> torch.device:
        return self.samples.device

    def some(self, numbers: slice) -> "Sounds":
        """Some of the recordings, in the same tensor."""
        return Sounds(self.samples, self.starts[numbers], self.lengths[numbers])

    def padded(self, numbers: np.ndarray) -> tuple[Tensor, Tensor]:
        """Recordings by their numbers (B,) -> (B, S) float32, 0 in the padding, (B,) samples on the CPU."""
        lengths = torch.from_numpy(self.lengths[numbers])
        position = torch.arange(int(lengths.max()), device=self.device)
        inside = position < lengths.to(self.device).unsqueeze(1)
        index = torch.from_numpy(self.starts[numbers]).to(self.device).unsqueeze(1) + position
        return self.samples[torch.where(inside, index, 0)].float() * inside / SCALE, lengths

    def excerpts(self, count: int, size: int, rng: np.random.Generator) -> Tensor:
        """(count, size) float32: pieces of recordings drawn at random, from random places; short ones are repeated."""
        chosen = rng.integers(len(self), size=count)
        num_positions = np.where(self.lengths >= size, np.maximum(self.lengths - size + 1, 1), self.lengths)[chosen]
        offsets = (rng.random(count) * num_positions).astype(np.int64)
        start, length, offset = (
            torch.from_numpy(values).to(self.device, non_blocking=True).unsqueeze(1)
            for values in (self.starts[chosen], self.lengths[chosen], offsets)
        )
        position = start + (offset + torch.arange(size, device=self.device)) % length
        return self.samples[position].float() / SCALE
