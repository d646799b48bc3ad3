"""The file of the model that punctuates, read and computed with numpy: transcribing by an ONNX file has no torch."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors

from ramospeech.arrays import in_float32, lstm
from ramospeech.errors import ModelError

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

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shape of each weight by its name."""
        width, marks = self.width, len(MARKS)
        matrix, bias = (4 * width, width), (4 * width,)
        lstm: dict[str, tuple[int, ...]] = {"weight_ih": matrix, "weight_hh": matrix, "bias_ih": bias, "bias_hh": bias}
        return {
            "embedding.weight": (self.characters, self.embedding),
            "convolution.weight": (width, self.embedding, 3),
            "convolution.bias": (width,),
            **{f"lstm.{name}_l0{end}": shape for end in ("", "_reverse") for name, shape in lstm.items()},
            "output.weight": (marks, 2 * width),
            "output.bias": (marks,),
        }


@dataclass(frozen=True)
class PunctuationModel:
    """Weights by their names, in float32, and the characters of the ids after EDGE and UNKNOWN."""

    config: PunctuationConfig
    characters: str
    weights: Mapping[str, np.ndarray]

    def logits(self, ids: np.ndarray) -> np.ndarray:
        """Return logits (B, T, len(MARKS)) for characters (B, T)."""
        weights = self.weights
        embedded = np.pad(weights["embedding.weight"][ids], ((0, 0), (1, 1), (0, 0)))
        neighbours = np.concatenate([embedded[:, :-2], embedded[:, 1:-1], embedded[:, 2:]], axis=2)
        kernel = weights["convolution.weight"].transpose(2, 1, 0).reshape(-1, self.config.width)
        convolved = np.maximum(neighbours @ kernel + weights["convolution.bias"], 0)
        by_time = convolved.swapaxes(0, 1)
        states = lstm(by_time, weights, "l0"), lstm(by_time[::-1], weights, "l0_reverse")[::-1]
        return np.concatenate(states, axis=2).swapaxes(0, 1) @ weights["output.weight"].T + weights["output.bias"]


def read_model(path: Path) -> PunctuationModel:
    """Read a model file; raises ModelError, which names the file."""
    try:
        with safetensors.safe_open(path, framework="np") as file:
            entry = json.loads((file.metadata() or {}).get(KEY, "{}"))
            if not isinstance(entry, dict) or entry.get("format") != FORMAT:
                raise ModelError(f"{path}: not a punctuation model; train one with ramospeech train_punctuation")
            stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        config, characters = PunctuationConfig(**entry["config"]), str(entry["characters"])
        weights = in_float32(stored)
        shapes = {name: array.shape for name, array in weights.items()}
        finite = all(np.isfinite(array).all() for array in weights.values())
        if shapes != config.shapes() or len(characters) != config.characters - 2 or not finite:
            raise ValueError("its parts do not fit together")
    except FileNotFoundError:
        raise ModelError(f"{path}: no such model; train one with ramospeech train_punctuation") from None
    except (OSError, safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{path}: the model is broken ({reason}); fetch or train it again") from None
    return PunctuationModel(config, characters, weights)
