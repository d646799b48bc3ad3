"""The state that a training run resumes from: one file beside the model, written whole or not at all.

It holds tensors and plain values only and is read with `weights_only`, so loading never runs code from the file.
"""

import errno
import os
from pathlib import Path
from typing import Any

import torch

from ramospeech.errors import ModelError, TrainingError
from ramospeech.files import whole_file

ADVICE = "make room on the disk and resume with --load_model: the state saved before is still whole"


def save_state(path: str | Path, state: dict[str, Any], advice: str = ADVICE) -> None:
    """Write `state` (tensors, numbers, strings, lists, dicts) atomically.

    Raises TrainingError, which ends with `advice`, where the file cannot be written; what was there before is
    untouched.
    """
    with whole_file(path, "wb", TrainingError, advice) as file:
        try:
            torch.save(state, file)
        except RuntimeError as error:  # what torch's zip writer makes of a full disk
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error


def load_state(path: str | Path) -> dict[str, Any]:
    """Read what `save_state` wrote, on the CPU.

    Raises: ModelError: missing, truncated, or a pickle that would run code.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise ModelError(f"{path}: no such training state; check --model_path and --model_name") from None
    except Exception as error:
        raise ModelError(
            f"{path}: not a training state of ramospeech, or damaged: it was not loaded. Resume from another copy, or "
            "start again without --load_model"
        ) from error
    if not isinstance(state, dict) or "model" not in state:
        raise ModelError(f"{path}: holds no training state of ramospeech; delete it or choose another --model_name")
    return state
