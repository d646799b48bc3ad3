"""Attention layers, against explicit sums over frames and heads."""

import math

import pytest
import torch
from torch import Tensor

from ramospeech.model.layers.attention import Attention, DotProductAttention, LocationAwareAttention

QUERIES, STATES, FRAMES = 6, 5, 7
KINDS = {
    "location, 1 head": lambda: LocationAwareAttention(QUERIES, STATES, 1, 4),
    "location, 3 heads": lambda: LocationAwareAttention(QUERIES, STATES, 3, 4, channels=2, width=5),
    "dot, 1 head": lambda: DotProductAttention(QUERIES, STATES, 1, 4),
    "dot, 3 heads": lambda: DotProductAttention(QUERIES, STATES, 3, 4),
}


@pytest.fixture(params=KINDS)
def layer(request: pytest.FixtureRequest) -> Attention:
    torch.manual_seed(1)
    return KINDS[request.param]().double()


def row(layer: Attention, name: str, x: Tensor, head: int) -> Tensor:
    """The projection of one vector for one head, element by element."""
    linear = getattr(layer, name)
    rows = range(head * layer.dim, (head + 1) * layer.dim)
    bias = [0.0] * linear.out_features if linear.bias is None else linear.bias
    return torch.stack([(linear.weight[i] * x).sum() + bias[i] for i in rows])


def location(layer: LocationAwareAttention, previous: Tensor, frame: int) -> Tensor:
    """What the previous alignment (H, T') of a clip without padding says of a frame, projected (d,)."""
    conv = layer.location_convolution
    half = conv.kernel_size[0] // 2
    channels = []
    for channel in range(conv.out_channels):
        total = conv.bias[channel]
        for head in range(layer.heads):
            for offset in range(-half, half + 1):
                if 0 <= frame + offset < previous.shape[1]:
                    total = total + conv.weight[channel, head, half + offset] * previous[head, frame + offset]
        channels.append(total)
    return (layer.location_projection.weight * torch.stack(channels)).sum(1)


def by_sums(layer: Attention, query: Tensor, states: Tensor, previous: Tensor) -> tuple[Tensor, Tensor]:
    """(queries,), (T', D), (H, T') of one clip -> context (H * d,), alignment (H, T')."""
    contexts, alignments = [], []
    for head in range(layer.heads):
        q, energies = row(layer, "query_projection", query, head), []
        for frame, state in enumerate(states):
            if isinstance(layer, DotProductAttention):
                energies.append((q * row(layer, "key_projection", state, head)).sum() / math.sqrt(layer.dim))
            else:
                inner = q + row(layer, "value_projection", state, head) + location(layer, previous, frame)
                score = layer.score_projection
                energies.append((score.weight[0] * inner.tanh()).sum() + score.bias[0])
        weights = torch.stack([e.exp() for e in energies])
        weights = weights / weights.sum()
        alignments.append(weights)
        contexts.append(sum(w * row(layer, "value_projection", s, head) for w, s in zip(weights, states, strict=True)))
    return torch.cat(contexts), torch.stack(alignments)


def test_it_is_what_the_sums_are(layer: Attention) -> None:
    lengths = [7, 1, 4]
    query, states = torch.randn(3, QUERIES).double(), torch.randn(3, FRAMES, STATES).double()
    padding = torch.arange(FRAMES) >= torch.tensor(lengths).unsqueeze(1)
    previous = torch.rand(3, layer.heads, FRAMES).double().masked_fill(padding.unsqueeze(1), 0.0)
    context, alignment = layer(query, *layer.memory(states), padding, previous)
    for i, length in enumerate(lengths):
        expected = by_sums(layer, query[i], states[i, :length], previous[i, :, :length])
        torch.testing.assert_close(context[i], expected[0])
        torch.testing.assert_close(alignment[i, :, :length], expected[1])
        assert not alignment[i, :, length:].any()


def test_gradients_flow_to_all_that_learns(layer: Attention) -> None:
    query, states = torch.randn(2, QUERIES).double(), torch.randn(2, FRAMES, STATES).double()
    padding = torch.arange(FRAMES) >= torch.tensor([7, 5]).unsqueeze(1)
    previous = torch.rand(2, layer.heads, FRAMES).double()
    context, _ = layer(query, *layer.memory(states), padding, previous)
    (context * torch.randn_like(context)).sum().backward()
    for name, parameter in layer.named_parameters():
        assert not parameter.requires_grad or parameter.grad.any(), name


def test_a_clip_of_padding_alone_gives_numbers(layer: Attention) -> None:
    query, states, padding = torch.randn(1, QUERIES).double(), torch.randn(1, 3, STATES).double(), torch.ones(1, 3)
    context, alignment = layer(query, *layer.memory(states), padding.bool(), torch.zeros(1, layer.heads, 3).double())
    assert context.isfinite().all() and alignment.isfinite().all()
