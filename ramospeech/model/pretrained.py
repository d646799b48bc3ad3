"""Weights to start training from: files of our own, and Whisper's encoder in the formats in which it is published."""

import re
import shlex
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import safetensors
import torch
from torch import Tensor

from ramospeech.errors import ModelError
from ramospeech.files import model_path
from ramospeech.model.acoustic import AcousticModel
from ramospeech.model.config import DROPOUT, ModelConfig
from ramospeech.model.encoders.whisper import POSITIONS, sinusoids
from ramospeech.model.file import KEY, load_model, read_config, refuse_state
from ramospeech.model.heads import HEADS
from ramospeech.model.shapes import shapes_only
from ramospeech.text.units import UNITS

FEATURES = {80: "log_mel", 128: "log_mel_128"}  # by the bins that a Whisper encoder reads
KNOWN = "Whisper's of openai, Hugging Face or CTranslate2, or a model file of train.py"

# Names of the parts of Whisper's encoder, openai's, Hugging Face's, CTranslate2's -> ours.
TOP = {"conv1": "conv1", "conv2": "conv2", "ln_post": "norm", "layer_norm": "norm"}
IN_LAYER = {
    **dict.fromkeys(("attn_ln", "self_attn_layer_norm", "self_attention.layer_norm"), "attention_norm"),
    **dict.fromkeys(("mlp_ln", "final_layer_norm", "ffn.layer_norm"), "feed_norm"),
    **dict.fromkeys(("attn.query", "self_attn.q_proj"), "q"),
    **dict.fromkeys(("attn.key", "self_attn.k_proj"), "k"),
    **dict.fromkeys(("attn.value", "self_attn.v_proj"), "v"),
    "self_attention.linear_0": "qkv",
    **dict.fromkeys(("attn.out", "self_attn.out_proj", "self_attention.linear_1"), "out"),
    **dict.fromkeys(("mlp.0", "fc1", "ffn.linear_0"), "fc1"),
    **dict.fromkeys(("mlp.2", "fc2", "ffn.linear_1"), "fc2"),
}
POSITIONS_NAMES = ("positional_embedding", "embed_positions.weight", "positions")
CT2_TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}


@dataclass(frozen=True)
class EncoderWeights:
    """Weights of Whisper's encoder under the names of `WhisperEncoder`, and the sizes that their shapes tell."""

    weights: dict[str, Tensor]
    width: int
    layers: int
    bins: int


def initial_model(name: str | Path, units: tuple[str, ...], given: Mapping[str, Any]) -> AcousticModel:
    """Return a model to train, with weights from a file of ours, or with the encoder of a file of Whisper's.

    Args:
        name: a path (of a file, or of a folder as Hugging Face and CTranslate2 have them), or a name in `SHIPPED`.
        units: of the output. Of those that a file of ours has too, the output layers begin with the weights there.
        given: what the user asked for (architecture, features, normalise, unit_type, share_parts, heads, sizes by
            name). All else comes from the file; only the dropout may differ from it, what is `retrainable` in the
            encoder, its number of layers where it is lower (`Encoder.cut`), `unit_type` and `share_parts` where the
            units are others, and the heads: those that the file does not have are new, with the sizes given.

    Raises ModelError where the file cannot be used or does not agree with what was asked for.
    """
    path = model_path(name)
    if _is_ours(path):
        return _from_ours(path, units, given)
    found = encoder_weights(_read(path), path)
    if found.bins not in FEATURES:
        raise ModelError(f"{path}: reads {found.bins} mel bins; features have {' or '.join(map(str, FEATURES))}")
    layers = min(found.layers, given.get("layers", found.layers))
    own = {"architecture": "whisper", "width": found.width, "layers": layers, "features": FEATURES[found.bins]}
    _refuse_others(path, own, {key: value for key, value in given.items() if key in own})
    started = AcousticModel(ModelConfig(units, **{**given, **own}))
    started.encoder.load_state_dict(found.weights, strict=False)  # what lies above the transformer is new
    return started


def _from_ours(path: Path, units: tuple[str, ...], given: Mapping[str, Any]) -> AcousticModel:
    model = load_model(path)
    own, changeable = model.config.to_dict(), model.encoder.retrainable
    if (cut := model.encoder.cut) and given.get(cut, own[cut]) < own[cut]:
        changeable = (cut, *changeable)
    new_heads = set(given.get("heads", ())) - set(model.config.heads)
    new_sizes = [item.name for head in new_heads & HEADS.keys() for item in fields(HEADS[head].Sizes)]
    adjustable = {*DROPOUT, *changeable, "heads", *new_sizes}
    others = (units, given.get("unit_type", model.config.unit_type)) != (model.config.units, model.config.unit_type)
    if others:
        adjustable |= {"unit_type", "share_parts"}
    free = {key: value for key, value in given.items() if key in adjustable}
    _refuse_others(path, own, {key: value for key, value in given.items() if key not in free})
    if others:
        parts = UNITS[free.get("unit_type", model.config.unit_type)].parts(units[-1])
        free = {"units": units, "share_parts": model.config.share_parts and bool(parts), **free}
    started = AcousticModel(replace(model.config, **free))
    wanted = started.state_dict()
    left = _of_units(model.config, wanted) if others else set()
    brought = {name: tensor for name, tensor in model.state_dict().items() if name in wanted and name not in left}
    started.load_state_dict({**wanted, **brought})
    if others:
        before = {unit: number for number, unit in enumerate(model.config.units)}
        ids = [(number, before[unit]) for number, unit in enumerate(started.config.units) if unit in before]
        for name in started.heads.keys() & model.heads.keys():
            started.heads[name].copy_units(model.heads[name], ids)  # type: ignore[operator]
        started.new_units = tuple(unit for unit in started.config.units if unit not in before)
    started.changed = {key: own[key] for key in changeable if own[key] != free.get(key, own[key])}
    return started


def config_of(name: str | Path) -> ModelConfig | None:
    """Return the configuration in a file of ours; None for a file of Whisper's, or what cannot be read."""
    path = model_path(name)
    return read_config(path) if _is_ours(path) else None


def _of_units(config: ModelConfig, names: Iterable[str]) -> set[str]:
    """Return those of the names of weights that have a row for each unit."""
    modules = tuple(f"heads.{head}.{part}." for head in config.heads for part in HEADS[head].of_units)
    return {name for name in names if name.startswith(modules)}


def weights_in(name: str | Path, units: tuple[str, ...]) -> set[str]:
    """Return the names of the weights that a file of ours brings whole to a model of some units; none of a file of
    Whisper's."""
    path = model_path(name)
    if not _is_ours(path):
        return set()
    config = read_config(path)
    with shapes_only():
        names = set(AcousticModel(config).state_dict())
    return names if config.units == units else names - _of_units(config, names)


def encoder_weights(tensors: Mapping[str, Tensor], path: Path | str = "weights") -> EncoderWeights:
    """Whisper's encoder out of tensors that are named as openai, Hugging Face or CTranslate2 name them.

    Raises ModelError where there is none, or not all of it.
    """
    weights: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        part = name.removeprefix("model.").removeprefix("encoder.")
        if part in POSITIONS_NAMES:
            if not torch.allclose(tensor.float(), sinusoids(*tensor.shape), atol=0.01) or len(tensor) != POSITIONS:
                raise ModelError(f"{path}: its positions are not the {POSITIONS} of Whisper; such files cannot be used")
        elif (new := _renamed(part)) is not None:
            weights[new] = tensor.float()
    if "conv1.weight" not in weights:
        raise ModelError(f"{path}: holds no encoder that is known here; give one of {KNOWN}")
    width, bins, _ = weights["conv1.weight"].shape
    layers = 1 + max((int(name.split(".")[1]) for name in weights if name.startswith("layers.")), default=-1)
    for layer in range(layers):
        _join_qkv(weights, f"layers.{layer}.")
    with torch.device("meta"):
        config = ModelConfig(("<blank>", "<UNK>", "-"), "whisper", width=width, layers=max(1, layers), rnn=0)
        wanted = AcousticModel(config).encoder.state_dict()
    wanted["conv1.weight"] = torch.empty(width, bins, 3, device="meta")
    for name in wanted:
        if name.startswith("pair_norm"):
            continue
        if name not in weights or weights[name].shape != wanted[name].shape:
            raise ModelError(
                f"{path}: its Whisper encoder is incomplete: {name} is missing or of another size; copy it anew"
            )
    return EncoderWeights(weights, width, layers, bins)


def _renamed(part: str) -> str | None:
    """Our name of a weight of Whisper's encoder; None for one that is not of the encoder."""
    if layer := re.fullmatch(r"(?:blocks|layers)\.(\d+)\.(.+)\.(weight|bias)", part):
        number, inside, kind = layer.groups()
        return f"layers.{number}.{IN_LAYER[inside]}.{kind}" if inside in IN_LAYER else None
    top, _, kind = part.rpartition(".")
    return f"{TOP[top]}.{kind}" if top in TOP else None


def _join_qkv(weights: dict[str, Tensor], prefix: str) -> None:
    """Queries, keys and values in one matrix; keys have no bias."""
    if f"{prefix}q.weight" not in weights:
        return
    zeros = torch.zeros(len(weights[f"{prefix}q.weight"]))
    for kind in ("weight", "bias"):
        parts = [weights.pop(f"{prefix}{part}.{kind}", zeros) for part in "qkv"]
        weights[f"{prefix}qkv.{kind}"] = torch.cat(parts)


def _refuse_others(path: Path, own: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    for name, value in given.items():
        if name not in own or own[name] != value:
            option = {"architecture": "model", "unit_type": "units"}.get(name, name)
            has = f"has {option} {own[name]}" if name in own else f"is a {own['architecture']}, which has no {option}"
            raise ModelError(f"{path}: {has}, and --{option} {value} was given; leave that option out")


def _is_ours(path: Path) -> bool:
    """Return whether a file is one of safetensors with our description."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            return KEY in (file.metadata() or {})
    except (OSError, safetensors.SafetensorError):
        return False


def _read(path: Path) -> dict[str, Tensor]:
    """Return the tensors of an encoder in a file or folder, unpacked, without those of a decoder."""
    if path.is_dir():
        inside = sorted(path.glob("*.safetensors")) or sorted(path.glob("model.bin"))
        if not inside:
            raise ModelError(f"{path}: no .safetensors and no model.bin in this folder")
        return {name: tensor for file in inside for name, tensor in _read(file).items()}
    try:
        with path.open("rb") as file:
            start = file.read(32)
            if b"WhisperSpec" in start:
                file.seek(0)
                return _read_ctranslate2(file)
        if start[8:9] != b"{" and (start[:1] == b"\x80" or start[:2] == b"PK"):
            refuse_state(path)
            raise ModelError(f"{path}: a pickle, which could run code when loaded; convert it with: {conversion(path)}")
        with safetensors.safe_open(path, framework="pt") as tensors:
            names = [name for name in tensors.keys() if "decoder" not in name]  # noqa: SIM118
            return {name: tensors.get_tensor(name) for name in names}
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); check the path") from error
    except (safetensors.SafetensorError, struct.error, UnicodeDecodeError, ValueError, KeyError) as error:
        raise ModelError(
            f"{path}: truncated, or not weights of a kind that is known here; give one of {KNOWN}"
        ) from error


def conversion(path: Path) -> str:
    """Return the command that makes safetensors of the encoder in a pickle of weights; it runs no code from the
    pickle."""
    program = (
        "import sys, torch; from safetensors.torch import save_file; "
        "w = torch.load(sys.argv[1], map_location='cpu', weights_only=True); w = w.get('model_state_dict', w); "
        "save_file({k: v.contiguous().clone() for k, v in w.items() if 'encoder' in k}, sys.argv[2])"
    )
    return shlex.join(["python", "-c", program, str(path), str(path.with_suffix(".safetensors"))])


def _read_ctranslate2(file: BinaryIO) -> dict[str, Tensor]:
    """Return the encoder in a CTranslate2 model.bin (version 6), named as the extracted files name it."""

    def number(kind: str) -> int:
        return struct.unpack(kind, file.read(struct.calcsize(kind)))[0]

    def text() -> str:
        return file.read(number("<H"))[:-1].decode()

    number("<I"), text(), number("<I")
    variables: dict[str, np.ndarray] = {}
    for _ in range(number("<I")):
        name = text()
        shape = [number("<I") for _ in range(number("<B"))]
        kind, size = number("<B"), number("<I")
        if name.startswith("encoder/"):
            variables[name.removeprefix("encoder/")] = np.frombuffer(file.read(size), CT2_TYPES[kind]).reshape(shape)
        else:
            file.seek(size, 1)
    found = {}
    for name, values in variables.items():
        if values.ndim == 0 or name.endswith("_scale"):
            continue
        if (scale := variables.get(f"{name}_scale")) is not None:
            values = values.astype(np.float32) / scale.astype(np.float32).reshape(-1, *[1] * (values.ndim - 1))
        key = re.sub(r"\blayer_(\d+)", r"layers.\1", name).replace("/", ".")
        key = (
            key.replace(".gamma", ".weight")
            .replace(".beta", ".bias")
            .replace("position_encodings.encodings", "positions")
        )
        found[key] = torch.from_numpy(values.astype(np.float32))
    return found
