"""Model files: safetensors, with everything that inference needs in the metadata. Loading never runs code."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

import ramospeech
from ramospeech.errors import ModelError, RamospeechError
from ramospeech.files import whole_file
from ramospeech.model.acoustic import AcousticModel, renamed
from ramospeech.model.base_file import with_shared, without_shared
from ramospeech.model.config import ModelConfig
from ramospeech.model.quantise import dequantise, quantise
from ramospeech.model.shapes import shapes_only

FORMAT = 3  # of the files that are written: weights named by encoder and head, with or without packed matrices
NEW_FORMAT = 4  # of those with matrices in 6 bits, or without what they share with a shipped model
OLD_FORMATS = (1, 2)  # of version 0.1, without and with packed matrices: weights named by the network
KEY = "ramospeech"  # the metadata entry, JSON
STATE = ".state.pt"  # the end of the name of a training state


def save_model(
    model: AcousticModel,
    path: str | Path,
    training: dict[str, Any],
    bits: int = 32,
    base: str | None = None,
    moments: Mapping[str, Tensor] | None = None,
) -> None:
    """Write weights, configuration and a summary of the training (anything JSON can hold) to `path`.

    `bits` of a weight in a matrix: 16, or 8 and fewer as `quantise` has them (`moments` too), make a model to ship.
    Weights that equal those of a shipped model, the `base`, are not written. The file appears whole or not at all.
    Raises ModelError where it cannot be written or a weight is not finite.
    """
    path = Path(path)
    weights, small = _weights(model), bits <= 8
    dtype = torch.float16 if bits == 16 else None
    if small:
        tensors = quantise(weights, bits, moments)
    else:
        tensors = {name: _floating(tensor, dtype).contiguous() for name, tensor in weights.items()}
    for name, tensor in tensors.items():
        if not tensor.isfinite().all():
            raise ModelError(f"{path}: not written, {name} would hold numbers that are not finite")
    entry = {
        "format": NEW_FORMAT if base or bits == 6 else FORMAT,
        "version": ramospeech.__version__,
        "config": model.config.to_dict(),
        "training": training,
    }
    if base:
        tensors, entry["base"] = without_shared(tensors, weights, base)
    metadata = {KEY: json.dumps(entry, ensure_ascii=False)}
    with whole_file(path, "wb", ModelError, "make room or choose another place for it") as file:
        file.write(safetensors.torch.save(tensors, metadata=metadata))


def load_model(path: str | Path, device: str | torch.device = "cpu") -> AcousticModel:
    """Return the model of a file, in eval mode and float32 whatever the file holds; `summary` is what training wrote
    there.

    Raises ModelError, with what is wrong and what to do, for anything that `save_model` did not write.
    """
    path = Path(path)
    entry, tensors = _read(path)
    try:
        config = ModelConfig.from_dict(entry["config"])
        with shapes_only():  # nothing large is allocated before they are checked
            model = AcousticModel(config)
    except RamospeechError as error:
        raise ModelError(f"{path}: {error}") from error
    if "base" in entry:
        tensors = with_shared(tensors, _weights(model), entry["base"], path)
    try:
        tensors = {renamed(name): tensor for name, tensor in dequantise(tensors).items()}
    except (RuntimeError, ValueError) as error:  # scales of other sizes, or not four numbers of 6 bits in three bytes
        raise ModelError(f"{path}: its weights do not fit together; copy it again or save it anew") from error
    _check(path, _weights(model), tensors)
    model.load_state_dict(tensors, assign=True)
    model.summary = entry["training"]
    return model.to(device).eval()


def refuse_state(path: Path) -> None:
    """Raise ModelError for the state of a run, which lies beside its model."""
    if path.name.endswith(STATE):
        model = path.with_name(path.name.removesuffix(STATE) + ".safetensors")
        raise ModelError(f"{path}: the state of a run, no model; give the model that lies beside it: {model}")


def read_config(path: Path) -> ModelConfig:
    """Return the configuration in a file, whose weights are not read. Raises ModelError as `load_model` does."""
    entry, _ = _read(path, with_weights=False)
    try:
        return ModelConfig.from_dict(entry["config"])
    except RamospeechError as error:
        raise ModelError(f"{path}: {error}") from error


def base_of(path: Path) -> str | None:
    """Return the name of the shipped model that has the weights which a file lacks; None for a whole file. Raises
    ModelError as `load_model` does."""
    entry, _ = _read(path, with_weights=False)
    return entry.get("base", {}).get("name")


def _weights(model: AcousticModel) -> dict[str, Tensor]:
    return {name: tensor for name, tensor in model.state_dict().items() if name.startswith(("encoder.", "heads."))}


def _floating(tensor: Tensor, dtype: torch.dtype | None) -> Tensor:
    """Convert to another floating-point type; counters stay integers."""
    return tensor.to(dtype) if dtype and tensor.is_floating_point() else tensor


def _read(path: Path, with_weights: bool = True) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return the metadata entry and the tensors as they are in the file, or none of them."""
    try:
        with path.open("rb") as file:
            start = file.read(9)
        # Eight bytes of a safetensors file are the length of its header, which may begin like a pickle; then comes {.
        if path.suffix == ".onnx":
            raise ModelError(
                f"{path}: an ONNX file, which can only transcribe; give the .safetensors that it was made of"
            )
        if start[8:] != b"{" and (start[:1] == b"\x80" or start[:2] == b"PK"):
            refuse_state(path)
            raise ModelError(
                f"{path}: a pickle, which could run code when loaded; ramospeech reads safetensors files only: "
                f"save the weights with ramospeech.model.save_model"
            )
        with safetensors.safe_open(path, framework="pt") as tensors_of:
            metadata = tensors_of.metadata() or {}
            text = metadata.get(KEY)
            names = tensors_of.keys() if with_weights else ()
            tensors = {name: tensors_of.get_tensor(name).clone() for name in names}
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); check the path of the model") from error
    except safetensors.SafetensorError as error:
        raise ModelError(f"{path}: truncated or not a safetensors file ({error}); copy it again") from error
    if "ramospeech_lm" in metadata:
        raise ModelError(f"{path}: a language model, not an acoustic one; give it with --lm")
    if text is None:
        raise ModelError(f"{path}: weights without the description that ramospeech writes beside them")
    try:
        entry = json.loads(text)
        written = entry["format"]
        complete = all(isinstance(part, dict) for part in (entry["config"], entry["training"], entry.get("base", {})))
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: its description is broken; copy it again or save it anew") from error
    if written not in (FORMAT, NEW_FORMAT, *OLD_FORMATS) or not complete:
        raise ModelError(
            f"{path}: model format {written} of ramospeech {entry.get('version')}; this is {ramospeech.__version__}, "
            f"which reads formats up to {NEW_FORMAT}: install the version that wrote it"
        )
    return entry, tensors


def _check(path: Path, expected: dict[str, Tensor], found: dict[str, Tensor]) -> None:
    """Raises ModelError unless the file holds exactly the weights of its configuration, all finite."""
    odd = sorted(set(expected) ^ set(found))
    if odd:
        raise ModelError(f"{path}: weights of another architecture ({odd[0]} and {len(odd) - 1} more do not match)")
    for name, tensor in expected.items():
        if found[name].shape != tensor.shape:
            raise ModelError(
                f"{path}: {name} is {tuple(found[name].shape)}, its description (units and sizes) needs "
                f"{tuple(tensor.shape)}: the file was put together from two models"
            )
        if found[name].is_floating_point() != tensor.is_floating_point():
            raise ModelError(f"{path}: {name} has the wrong type {found[name].dtype}; save the model anew")
        if not found[name].isfinite().all():
            raise ModelError(f"{path}: {name} holds numbers that are not finite; use an earlier checkpoint")
