"""States of layers that stay as they are, computed once for each clip."""

from collections.abc import Callable
from hashlib import blake2b

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

Compute = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Map (B, S), (B,) samples to states (B, T', D), (B,) frames."""


class KeptStates:
    """Remembers states by the samples of a clip, in half precision and in main memory.

    They must not depend on the padding or on the other clips of a batch.

    Args:
        room: bytes for them.
        latest: keep the states of so many clips, the last ones: for clips that come again soon or never. Without it
            what finds no room is computed each time, for clips that come again in each epoch.
    """

    def __init__(self, room: int, latest: int | None = None) -> None:
        self.room, self.latest = room, latest
        self._kept: dict[bytes, Tensor] = {}

    @torch.no_grad()
    def __call__(self, compute: Compute, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, S), (B,) samples to states (B, T', D) float32, 0 in the padding, (B,) frames on the CPU."""
        samples = lengths.tolist()
        keys = [_key(waveform[:count]) for waveform, count in zip(waveforms, samples, strict=True)]
        found = {key: self._kept[key] for key in keys if key in self._kept}
        rows = list({key: row for row, key in enumerate(keys) if key not in found}.values())
        if rows:
            longest = max(samples[row] for row in rows)
            for row, states, frames in zip(rows, *compute(waveforms[rows, :longest], lengths[rows]), strict=True):
                found[keys[row]] = self._keep(keys[row], states[: int(frames)].half().cpu().clone())
        states = [found[key] for key in keys]
        return pad_sequence(states, batch_first=True).to(waveforms), torch.tensor([len(x) for x in states])

    def _keep(self, key: bytes, states: Tensor) -> Tensor:
        while self.latest and self._kept and (states.nbytes > self.room or len(self._kept) >= self.latest):
            self.room += self._kept.pop(next(iter(self._kept))).nbytes
        if states.nbytes <= self.room:
            self.room -= states.nbytes
            self._kept[key] = states
        return states


def _key(waveform: Tensor) -> bytes:
    return blake2b(waveform.cpu().numpy().tobytes(), digest_size=16).digest()
