"""The network that punctuates, and its file: characters in, for each the probability of every mark behind it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from ramospeech.errors import ModelError
from ramospeech.files import whole_file
from ramospeech.model.quantise import dequantise, quantise
from ramospeech.model.shapes import shapes_only

FORMAT = "ramospeech punctuation 1"
KEY = "ramospeech"  # the metadata entry, JSON
MARKS = ("", "，", "。", "？", "！", "、")
EDGE, UNKNOWN = 0, 1  # ids before those of characters: the beginning and end of a text, and what is not known


@dataclass(frozen=True)
class PunctuationConfig:
    """Sizes. characters: how many the network knows, EDGE and UNKNOWN included."""

    characters: int
    embedding: int = 64
    width: int = 128
    dropout: float = 0.1


class PunctuationNetwork(nn.Module):
    """An embedding of characters, a convolution over three of them, a BiLSTM and a linear layer."""

    def __init__(self, config: PunctuationConfig):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.characters, config.embedding)
        self.convolution = nn.Conv1d(config.embedding, config.width, 3, padding=1)
        self.lstm = nn.LSTM(config.width, config.width, bidirectional=True, batch_first=True)
        self.dropout = nn.Dropout(config.dropout)
        self.output = nn.Linear(2 * config.width, len(MARKS))

    def forward(self, ids: Tensor) -> Tensor:
        """Return logits (B, T, len(MARKS)) for characters (B, T)."""
        embedded = self.dropout(self.embedding(ids))
        convolved = torch.relu(self.convolution(embedded.transpose(1, 2))).transpose(1, 2)
        return self.output(self.dropout(self.lstm(self.dropout(convolved))[0]))


def write(path: Path, network: PunctuationNetwork, characters: str, training: dict[str, Any]) -> None:
    """Write the file completely or not at all; raises ModelError.

    characters: those of the ids after EDGE and UNKNOWN. training: a summary, anything JSON can hold.
    """
    for name, tensor in network.state_dict().items():
        if not tensor.isfinite().all():
            raise ModelError(f"{path}: not written, because {name} has NaN or infinite values")
    entry = {"format": FORMAT, "config": asdict(network.config), "characters": characters, "training": training}
    metadata = {KEY: json.dumps(entry, ensure_ascii=False)}
    content = safetensors.torch.save(quantise(network.state_dict()), metadata=metadata)
    with whole_file(path, "wb", ModelError, "make room or choose another --output") as file:
        file.write(content)


def read(path: Path) -> tuple[PunctuationNetwork, str]:
    """Return the network, in float32 and eval mode, and its characters; raises ModelError, which names the file."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            entry = json.loads((file.metadata() or {}).get(KEY, "{}"))
            if not isinstance(entry, dict) or entry.get("format") != FORMAT:
                raise ModelError(f"{path}: not a punctuation model; train one with ramospeech train_punctuation")
            tensors = dequantise({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
        with shapes_only():  # allocates nothing before the sizes are checked
            network = PunctuationNetwork(PunctuationConfig(**entry["config"]))
        characters = str(entry["characters"])
        network.load_state_dict(tensors, assign=True)
        finite = all(tensor.isfinite().all() for tensor in tensors.values())
        if len(characters) != network.config.characters - 2 or not finite:
            raise ValueError("its parts do not fit together")
    except FileNotFoundError:
        raise ModelError(f"{path}: no such model; train one with ramospeech train_punctuation") from None
    except (OSError, safetensors.SafetensorError, RuntimeError, ValueError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{path}: the model is broken ({reason}); fetch or train it again") from None
    return network.eval(), characters
