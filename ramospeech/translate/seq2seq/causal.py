"""A language model of characters: log p(character | the characters before it), by a causal transformer.

The blocks are those of `transformer`, but each position sees only itself and what came before it. To score many texts
that have much in common they are put into a `Forest`, each node of which is computed once for all texts through it.
`translate.causal` computes the same without torch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from ramospeech.model.layers.bfloat16 import fast_linear, multiplies_bfloat16
from ramospeech.translate.forest import ROWS, Forest, PackedForests
from ramospeech.translate.seq2seq.transformer import Attention, Block, Neighbours, attention, rotary


@dataclass(frozen=True)
class CausalConfig:
    """Sizes of the network, as those of `TransformerConfig`."""

    characters: int
    width: int = 320
    layers: int = 4
    heads: int = 5
    inner: int = 1280
    dropout: float = 0.0


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
        if not multiplies_bfloat16():
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
            return self._states(characters, numbers, attention(seen), beside)
        with sdpa_kernel(SDPBackend.MATH):  # the fused kernel's backward pass is slow for texts as short as these
            return self._states(characters, numbers, attention(seen), beside)

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
        """Return the log probabilities of each forest, as `log_probs` does; small ones take up to half the time so.

        All but the attention is computed of the rows of all forests together, so that there is nothing to fill up.
        """
        if not forests:
            return []
        packed = PackedForests(forests)
        if not len(packed):
            return packed.split(np.zeros(0))
        rows = -(-packed.longest // ROWS) * ROWS
        visible = torch.from_numpy(packed.seen(rows))
        place = torch.from_numpy(packed.forest * rows + packed.place)
        depth = visible.sum(-1).flatten()[place] - 1
        first, second = torch.from_numpy(packed.before)
        within = attention(visible)

        def beside(h: Tensor) -> Neighbours:
            filled = functional.pad(h, (0, 0, 0, 1))
            return filled[first], filled[second], h

        def attend(turned: Tensor, values: Tensor) -> Tensor:
            spread = values.new_zeros(3, len(forests) * rows, *values.shape[1:])
            spread[:2, place], spread[2, place] = turned, values
            spread = spread.unflatten(1, (len(forests), rows))
            return within(spread[:2], spread[2]).flatten(0, 1)[place]

        states = self._states(torch.from_numpy(packed.characters), depth, attend, beside)
        of_parent, following = torch.from_numpy(packed.parents), torch.from_numpy(packed.following)
        products = states.float()[of_parent] * self.character.weight[following].float()
        scores = products.sum(-1) + self.bias[following].float()
        if normalised:
            scores = scores - self.logits(states).logsumexp(-1)[of_parent]
        return packed.split(scores.double().numpy())

    def _states(
        self, characters: Tensor, numbers: Tensor, attend: Attention, beside: Callable[[Tensor], Neighbours]
    ) -> Tensor:
        """numbers: the position of each character in its text, (U,) for characters (B, U) or (U,)."""
        x = self.dropout(self.character(characters))
        positions = rotary(numbers, self.config.width // self.config.heads)
        for block in self.blocks:
            x = block(x, positions, attend, beside)
        return self.last(x)
