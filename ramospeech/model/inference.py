"""Posteriors of a model in memory, as arrays, and the device that it runs on."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from ramospeech.errors import UsageError
from ramospeech.model.layers.bfloat16 import multiplies_bfloat16

Network = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
TYPES = {"float32": None, "bf16": torch.bfloat16, "fp16": torch.float16}
PRECISIONS = ("auto", *TYPES)


def type_of(precision: str, device: torch.device) -> torch.dtype | None:
    """Return the type of the products of matrices, None for float32; `auto` is bfloat16 on a CPU with tiles of it."""
    if precision == "auto":
        precision = "bf16" if device.type == "cpu" and multiplies_bfloat16() else "float32"
    return TYPES[precision]


class TorchPosteriors:
    """Waveforms (B, S) float32, (B,) samples -> log-posteriors (B, T', V) float32, (B,) frames, as arrays.

    precision: of the products of matrices, one of `PRECISIONS`.
    """

    def __init__(self, model: Network, device: torch.device, precision: str = "auto") -> None:
        self.model = model
        self.device = device
        self.type = type_of(precision, device)

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
