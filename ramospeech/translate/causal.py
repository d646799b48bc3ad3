"""The language model of the second pass in numpy: no torch, and no slower on a CPU without tiles of bfloat16."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import safetensors

from ramospeech.arrays import in_float32
from ramospeech.errors import ModelError
from ramospeech.translate.forest import Forest, PackedForests
from ramospeech.translate.network_file import CAUSAL_FORMAT, KEY, format_of, rows_of_characters

EPSILON = 1e-5  # of layer normalisation, as torch has it


class NumpyCausal:
    """Computes what `seq2seq.causal.CausalTransformer.log_probs_of_each` does, in float32.

    weights: its state_dict. heads: of attention.
    """

    def __init__(self, weights: Mapping[str, np.ndarray], heads: int) -> None:
        self.heads = heads
        self._weights = dict(weights)
        self._layers = len({name.split(".")[1] for name in weights if name.startswith("blocks.")})

    @classmethod
    def load(cls, path: str | Path, characters: str) -> "NumpyCausal":
        """Read a file of `train_translator.py --kind causal` for a model of these characters; raises ModelError."""
        path = Path(path)
        if format_of(path) != CAUSAL_FORMAT:
            raise ModelError(f"{path}: not a causal language model; train_translator.py --kind causal makes one")
        try:
            with safetensors.safe_open(path, framework="np") as file:
                entry = json.loads(file.metadata()[KEY])
                weights = in_float32({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
            if not all(np.isfinite(array).all() for array in weights.values()):
                raise ValueError("some of its weights are not numbers")
            network, known = cls(weights, int(entry["config"]["heads"])), str(entry["characters"])
            if [weights["character.weight"].shape[:1], weights["bias"].shape] != [(len(known),)] * 2 or not known:
                raise ValueError("its parts do not fit together")
            tried = Forest()
            tried.add([0, 0, 0])
            network.log_probs_of_each([tried])
        except (OSError, safetensors.SafetensorError, ValueError, LookupError, TypeError, ArithmeticError) as error:
            raise ModelError(f"{path}: the model is broken ({error}); fetch or train it again") from None
        if known != characters:
            network._take(rows_of_characters(known, characters, path))
        return network

    def _take(self, rows: np.ndarray) -> None:
        """Take other characters, those of these rows; -1 is one that is not known, which gets the least probability."""
        embeddings, bias = self._weights["character.weight"], self._weights["bias"]
        self._weights["character.weight"] = np.where(rows[:, None] < 0, np.float32(0), embeddings[rows])
        self._weights["bias"] = np.where(rows < 0, bias.min(), bias[rows])

    def log_probs_of_each(self, forests: Sequence[Forest], normalised: bool = True) -> list[np.ndarray]:
        """Return the log probability of each node of each forest given those before it, (N,) float64; 0 where a text
        begins.

        normalised: False takes the sum over all characters to be 1, as `CausalTransformer.log_probs`.
        """
        if not forests:
            return []
        packed = PackedForests(forests)
        if not len(packed):
            return packed.split(np.zeros(0))
        states = self._states(packed, len(forests))
        embeddings, bias = self._weights["character.weight"], self._weights["bias"]
        of_parent = states[packed.parents]
        scores = np.einsum("nd,nd->n", of_parent, embeddings[packed.following]) + bias[packed.following]
        if normalised:
            logits = states @ embeddings.T + bias
            top = logits.max(1)
            scores -= (np.log(np.exp(logits - top[:, None]).sum(1)) + top)[packed.parents]
        return packed.split(scores.astype(np.float64))

    def _states(self, packed: PackedForests, forests: int) -> np.ndarray:
        """Return the states (N, D) of the rows of forests."""
        seen = packed.seen(packed.longest)
        place = packed.forest * packed.longest + packed.place
        outside = np.where(seen, np.float32(0), np.float32(-np.inf))
        x = self._weights["character.weight"][packed.characters]
        turn = _rotary(seen.sum(-1).ravel()[place] - 1, x.shape[1] // self.heads)
        spread = np.zeros((forests * packed.longest, 3, *x.shape[1:]), np.float32)
        for block in range(self._layers):
            of_block = f"blocks.{block}."
            h = self._beside(packed.before, self._norm(x, of_block + "before_attention"), of_block + "neighbours")
            parts = self._product(h, of_block + "attention").reshape(len(x), 3, self.heads, -1)
            _turn(parts[:, :2], *turn)
            spread[place] = parts.reshape(len(x), 3, -1)
            queries, keys, values = spread.reshape(forests, -1, 3, self.heads, parts.shape[3]).transpose(2, 0, 3, 1, 4)
            found = _attention(queries, keys, values, outside).transpose(0, 2, 1, 3).reshape(-1, x.shape[1])[place]
            x = x + self._product(found, of_block + "merge")
            h = np.maximum(self._product(self._norm(x, of_block + "before_inner"), of_block + "inner"), 0.0)
            x = x + self._product(h * h, of_block + "outer")
        return self._norm(x, "last")

    def _product(self, x: np.ndarray, name: str) -> np.ndarray:
        return x @ self._weights[f"{name}.weight"].T

    def _norm(self, x: np.ndarray, name: str) -> np.ndarray:
        x = x - x.mean(1, keepdims=True)
        return x / np.sqrt((x * x).mean(1, keepdims=True) + EPSILON) * self._weights[f"{name}.weight"]

    def _beside(self, before: np.ndarray, h: np.ndarray, name: str) -> np.ndarray:
        """Return the convolution of each row with the two before it, (N, D)."""
        filled = np.pad(h, ((0, 1), (0, 0)))
        first, second, here = self._weights[name]
        return filled[before[0]] * first + filled[before[1]] * second + h * here


def _rotary(positions: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the cosine and the sine of each of (N,) positions and each frequency, (N, 1, 1, width / 2)."""
    angles = positions[:, None, None, None] * 10_000.0 ** (-np.arange(0, width, 2) / width)
    return np.cos(angles).astype(np.float32), np.sin(angles).astype(np.float32)


def _turn(x: np.ndarray, cos: np.ndarray, sin: np.ndarray) -> None:
    """Turn the pairs of (N, 2, heads, width), the two halves of it, by the angles of `_rotary`."""
    a, b = np.split(x, 2, -1)
    a[:], b[:] = a * cos - b * sin, a * sin + b * cos


def _attention(queries: np.ndarray, keys: np.ndarray, values: np.ndarray, outside: np.ndarray) -> np.ndarray:
    """Return what each query (..., U, width) finds. outside: (..., U, U), -inf where it does not see a key, else 0."""
    scores = queries @ keys.swapaxes(-1, -2) * np.float32(queries.shape[-1] ** -0.5) + outside
    scores = np.exp(scores - scores.max(-1, keepdims=True))
    return scores / scores.sum(-1, keepdims=True) @ values
