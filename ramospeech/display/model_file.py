"""The file of the model that punctuates, read and computed with numpy: transcribing by an ONNX file has no torch."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors

from ramospeech.errors import ModelError

FORMAT = "ramospeech punctuation 1"
KEY = "ramospeech"  # the metadata entry, JSON
SCALE = ".scale"  # what the name of a matrix in 8 bits ends in where its rows' scales are
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
        forward = self._lstm(convolved, "")
        backward = self._lstm(convolved[:, ::-1], "_reverse")[:, ::-1]
        return np.concatenate([forward, backward], axis=2) @ weights["output.weight"].T + weights["output.bias"]

    def _lstm(self, inputs: np.ndarray, end: str) -> np.ndarray:
        """Return the outputs (B, T, width) of one direction, with the gates in the order of torch."""
        weights, width = self.weights, self.config.width
        recurrent = np.ascontiguousarray(weights[f"lstm.weight_hh_l0{end}"].T)
        bias = weights[f"lstm.bias_ih_l0{end}"] + weights[f"lstm.bias_hh_l0{end}"]
        of_inputs = inputs @ weights[f"lstm.weight_ih_l0{end}"].T + bias
        state = output = np.zeros((len(inputs), width), np.float32)
        outputs = np.empty((*inputs.shape[:2], width), np.float32)
        for t in range(inputs.shape[1]):
            gates = of_inputs[:, t] + output @ recurrent
            into, keep, new, out = (gates[:, k * width : (k + 1) * width] for k in range(4))
            state = _sigmoid(keep) * state + _sigmoid(into) * np.tanh(new)
            output = _sigmoid(out) * np.tanh(state)
            outputs[:, t] = output
        return outputs


def read_model(path: Path) -> PunctuationModel:
    """Read a model file; raises ModelError, which names the file."""
    try:
        with safetensors.safe_open(path, framework="np") as file:
            entry = json.loads((file.metadata() or {}).get(KEY, "{}"))
            if not isinstance(entry, dict) or entry.get("format") != FORMAT:
                raise ModelError(f"{path}: not a punctuation model; train one with ramospeech train_punctuation")
            stored = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        config, characters = PunctuationConfig(**entry["config"]), str(entry["characters"])
        weights = _in_float32(stored)
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


def _in_float32(stored: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return what `ramospeech.model.quantise` was given."""
    weights: dict[str, Any] = {}
    for name, array in stored.items():
        if not name.endswith(SCALE):
            scale = stored.get(name + SCALE)
            weights[name] = array.astype(np.float32)
            if scale is not None:
                weights[name] *= scale.astype(np.float32).reshape(-1, *[1] * (array.ndim - 1))
    return weights


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 0.5 * np.tanh(0.5 * values) + 0.5
