"""Model files that hold what differs from a shipped model: the rest is read from that one's file."""

import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import safetensors
import torch
from torch import Tensor

from ramospeech.arrays import SCALE
from ramospeech.errors import ModelError
from ramospeech.files import model_path
from ramospeech.model.quantise import dequantise

BASES = ("accurate", "dfcnn")  # shipped models whose files hold all of their weights


def without_shared(
    tensors: Mapping[str, Tensor], weights: Mapping[str, Tensor], base: str
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Return what a file must hold of a model whose `weights` are stored as `tensors`, and its entry on the base.

    Weights that equal those of the base, a name in `BASES`, are left out. Raises ModelError where none does.
    """
    if base not in BASES:
        raise ModelError(f"--base {base}: not one of {', '.join(BASES)}; leave that option out")
    stored = _stored(model_path(base), weights)
    of_base = dequantise(stored)
    shared = {name for name, tensor in of_base.items() if torch.equal(tensor, weights[name].to(tensor))}
    if not shared:
        raise ModelError(f"--base {base}: the model has none of its weights; leave that option out")
    own = {name: tensor for name, tensor in tensors.items() if name.removesuffix(SCALE) not in shared}
    return own, {"name": base, "crc32": _checksum(_some(stored, shared))}


def with_shared(
    own: Mapping[str, Tensor], wanted: Iterable[str], entry: Mapping[str, Any], path: Path
) -> dict[str, Tensor]:
    """Return the tensors of a file and, of the wanted names that it lacks, those of its base.

    entry: as `without_shared` made it. Raises ModelError where the base is not there, or not the one of then.
    """
    base = entry.get("name")
    if not isinstance(base, str) or base not in BASES or model_path(base).resolve() == path.resolve():
        raise ModelError(f"{path}: needs the weights of a model {base!r}, which is not shipped with this version")
    missing = set(wanted) - {name.removesuffix(SCALE) for name in own}
    stored = _stored(model_path(base), missing)
    if _checksum(stored) != entry.get("crc32"):
        raise ModelError(
            f"{path}: was made for another {model_path(base)}, whose weights it needs; install both of one version"
        )
    return {**stored, **own}


def _stored(path: Path, names: Iterable[str]) -> dict[str, Tensor]:
    """Return the tensors of a file with these names, and their scales, as they are there."""
    wanted = set(names)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            found = [name for name in file.keys() if name.removesuffix(SCALE) in wanted]  # noqa: SIM118
            return {name: file.get_tensor(name).clone() for name in found}
    except (OSError, safetensors.SafetensorError) as error:
        raise ModelError(f"{path}: cannot be read, and its weights are needed ({error}); install it again") from error


def _some(tensors: Mapping[str, Tensor], names: set[str]) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in tensors.items() if name.removesuffix(SCALE) in names}


def _checksum(tensors: Mapping[str, Tensor]) -> int:
    result = 0
    for name in sorted(tensors):
        result = zlib.crc32(tensors[name].contiguous().view(-1).view(torch.uint8).numpy().tobytes(), result)
    return result
