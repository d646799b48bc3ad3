"""The transformer: the hanzi of every syllable at once, each given all syllables of the sentence.

One syllable is one character, so there is nothing to align and no decoder: the network gives a distribution over
characters for each position, and the n-gram model, which is searched exactly, makes neighbours agree. A block is
attention with rotary positions (Su et al., arXiv 2104.09864) after a convolution over three positions by channel, then
squared rectifiers (So et al., arXiv 2109.08668), each added to what came in.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ramospeech.translate.seq2seq.embedding import EmbeddingNetwork


@dataclass(frozen=True)
class TransformerConfig:
    """Sizes of the network.

    syllables: number of syllable ids (`error_model.Syllables`). characters: V. width: D, of embeddings and blocks.
    layers: blocks. heads: of attention; divides the width into even parts. inner: width inside the rectifiers.
    """

    syllables: int
    characters: int
    width: int = 256
    layers: int = 6
    heads: int = 4
    inner: int = 1024
    dropout: float = 0.1


Neighbours = tuple[Tensor, Tensor, Tensor]  # of each position, (B, U, D)
Attention = Callable[[Tensor, Tensor], Tensor]  # queries and keys (2, B, U, heads, D / heads), values -> like values


class Block(nn.Module):
    """Attention and rectifiers, (B, U, D) -> (B, U, D), or (N, D) where the arguments of `forward` are made for it.

    here: which of the three neighbouring positions of the convolution is the position itself.
    """

    def __init__(self, width: int, heads: int, inner: int, dropout: float, here: int = 1) -> None:
        super().__init__()
        self.heads, self.dropout = heads, nn.Dropout(dropout)
        self.before_attention = nn.LayerNorm(width, bias=False)
        self.neighbours = nn.Parameter(torch.zeros(3, width))
        nn.init.ones_(self.neighbours[here])
        self.attention = nn.Linear(width, 3 * width, bias=False)
        self.merge = nn.Linear(width, width, bias=False)
        self.before_inner = nn.LayerNorm(width, bias=False)
        self.inner = nn.Linear(width, inner, bias=False)
        self.outer = nn.Linear(inner, width, bias=False)
        for linear in (self.attention, self.inner):
            nn.init.normal_(linear.weight, std=width**-0.5)
        for linear in (self.merge, self.outer):  # a block that has not learnt yet changes nothing
            nn.init.zeros_(linear.weight)

    def forward(
        self, x: Tensor, positions: tuple[Tensor, Tensor], attend: Attention, beside: Callable[[Tensor], Neighbours]
    ) -> Tensor:
        """positions: of `rotary`, to be turned with (..., heads, D / heads). attend: what each position finds, from the
        turned queries and keys (2, ..., heads, D / heads) and the values. beside: what the three neighbours of each
        position have, of (..., D)."""
        first, second, third = beside(self.before_attention(x))
        of_first, of_second, of_third = self.neighbours
        h = first * of_first + second * of_second + third * of_third
        parts = self.attention(h).unflatten(-1, (3, self.heads, -1)).movedim(-3, 0)
        found = attend(turned(parts[:2], positions), parts[2])
        x = x + self.dropout(self.merge(found.flatten(-2)))
        return x + self.dropout(self.outer(self.inner(self.before_inner(x)).relu().square()))


class Transformer(EmbeddingNetwork):
    """Maps syllable ids (B, U) to states (B, U, D); the logits are their products with the character embeddings."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__(config.syllables, config.characters, config.width)
        self.config = config
        sizes = config.width, config.heads, config.inner, config.dropout
        self.blocks = nn.ModuleList(Block(*sizes) for _ in range(config.layers))
        self.last = nn.LayerNorm(config.width, bias=False)
        self.bias = nn.Parameter(torch.zeros(config.characters))
        self.dropout = nn.Dropout(config.dropout)
        nn.init.normal_(self.character.weight, std=config.width**-0.5)

    def forward(self, syllables: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Compute the states; lengths (B,) int64 if sentences are padded."""
        x = self.dropout(self.embedded(syllables))
        length = syllables.shape[1]
        positions = rotary(torch.arange(length, device=x.device), self.config.width // self.config.heads)
        mask = None if lengths is None else (torch.arange(length, device=x.device) < lengths[:, None])[:, None, None]

        def beside(h: Tensor) -> Neighbours:
            h = functional.pad(h if mask is None else h * mask[:, 0, 0, :, None], (0, 0, 1, 1))
            return h[:, :-2], h[:, 1:-1], h[:, 2:]

        for block in self.blocks:
            x = block(x, positions, attention(mask), beside)
        return self.last(x)


def attention(mask: Tensor | None) -> Attention:
    """Return the attention of (B, U) positions. mask: bool, (..., U, U), which of them each one sees; None: all."""

    def attend(turned: Tensor, values: Tensor) -> Tensor:
        query, key, value = (part.transpose(1, 2) for part in (*turned, values))
        return functional.scaled_dot_product_attention(query, key, value, mask).transpose(1, 2)

    return attend


def rotary(positions: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """Return the cosine and the sine of each of (..., U) positions and each frequency, (..., U, 1, width / 2)."""
    rates = 10_000.0 ** (-torch.arange(0, width, 2, device=positions.device) / width)
    angles = (positions.unsqueeze(-1) * rates).unsqueeze(-2)
    return angles.cos(), angles.sin()


def turned(x: Tensor, positions: tuple[Tensor, Tensor]) -> Tensor:
    """Turn the pairs of (..., U, heads, width), the two halves of it, by the angles of their positions."""
    cos, sin = (table.to(x.dtype) for table in positions)
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), -1)
