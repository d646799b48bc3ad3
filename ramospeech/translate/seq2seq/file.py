"""The file of a seq2seq translator: safetensors with sizes and characters in the metadata, without code.

Weights are quantised by `ramospeech.model.quantise`.
"""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch

from ramospeech.errors import ModelError
from ramospeech.files import whole_file
from ramospeech.model.quantise import dequantise, quantise
from ramospeech.model.shapes import shapes_only
from ramospeech.translate.seq2seq.model import Seq2Seq, Seq2SeqConfig

FORMAT = "ramospeech seq2seq translator 1"
KEY = "ramospeech"  # the metadata entry, JSON


def write(path: Path, network: Seq2Seq, characters: str, training: dict[str, Any]) -> None:
    """Write the file completely or not at all; raises ModelError."""
    for name, tensor in network.state_dict().items():
        if not tensor.isfinite().all():
            raise ModelError(f"{path}: not written, because {name} has NaN or infinite values")
    entry = {"format": FORMAT, "config": asdict(network.config), "characters": characters, "training": training}
    metadata = {KEY: json.dumps(entry, ensure_ascii=False)}
    content = safetensors.torch.save(quantise(network.state_dict()), metadata=metadata)
    with whole_file(path, "wb", ModelError, "make room or choose another --model_path") as file:
        file.write(content)


def read(path: Path) -> tuple[Seq2Seq, str]:
    """Read the network, in float32 and eval mode, and its characters; raises ModelError, which names the file."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            entry = json.loads((file.metadata() or {}).get(KEY, "{}"))
            if not isinstance(entry, dict) or entry.get("format") != FORMAT:
                raise ModelError(f"{path}: not a seq2seq translator; train one with train_translator.py")
            tensors = dequantise({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
        with shapes_only():  # allocates nothing before the sizes are checked
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
    """Return whether a file is a seq2seq translator, by its metadata."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            return FORMAT in (file.metadata() or {}).get(KEY, "")
    except (OSError, safetensors.SafetensorError):
        return False
