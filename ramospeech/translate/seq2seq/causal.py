"""A language model of characters: log p(character | the characters before it), by a causal transformer.

The blocks are those of `transformer`, but each position sees only itself and what came before it. To score many texts
that have much in common they are put into a `Forest`, each node of which is computed once for all texts through it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from ramospeech.lm.counting import BOUNDARY
from ramospeech.model.layers.bfloat16 import Bfloat16Linear, fast_linear, multiplies_bfloat16
from ramospeech.translate.seq2seq.transformer import Block, Neighbours, rotary

ROWS = 64  # a forest is filled up to a multiple: a CPU makes a kernel for each number of rows, which takes its time


@dataclass(frozen=True)
class CausalConfig:
    """Sizes of the network, as those of `TransformerConfig`."""

    characters: int
    width: int = 320
    layers: int = 4
    heads: int = 5
    inner: int = 1280
    dropout: float = 0.0


@dataclass
class Forest:
    """Texts that share their beginnings: N nodes.

    ids: the character of each node. parents: the node before it, which has a lower number; -1 where a text begins.
    """

    ids: list[int] = field(default_factory=list)
    parents: list[int] = field(default_factory=list)
    _children: dict[tuple[int, int], int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def rows(self) -> int:
        """At most so many a network computes for it."""
        return -(-len(self.ids) // ROWS) * ROWS

    def add(self, text: Sequence[int], node: int = -1) -> list[int]:
        """Add a text of characters behind a node, where it is not yet there; return its nodes. -1: a new text."""
        path = []
        for character in text:
            child = self._children.setdefault((node, character), len(self.ids))
            if child == len(self.ids):
                self.ids.append(character)
                self.parents.append(node)
            path.append(child)
            node = child
        return path


class _Computed:
    """The nodes of a forest that have others behind them, which are computed; of the rest no state is needed.

    nodes: their numbers in the forest. behind: the nodes that have one before them, and of each of these `parents`, the
    number of that one among the computed ones, and `characters`.
    """

    def __init__(self, forest: Forest) -> None:
        self._ids, self._before = np.array(forest.ids, np.int64), np.array(forest.parents, np.int64)
        self.behind = np.flatnonzero(self._before >= 0)
        self.nodes, self.parents = np.unique(self._before[self.behind], return_inverse=True)
        self.characters = self._ids[self.behind]

    def fill(self, characters: np.ndarray, depth: np.ndarray, before: np.ndarray, seen: np.ndarray) -> None:
        """Write what the network reads into the first rows of (rows,), (rows,), (rows, 2) and (rows, rows)."""
        characters[: len(self.nodes)] = self._ids[self.nodes]
        above = self._before[self.nodes]
        up = np.searchsorted(self.nodes, above)
        for row in np.flatnonzero(above >= 0).tolist():
            parent = up[row]
            before[row] = before[parent, 1], parent
            seen[row] |= seen[parent]
            depth[row] = depth[parent] + 1

    def scattered(self, scores: np.ndarray) -> np.ndarray:
        """Return the scores of the nodes `behind` as those of all nodes, 0 where a text begins."""
        result = np.zeros(len(self._ids))
        result[self.behind] = scores
        return result


class CausalTransformer(nn.Module):
    """Maps characters (B, U) to states (B, U, D), whose products with the embeddings are the logits of what follows."""

    def __init__(self, config: CausalConfig) -> None:
        super().__init__()
        self.config = config
        self.character = nn.Embedding(config.characters, config.width)
        sizes = config.width, config.heads, config.inner, config.dropout
        self.blocks = nn.ModuleList(Block(*sizes, here=2) for _ in range(config.layers))
        self.last = nn.LayerNorm(config.width, bias=False)
        self.bias = nn.Parameter(torch.zeros(config.characters))
        self.dropout = nn.Dropout(config.dropout)
        # Small, since a character's own embedding stays in its state and would make it its own likeliest successor.
        nn.init.normal_(self.character.weight, std=0.02)

    def optimise_for_inference(self) -> None:
        """Compute in bfloat16, on a CPU that multiplies it fast; it can no longer be trained or saved."""
        if not multiplies_bfloat16() or isinstance(self.blocks[0].attention, Bfloat16Linear):
            return
        self.bfloat16()
        for block in self.blocks:
            for name in ("attention", "merge", "inner", "outer"):
                setattr(block, name, fast_linear(getattr(block, name)))

    def forward(self, characters: Tensor) -> Tensor:
        """Compute the states of texts of equal length, as in training."""
        length = characters.shape[1]
        numbers = torch.arange(length, device=characters.device)

        def beside(h: Tensor) -> Neighbours:
            h = functional.pad(h, (0, 0, 2, 0))
            return h[:, :-2], h[:, 1:-1], h[:, 2:]

        seen = numbers <= numbers[:, None]
        if characters.device.type != "cpu":
            return self._states(characters, numbers, seen, beside)
        with sdpa_kernel(SDPBackend.MATH):  # the fused kernel's backward pass is slow for texts as short as these
            return self._states(characters, numbers, seen, beside)

    def logits(self, states: Tensor) -> Tensor:
        """Map states (..., D) to the logits (..., V) of the characters that follow, float32."""
        return functional.linear(states, self.character.weight, self.bias.to(states.dtype)).float()

    def log_probs(self, forest: Forest, normalised: bool = True) -> np.ndarray:
        """Return the log probability of each node given those before it, (N,) float64; 0 where a text begins.

        normalised: False takes the sum over all characters to be 1, to which training keeps it near, and saves a third
        of the time and more.
        """
        return self.log_probs_of_each([forest], normalised)[0]

    @torch.inference_mode()
    def log_probs_of_each(self, forests: Sequence[Forest], normalised: bool = True) -> list[np.ndarray]:
        """Return the log probabilities of each forest, as `log_probs` does; small ones take up to half the time so."""
        nodes = [_Computed(forest) for forest in forests]
        longest = max((len(each.nodes) for each in nodes), default=0)
        if not longest:
            return [np.zeros(len(forest)) for forest in forests]
        rows = -(-longest // ROWS) * ROWS
        batch = len(forests)
        characters, depth = np.full((batch, rows), BOUNDARY), np.zeros((batch, rows), np.int64)
        before = np.full((batch, rows, 2), rows)  # the two before each node; `rows`: a row of zeros
        seen = np.broadcast_to(np.eye(rows, dtype=bool), (batch, 1, rows, rows)).copy()
        for b, each in enumerate(nodes):
            each.fill(characters[b], depth[b], before[b], seen[b, 0])
        first, second = torch.from_numpy(before + np.arange(batch)[:, None, None] * (rows + 1)).flatten(0, 1).T

        def beside(h: Tensor) -> Neighbours:
            filled = functional.pad(h, (0, 0, 0, 1)).flatten(0, 1)
            return filled[first].view(h.shape), filled[second].view(h.shape), h

        read, numbers, visible = (torch.from_numpy(array) for array in (characters, depth, seen))
        states = self._states(read, numbers[:, None], visible, beside).flatten(0, 1)
        of_parent = torch.from_numpy(np.concatenate([b * rows + each.parents for b, each in enumerate(nodes)]))
        following = torch.from_numpy(np.concatenate([each.characters for each in nodes]))
        products = states.float()[of_parent] * self.character.weight[following].float()
        scores = products.sum(-1) + self.bias[following].float()
        if normalised:
            scores = scores - self.logits(states).logsumexp(-1)[of_parent]
        ends = np.cumsum([len(each.behind) for each in nodes])[:-1]
        parts = np.split(scores.double().numpy(), ends)
        return [each.scattered(part) for each, part in zip(nodes, parts, strict=True)]

    def _states(
        self, characters: Tensor, numbers: Tensor, seen: Tensor, beside: Callable[[Tensor], Neighbours]
    ) -> Tensor:
        """numbers: the position of each in its text, (U,) or (B, 1, U). seen: which positions each position sees, bool,
        (U, U) or (B, 1, U, U)."""
        x = self.dropout(self.character(characters))
        positions = rotary(numbers, self.config.width // self.config.heads)
        for block in self.blocks:
            x = block(x, positions, seen, beside)
        return self.last(x)
