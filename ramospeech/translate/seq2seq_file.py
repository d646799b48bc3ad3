"""The file of a seq2seq translator: safetensors, with its sizes and characters in the metadata. No code inside.

Matrices are stored in 8 bits, each row with a scale of its own; everything else in half precision.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from ramospeech.errors import ModelError
from ramospeech.files import whole_file
from ramospeech.model.shapes import shapes_only
from ramospeech.translate.network import Seq2Seq, Seq2SeqConfig

FORMAT = "ramospeech seq2seq translator 1"
KEY = "ramospeech"  # the metadata entry, JSON
_SCALE = ".scale"  # what the name of a matrix ends in where its rows' scales are


def write(path: Path, network: Seq2Seq, characters: str, training: dict[str, Any]) -> None:
    """Writes the file whole or not at all; raises ModelError."""
    tensors = {}
    for name, tensor in network.state_dict().items():
        if not tensor.isfinite().all():
            raise ModelError(f"{path}: not written, {name} would hold numbers that are not finite")
        if tensor.ndim == 2:
            scale = tensor.abs().amax(1).clamp_min(1e-8) / 127
            tensors[name] = (tensor / scale[:, None]).round().to(torch.int8)
            tensors[name + _SCALE] = scale
        else:
            tensors[name] = tensor.to(torch.float16)
    entry = {"format": FORMAT, "config": asdict(network.config), "characters": characters, "training": training}
    packed = safetensors.torch.save(tensors, metadata={KEY: json.dumps(entry, ensure_ascii=False)})
    with whole_file(path, "wb", ModelError, "make room or choose another --model_path") as file:
        file.write(packed)


def read(path: Path) -> tuple[Seq2Seq, str]:
    """The network, in float32 and eval mode, and its characters; raises ModelError, which names the file."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            entry = json.loads((file.metadata() or {}).get(KEY, "{}"))
            if not isinstance(entry, dict) or entry.get("format") != FORMAT:
                raise ModelError(f"{path}: not a seq2seq translator; train one with train_translator.py")
            stored = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
        tensors = {
            name: tensor * stored[name + _SCALE][:, None] if name + _SCALE in stored else tensor
            for name, tensor in stored.items()
            if not name.endswith(_SCALE)
        }
        with shapes_only():  # nothing large is allocated before they are checked
            network = Seq2Seq(Seq2SeqConfig(**entry["config"]))
        characters = str(entry["characters"])
        network.load_state_dict(tensors, assign=True)
        if len(characters) != network.config.characters or not all(t.isfinite().all() for t in tensors.values()):
            raise ValueError("its parts do not fit together")
    except FileNotFoundError:
        raise ModelError(f"{path}: no such model; train one with train_translator.py") from None
    except (OSError, safetensors.SafetensorError, RuntimeError, ValueError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{path}: the model is broken ({reason}); fetch or train it again") from None
    return network.eval(), characters


def is_seq2seq(path: Path) -> bool:
    """Whether a file says that it is of this kind."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            return FORMAT in (file.metadata() or {}).get(KEY, "")
    except (OSError, safetensors.SafetensorError):
        return False
