"""The transformer: the hanzi of every syllable at once, each given all syllables of the sentence.

One syllable is one character, so there is nothing to align and no decoder: the network gives a distribution over
characters for each place, and the n-gram model, which is searched exactly, makes neighbours agree. A block is attention
with rotary places (Su et al., arXiv 2104.09864) after a convolution over three places by channel, then squared
rectifiers (So et al., arXiv 2109.08668), each added to what came in.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from ramospeech.translate.error_model import FORMS


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


class Block(nn.Module):
    """Attention and rectifiers, (B, U, D) -> (B, U, D)."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        width = config.width
        self.heads, self.dropout = config.heads, nn.Dropout(config.dropout)
        self.before_attention = nn.LayerNorm(width, bias=False)
        self.neighbours = nn.Parameter(torch.tensor([[0.0], [1.0], [0.0]]).repeat(1, width))  # (3, D)
        self.attention = nn.Linear(width, 3 * width, bias=False)
        self.merge = nn.Linear(width, width, bias=False)
        self.before_inner = nn.LayerNorm(width, bias=False)
        self.inner = nn.Linear(width, config.inner, bias=False)
        self.outer = nn.Linear(config.inner, width, bias=False)
        for linear in (self.attention, self.inner):
            nn.init.normal_(linear.weight, std=width**-0.5)
        for linear in (self.merge, self.outer):  # a block that has not learnt yet changes nothing
            nn.init.zeros_(linear.weight)

    def forward(self, x: Tensor, places: tuple[Tensor, Tensor], mask: Tensor | None) -> Tensor:
        """places: of `rotary`. mask: (B, 1, 1, U) bool, False where a sentence has ended; None: nowhere."""
        h = self.before_attention(x)
        if mask is not None:
            h = h * mask[:, 0, 0, :, None]
        h = functional.pad(h, (0, 0, 1, 1))
        left, here, right = self.neighbours
        h = h[:, :-2] * left + h[:, 1:-1] * here + h[:, 2:] * right
        batch, length, width = x.shape
        query, key, value = self.attention(h).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        query, key = turned(query, places), turned(key, places)
        found = functional.scaled_dot_product_attention(query, key, value, mask)
        x = x + self.dropout(self.merge(found.transpose(1, 2).reshape(batch, length, width)))
        return x + self.dropout(self.outer(self.inner(self.before_inner(x)).relu().square()))


class Transformer(nn.Module):
    """Maps syllable ids (B, U) to states (B, U, D); the logits are their products with the character embeddings."""

    def __init__(self, config: TransformerConfig) -> None:
        super().__init__()
        self.config = config
        # The base has an embedding of its own, so that a syllable with a wrong tone is still informative.
        self.syllable = nn.Embedding(config.syllables, config.width)
        self.base = nn.Embedding(1 + config.syllables // FORMS, config.width)
        self.character = nn.Embedding(config.characters, config.width)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.last = nn.LayerNorm(config.width, bias=False)
        self.bias = nn.Parameter(torch.zeros(config.characters))
        self.dropout = nn.Dropout(config.dropout)
        nn.init.normal_(self.character.weight, std=config.width**-0.5)

    def forward(self, syllables: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Compute the states; lengths (B,) int64 if sentences are padded."""
        x = self.dropout(self.syllable(syllables) + self.base((syllables + FORMS - 1) // FORMS))
        length = syllables.shape[1]
        places = rotary(length, self.config.width // self.config.heads, x)
        mask = None if lengths is None else (torch.arange(length, device=x.device) < lengths[:, None])[:, None, None]
        for block in self.blocks:
            x = block(x, places, mask)
        return self.last(x)


def rotary(length: int, width: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Return the cosine and the sine of each place and frequency, (U, width / 2)."""
    rates = 10_000.0 ** (-torch.arange(0, width, 2, device=like.device) / width)
    angles = torch.arange(length, device=like.device)[:, None] * rates
    return angles.cos().to(like.dtype), angles.sin().to(like.dtype)


def turned(x: Tensor, places: tuple[Tensor, Tensor]) -> Tensor:
    """Turn the pairs of (..., U, width), the two halves of it, by the angles of their places."""
    cos, sin = (table.to(x.dtype) for table in places)
    a, b = x.chunk(2, -1)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), -1)
