"""Posteriors of a model in memory, as arrays, and the device that it runs on."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ramospeech.errors import UsageError

Network = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


PRECISIONS = {"float32": None, "bf16": torch.bfloat16, "fp16": torch.float16}


class TorchPosteriors:
    """Waveforms (B, S) float32, (B,) samples -> log-posteriors (B, T', V) float32, (B,) frames, as arrays.

    precision: of the products of matrices, a name in `PRECISIONS`.
    """

    def __init__(self, model: Network, device: torch.device, precision: str = "float32") -> None:
        self.model = model
        self.device = device
        self.type = PRECISIONS[precision]

    @torch.inference_mode()
    def __call__(self, waveforms: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        given = torch.from_numpy(waveforms).to(self.device), torch.from_numpy(lengths).to(self.device)
        with torch.autocast(self.device.type, self.type, enabled=self.type is not None):
            log_probs, frames = self.model(*given)
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
