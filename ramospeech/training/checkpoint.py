"""The state that a training run resumes from: one file beside the model, written whole or not at all.

It holds tensors and plain values only and is read with `weights_only`, so loading never runs code from the file.
"""

import os
from pathlib import Path
from typing import Any

import torch

from ramospeech.errors import ModelError, TrainingError


def save_state(path: str | Path, state: dict[str, Any]) -> None:
    """Write `state` (tensors, numbers, strings, lists, dicts) atomically.

    Raises: TrainingError: the file cannot be written; what was there before is untouched.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(part, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except (OSError, RuntimeError) as error:  # torch's zip writer turns a full disk into a RuntimeError
        raise TrainingError(
            f"{path}: cannot save the training state ({error}); make room on the disk and resume with --load_model: "
            "the state saved before is still whole"
        ) from error
    finally:
        part.unlink(missing_ok=True)


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
