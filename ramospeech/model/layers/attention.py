"""Attention of a speller over the states of an encoder: where in the utterance the next unit is.

Both kinds have several heads, whose projections of the states are computed once for an utterance, and look at no
padding. `H` is the number of heads, `d` the width of each.
"""

import torch
from torch import Tensor, nn


class Attention(nn.Module):
    """What the kinds of attention have in common.

    queries: width of what looks (the speller's output); states: D of what is looked at; heads: H; dim: d.
    """

    def __init__(self, queries: int, states: int, heads: int, dim: int) -> None:
        super().__init__()
        self.heads, self.dim = heads, dim

    def memory(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, T', D) to the keys that queries are compared with and the values that contexts are made of, each
        (B, H, T', d)."""
        raise NotImplementedError

    def energies(self, query: Tensor, keys: Tensor, previous: Tensor) -> Tensor:
        """Map (B, queries), (B, H, T', d) and the previous alignment (B, H, T') to unnormalised scores (B, H, T')."""
        raise NotImplementedError

    def forward(
        self, query: Tensor, keys: Tensor, values: Tensor, padding: Tensor, previous: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Map (B, queries), (B, H, T', d) twice, padding (B, T') bool, and the previous alignment (B, H, T') to the
        context (B, H * d) and the new alignment (B, H, T'), whose rows sum to 1 and are 0 in the padding."""
        energies = self.energies(query, keys, previous)
        energies = energies.to(torch.promote_types(energies.dtype, torch.float32))
        # Not -inf: a row of padding alone, as a batch without clips may have it, would be NaN.
        energies = energies.masked_fill(padding.unsqueeze(1), torch.finfo(energies.dtype).min)
        alignment = energies.softmax(-1)
        context = torch.matmul(alignment.to(values.dtype).unsqueeze(2), values)
        return context.flatten(1), alignment

    def split(self, x: Tensor) -> Tensor:
        """Map (B, T', H * d) to (B, H, T', d)."""
        return x.unflatten(2, (self.heads, self.dim)).transpose(1, 2).contiguous()


class LocationAwareAttention(Attention):
    """Additive attention that sees where it looked before (Chorowski et al., arXiv 1506.07503).

    A convolution over the previous alignments of all heads gives `channels` features of each frame, which are projected
    to d and shared by the heads. Keys and values are one projection, as KoSpeech prints it.
    """

    def __init__(self, queries: int, states: int, heads: int, dim: int, channels: int = 10, width: int = 3) -> None:
        super().__init__(queries, states, heads, dim)
        self.query_projection = nn.Linear(queries, heads * dim, bias=False)
        self.value_projection = nn.Linear(states, heads * dim, bias=False)
        self.location_convolution = nn.Conv1d(heads, channels, width, padding=width // 2)
        self.location_projection = nn.Linear(channels, dim, bias=False)
        self.score_projection = nn.Linear(dim, 1)
        # What a softmax takes no notice of has a gradient of rounding noise, which Adam would scale up to full steps.
        self.score_projection.bias.requires_grad_(False)

    def memory(self, states: Tensor) -> tuple[Tensor, Tensor]:
        values = self.split(self.value_projection(states))
        return values, values

    def energies(self, query: Tensor, keys: Tensor, previous: Tensor) -> Tensor:
        location = self.location_convolution(previous.to(keys.dtype)).transpose(1, 2)
        location = self.location_projection(location).unsqueeze(1)
        query = self.query_projection(query).unflatten(1, (self.heads, 1, self.dim))
        return self.score_projection(torch.tanh(keys + query + location)).squeeze(3)


class DotProductAttention(Attention):
    """Scaled dot products of queries and keys (Vaswani et al., arXiv 1706.03762), the keys and the values being
    projections of their own, as in CMU's course."""

    def __init__(self, queries: int, states: int, heads: int, dim: int) -> None:
        super().__init__(queries, states, heads, dim)
        self.query_projection = nn.Linear(queries, heads * dim)
        self.key_projection = nn.Linear(states, heads * dim)
        self.value_projection = nn.Linear(states, heads * dim)

    def memory(self, states: Tensor) -> tuple[Tensor, Tensor]:
        return self.split(self.key_projection(states)), self.split(self.value_projection(states))

    def energies(self, query: Tensor, keys: Tensor, previous: Tensor) -> Tensor:
        query = self.query_projection(query).unflatten(1, (self.heads, self.dim)) * self.dim**-0.5
        return torch.matmul(keys, query.unsqueeze(3)).squeeze(3)
