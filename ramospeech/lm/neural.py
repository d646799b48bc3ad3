"""Neural language models: an LSTM over units, its file, and what it says of texts.

Id 0, the blank of an acoustic model, is the start and the end of a text, as of an attention head; id 1 is every unit
that the model does not know.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from ramospeech.errors import ModelError
from ramospeech.files import whole_file
from ramospeech.settings import check, setting
from ramospeech.text import Vocabulary

END = Vocabulary.BLANK
KEY = "ramospeech_lm"  # the metadata entry of a file, JSON
FORMAT = 1

Hidden = tuple[Tensor, Tensor]  # of N texts (L, N, H), (L, N, H)


@dataclass(frozen=True)
class LmSizes:
    """Sizes of a neural language model."""

    embedding: int = setting(128, "width of the embedding of units", minimum=1, maximum=8192)
    hidden: int = setting(256, "cells of an LSTM layer", minimum=1, maximum=8192)
    layers: int = setting(1, "LSTM layers", minimum=1, maximum=16)
    dropout: float = setting(0.2, "dropout rate", minimum=0.0, maximum=0.95)


class NeuralLm(nn.Module):
    """Ids of units -> log-probabilities of the next unit, or the end. Raises ModelError for sizes out of bounds."""

    def __init__(self, vocabulary: Vocabulary, sizes: LmSizes, unit_type: str = "pinyin") -> None:
        super().__init__()
        check(sizes, ModelError)
        self.vocabulary, self.sizes, self.unit_type = vocabulary, sizes, unit_type
        self.embedding = nn.Embedding(len(vocabulary), sizes.embedding)
        self.dropout = nn.Dropout(sizes.dropout)
        between = sizes.dropout if sizes.layers > 1 else 0.0
        self.rnn = nn.LSTM(sizes.embedding, sizes.hidden, sizes.layers, batch_first=True, dropout=between)
        self.output = nn.Linear(sizes.hidden, len(vocabulary))

    def forward(self, units: Tensor, hidden: Hidden | None = None) -> tuple[Tensor, Hidden]:
        """Map ids (N, U) to the log-probabilities of what follows each, (N, U, V), and the state after the last."""
        found, state = self.rnn(self.dropout(self.embedding(units)), hidden)
        return self.output(self.dropout(found)).log_softmax(-1), state

    def loss(self, texts: Sequence[Sequence[int]]) -> tuple[Tensor, int]:
        """Return the negative log probability of texts, summed, and of how many units with the ends."""
        return -self._spoken(texts).sum(), sum(len(text) + 1 for text in texts)

    @torch.inference_mode()
    def scores(self, texts: Sequence[Sequence[int]]) -> np.ndarray:
        """Return the log probability of each of N texts of ids, its end included: (N,)."""
        return self._spoken(texts).sum(1).double().cpu().numpy() if texts else np.zeros(0)

    def score(self, text: Sequence[int]) -> float:
        """Return the log probability of a text of ids, its end included."""
        return float(self.scores([text])[0])

    def _spoken(self, texts: Sequence[Sequence[int]]) -> Tensor:
        """Return the log probability of each unit and the end of texts, 0 behind it: (N, U + 1)."""
        lengths = torch.tensor([len(text) for text in texts])
        width = int(lengths.max()) + 1
        read, following = torch.full((2, len(texts), width), END).unbind(0)
        for row, text in enumerate(texts):
            read[row, 1 : len(text) + 1] = following[row, : len(text)] = torch.tensor(text, dtype=torch.int64)
        device = self.output.weight.device
        counted = (torch.arange(width) <= lengths[:, None]).to(device)
        log_probs, _ = self(read.to(device))
        return log_probs.gather(2, following.to(device)[..., None])[..., 0] * counted

    def ids_of(self, units: Sequence[str]) -> np.ndarray:
        """Return the id here of each unit of another vocabulary, whose first is the blank: (V,) int64."""
        return np.array([END, *self.vocabulary.encode(units[1:])], np.int64)


def save_neural_lm(model: NeuralLm, path: str | Path, training: dict[str, Any]) -> None:
    """Write weights, units, sizes and a summary of the training. Raises ModelError where it cannot be written."""
    entry = {
        "format": FORMAT,
        "units": list(model.vocabulary.units),
        "unit_type": model.unit_type,
        "sizes": asdict(model.sizes),
        "training": training,
    }
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    metadata = {KEY: json.dumps(entry, ensure_ascii=False)}
    with whole_file(path, "wb", ModelError, "free some space or choose another --output") as file:
        file.write(safetensors.torch.save(tensors, metadata=metadata))


def load_neural_lm(path: str | Path, device: str | torch.device = "cpu") -> NeuralLm:
    """Return the model of a file, in eval mode. Raises ModelError for one that `save_neural_lm` did not write."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(KEY)
            tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error}); check the path of --lm") from error
    except safetensors.SafetensorError as error:
        raise ModelError(f"{path}: truncated or not a safetensors file ({error}); copy it again") from error
    if text is None:
        raise ModelError(f"{path}: not a language model; `ramospeech train_neural_lm` makes one")
    try:
        entry = json.loads(text)
        if entry["format"] != FORMAT:
            raise ValueError(f"format {entry['format']}")
        model = NeuralLm(Vocabulary(entry["units"]), LmSizes(**entry["sizes"]), entry["unit_type"])
        model.load_state_dict(tensors)
    except (ValueError, KeyError, TypeError, RuntimeError, ModelError) as error:
        said = str(error).splitlines()[0]
        raise ModelError(f"{path}: its description and weights do not fit ({said}); train it again") from error
    if not all(tensor.isfinite().all() for tensor in tensors.values()):
        raise ModelError(f"{path}: holds numbers that are not finite; train it again")
    return model.to(device).eval()
