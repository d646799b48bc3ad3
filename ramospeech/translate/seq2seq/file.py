"""The file of a translator network: safetensors with its kind, sizes and characters in the metadata, without code.

Weights are quantised by `ramospeech.model.quantise`.
"""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeVar

import safetensors
import safetensors.torch
import torch
from torch import nn

from ramospeech.errors import ModelError
from ramospeech.files import whole_file
from ramospeech.model.quantise import dequantise, quantise
from ramospeech.model.shapes import shapes_only
from ramospeech.translate.network_file import CAUSAL_FORMAT, KEY, SEQ2SEQ_FORMATS, rows_of_characters
from ramospeech.translate.seq2seq.causal import CausalConfig, CausalTransformer
from ramospeech.translate.seq2seq.model import Seq2Seq, Seq2SeqConfig
from ramospeech.translate.seq2seq.transformer import Transformer, TransformerConfig

Network = Seq2Seq | Transformer | CausalTransformer
AnyNetwork = TypeVar("AnyNetwork", bound=Network)

FORMAT, TRANSFORMER_FORMAT = SEQ2SEQ_FORMATS
FORMATS: dict[str, tuple[type[Network], type]] = {
    FORMAT: (Seq2Seq, Seq2SeqConfig),
    TRANSFORMER_FORMAT: (Transformer, TransformerConfig),
    CAUSAL_FORMAT: (CausalTransformer, CausalConfig),
}
BITS = 6  # of the weights of a causal language model, which is shipped beside the n-gram model; of the others 8


def write(path: Path, network: Network, characters: str, training: dict[str, Any]) -> None:
    """Write the file completely or not at all; raises ModelError."""
    for name, tensor in network.state_dict().items():
        if not tensor.isfinite().all():
            raise ModelError(f"{path}: not written, because {name} has NaN or infinite values")
    name = next(name for name, (kind, _) in FORMATS.items() if isinstance(network, kind))
    entry = {"format": name, "config": asdict(network.config), "characters": characters, "training": training}
    metadata = {KEY: json.dumps(entry, ensure_ascii=False)}
    bits = BITS if isinstance(network, CausalTransformer) else 8
    content = safetensors.torch.save(quantise(network.state_dict(), bits), metadata=metadata)
    with whole_file(path, "wb", ModelError, "make room or choose another place for it") as file:
        file.write(content)


def read(path: Path) -> tuple[Network, str]:
    """Read the network, in float32 and eval mode, and its characters; raises ModelError, which names the file."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            entry = json.loads((file.metadata() or {}).get(KEY, "{}"))
            if not isinstance(entry, dict) or entry.get("format") not in FORMATS:
                raise ModelError(f"{path}: not a translator's network; train one with train_translator.py")
            tensors = dequantise({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
        with shapes_only():  # allocates nothing before the sizes are checked
            kind, config = FORMATS[entry["format"]]
            network = kind(config(**entry["config"]))
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


def read_causal(path: Path, characters: str) -> CausalTransformer:
    """Read a causal language model for an n-gram model of these characters; raises ModelError."""
    network, known = read(path)
    if not isinstance(network, CausalTransformer):
        raise ModelError(f"{path}: not a causal language model; train_translator.py --kind causal makes one")
    return for_characters(network, known, characters, path).requires_grad_(False)


def for_characters(network: AnyNetwork, known: str, wanted: str, path: str | Path) -> AnyNetwork:
    """Return the network of a file with the characters `wanted` (V) instead of those it was trained with, `known`.

    A character that is not in `known` gets a zero embedding and the minimum bias, so that it is chosen by the n-gram
    model only. Raises ModelError where the two have too few in common.
    """
    if known == wanted:
        return network
    rows = torch.from_numpy(rows_of_characters(known, wanted, path))
    missing = rows < 0
    network.config = replace(network.config, characters=len(wanted))
    with torch.no_grad():
        weight = network.character.weight[rows].masked_fill(missing[:, None], 0.0)
        bias = network.bias[rows].masked_fill(missing, float(network.bias.min()))
    network.character = nn.Embedding.from_pretrained(weight, freeze=False)
    network.bias = nn.Parameter(bias)
    return network
