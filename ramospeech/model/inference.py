"""Posteriors of a model in memory, as arrays, and the device that it runs on."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ramospeech.errors import UsageError

Network = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


class TorchPosteriors:
    """Waveforms (B, S) float32, (B,) samples -> log-posteriors (B, T', V) float32, (B,) frames, as arrays."""

    def __init__(self, model: Network, device: torch.device) -> None:
        self.model = model
        self.device = device

    @torch.inference_mode()
    def __call__(self, waveforms: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        log_probs, frames = self.model(
            torch.from_numpy(waveforms).to(self.device), torch.from_numpy(lengths).to(self.device)
        )
        return log_probs.float().cpu().numpy(), frames.cpu().numpy()


def checked_device(device: str) -> torch.device:
    """Return the device of that name. Raises UsageError where it is not there."""
    try:
        checked = torch.device(device)
        torch.zeros(1, device=checked)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"cannot use --device {device} ({reason}); cpu always works") from error
    return checked
