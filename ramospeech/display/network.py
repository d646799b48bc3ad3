"""The network that punctuates, as it is trained: characters in, for each the probability of every mark behind it."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from ramospeech.display.model_file import FORMAT, KEY, MARKS, PunctuationConfig, read_model
from ramospeech.errors import ModelError
from ramospeech.files import whole_file
from ramospeech.model.quantise import quantise


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
    """Return the network to train further, and its characters; raises ModelError, which names the file."""
    model = read_model(path)
    network = PunctuationNetwork(model.config)
    network.load_state_dict({name: torch.from_numpy(array) for name, array in model.weights.items()})
    return network, model.characters
