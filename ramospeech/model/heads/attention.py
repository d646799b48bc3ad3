"""The attention head: a speller that writes a sentence unit by unit, looking where each is spoken.

This is the attender and speller of Listen, Attend and Spell (Chan et al., arXiv 1508.01211), on any encoder.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ramospeech import losses
from ramospeech.errors import ModelError
from ramospeech.features import padding_mask
from ramospeech.losses import Loss
from ramospeech.model.heads.base import Head
from ramospeech.model.layers.attention import Attention, DotProductAttention, LocationAwareAttention
from ramospeech.model.layers.dropout import Dropout
from ramospeech.model.layers.output import FactoredLinear, output_layer
from ramospeech.model.layers.recurrent import in_supported_type
from ramospeech.settings import setting
from ramospeech.text import Vocabulary

RNNS: dict[str, type[nn.LSTM] | type[nn.GRU]] = {"lstm": nn.LSTM, "gru": nn.GRU}
LOOK_EVERY = 8  # steps of greedy decoding after which the device is asked whether all clips have ended


@dataclass(frozen=True)
class AttentionSizes:
    """Sizes of an attention head."""

    speller: int = setting(320, "cells of the speller's recurrent layers", minimum=1, maximum=16_384)
    speller_layers: int = setting(1, "recurrent layers of the speller", minimum=1, maximum=64)
    speller_type: str = setting("lstm", "kind of the speller's recurrent layers", choices=tuple(RNNS))
    speller_embedding: int = setting(256, "width of the embedding of units", minimum=1, maximum=16_384)
    speller_dropout: float = setting(0.2, "dropout rate in the speller", minimum=0.0, maximum=0.95)
    input_feeding: bool = setting(True, "the speller's recurrent layers see the context of the step before")
    attention: str = setting("location", "kind of attention", choices=("location", "dot"))
    attention_heads: int = setting(4, "heads of the attention", minimum=1, maximum=64)
    attention_dim: int = setting(64, "width of each head of the attention", minimum=1, maximum=16_384)
    location_channels: int = setting(10, "channels of the convolution of alignments", minimum=1, maximum=1024)
    location_width: int = setting(3, "frames that it reads, an odd number", minimum=1, maximum=1023)


@dataclass(frozen=True)
class AttentionObjective:
    """What an attention head minimises in training; it is not saved with the model.

    smoothing: see `ramospeech.losses.cross_entropy`. teacher_forcing: the fraction of the units that the speller is
    given which are the reference's and not what it found most probable itself (scheduled sampling, Bengio et al.,
    arXiv 1506.03099), at the start, and at the end of each stage of so many `teacher_forcing_steps`, between which it
    changes linearly.
    """

    smoothing: float = 0.1
    teacher_forcing: tuple[float, ...] = (1.0,)
    teacher_forcing_steps: tuple[int, ...] = ()

    def forced(self, step: int) -> float:
        """Return the ratio at a training step."""
        ends = np.cumsum([0, *self.teacher_forcing_steps])
        return float(np.interp(step, ends, self.teacher_forcing))


class SpellerState(NamedTuple):
    """What the speller remembers of B hypotheses; all tensors are batch first.

    keys, values (B, H, T', d) and padding (B, T') of the utterances; alignment (B, H, T') and context (B, H * d) of the
    last step; hidden (B, L, cells), cell (B, L, cells): of the L recurrent layers, no cell (B, 0, cells) for a GRU.
    """

    keys: Tensor
    values: Tensor
    padding: Tensor
    alignment: Tensor
    context: Tensor
    hidden: Tensor
    cell: Tensor


class AttentionHead(Head):
    """States (B, T', D) of an encoder -> log-probabilities of the next unit (B, V), step by step.

    The blank, which a speller has no use for, is both the start and the end of the sentence. `objective` may be
    replaced at any time. Raises ModelError for an even `location_width`.
    """

    Sizes = AttentionSizes
    start_id = Vocabulary.BLANK
    end_id = Vocabulary.BLANK
    of_units = ("output", "embedding")
    output: nn.Module
    attend: Attention

    def __init__(
        self,
        dim: int,
        units: tuple[str, ...],
        share_parts: bool,
        bias: bool = True,
        sizes: AttentionSizes | None = None,
    ) -> None:
        super().__init__(dim, units, share_parts, bias, sizes)
        sizes = sizes or AttentionSizes()
        if sizes.location_width % 2 == 0:
            raise ModelError(f"location_width must be odd, not {sizes.location_width}: it reads as far to both sides")
        self.sizes = sizes
        contexts = sizes.attention_heads * sizes.attention_dim
        inputs = sizes.speller_embedding + (contexts if sizes.input_feeding else 0)
        between = sizes.speller_dropout if sizes.speller_layers > 1 else 0.0
        self.embedding = nn.Embedding(len(units), sizes.speller_embedding)
        self.dropout = Dropout(sizes.speller_dropout)
        self.rnn = RNNS[sizes.speller_type](
            inputs, sizes.speller, sizes.speller_layers, batch_first=True, dropout=between
        )
        looking = sizes.speller, dim, sizes.attention_heads, sizes.attention_dim
        if sizes.attention == "location":
            self.attend = LocationAwareAttention(*looking, sizes.location_channels, sizes.location_width)
        else:
            self.attend = DotProductAttention(*looking)
        self.combine = nn.Linear(contexts + sizes.speller, sizes.speller)
        self.output = output_layer(sizes.speller, units, share_parts)
        self.objective = AttentionObjective()

    def copy_units(self, other: Head, ids: Sequence[tuple[int, int]]) -> None:
        assert isinstance(other, AttentionHead)
        super().copy_units(other, ids)
        here, there = torch.tensor(ids).unbind(1)
        with torch.no_grad():
            self.embedding.weight[here] = other.embedding.weight[there]

    def start(self, states: Tensor, lengths: Tensor) -> SpellerState:
        """Map states (B, T', D), lengths (B,) to the state before the first unit."""
        padding = padding_mask(lengths.to(states.device), states.shape[1])
        states = states.masked_fill(padding.unsqueeze(2), 0.0)  # there may be anything, which 0 times would keep
        keys, values = self.attend.memory(states)
        batch, heads, frames, dim = keys.shape
        cells = 1 if isinstance(self.rnn, nn.LSTM) else 0
        weight = self.embedding.weight  # not the type of the keys: under autocast the recurrent layers may keep theirs
        return SpellerState(
            keys,
            values,
            padding,
            alignment=keys.new_zeros(batch, heads, frames, dtype=torch.promote_types(keys.dtype, torch.float32)),
            context=weight.new_zeros(batch, heads * dim),
            hidden=weight.new_zeros(batch, self.rnn.num_layers, self.rnn.hidden_size),
            cell=weight.new_zeros(batch, cells * self.rnn.num_layers, self.rnn.hidden_size),
        )

    def step(self, state: SpellerState, tokens: Tensor) -> tuple[Tensor, SpellerState, Tensor]:
        """Map a state and the ids of its last units (B,) int64 to the log-probabilities of the next ones (B, V),
        float32 at least, the next state and the alignment (B, H, T') float32."""
        vectors, state = self._advance(state, self.embedding(tokens))
        return self._log_probs(vectors), state, state.alignment

    def select(self, state: SpellerState, rows: Tensor) -> SpellerState:
        """Return the state of the given rows (N,) int64, which may be in any order and repeated."""
        return SpellerState(*(part.index_select(0, rows) for part in state))

    @torch.no_grad()
    def greedy(self, states: Tensor, lengths: Tensor, max_length: int | Tensor) -> list[list[int]]:
        """Map (B, T', D), (B,) to the ids of the most probable unit after each other, up to the end of the sentence.

        max_length: the most units of all clips, or of each (B,).
        """
        limits = torch.as_tensor(max_length).expand(len(states)).tolist()
        state = self.start(states, lengths)
        tokens = torch.full((len(states),), self.start_id, device=states.device)
        ended = torch.zeros_like(tokens, dtype=torch.bool)
        found = []
        for number in range(max(limits, default=0)):
            log_probs, state, _ = self.step(state, tokens)
            tokens = log_probs.argmax(-1)
            ended = ended | (tokens == self.end_id)
            found.append(tokens)
            if number % LOOK_EVERY == LOOK_EVERY - 1 and bool(ended.all()):
                break
        if not found:
            return [[] for _ in limits]
        rows = torch.stack(found, 1).tolist()
        ends = [row.index(self.end_id) if self.end_id in row else len(row) for row in rows]
        return [row[: min(end, limit)] for row, end, limit in zip(rows, ends, limits, strict=True)]

    def loss(self, states: Tensor, lengths: Tensor, labels: Tensor, label_lengths: Tensor, step: int) -> Loss:
        ratio = self.objective.forced(step) if self.training else 1.0
        inputs, targets = self._sentences(labels, label_lengths)
        own = torch.rand(inputs.shape, device=states.device) >= ratio if ratio < 1 else None
        vectors: list[Tensor] = []
        state = self.start(states, lengths)
        for number, tokens in enumerate(inputs.unbind(1)):
            if own is not None and number:
                with torch.no_grad():
                    tokens = torch.where(own[:, number], self.output(vectors[-1]).argmax(1), tokens)
            vector, state = self._advance(state, self.embedding(tokens))
            vectors.append(vector)
        log_probs = self._log_probs(torch.stack(vectors, 1))
        smoothing = self.objective.smoothing if self.training else 0.0
        return losses.cross_entropy(log_probs, targets, label_lengths, smoothing)

    @torch.no_grad()
    def alignments(self, states: Tensor, lengths: Tensor, labels: Tensor, label_lengths: Tensor) -> Tensor:
        """Map (B, T', D), (B,), (B, U), (B,) to where the speller looks for each label and for the end of the sentence:
        (B, U + 1, H, T')."""
        state, found = self.start(states, lengths), []
        for tokens in self._sentences(labels, label_lengths)[0].unbind(1):
            _, state, alignment = self.step(state, tokens)
            found.append(alignment)
        return torch.stack(found, 1)

    def min_frames(self, labels: Sequence[Any]) -> int:
        """Return 1: a frame may be looked at for any number of units."""
        return 1

    def merge_shared_rows(self) -> None:
        if isinstance(self.output, FactoredLinear):
            self.output = self.output.merged()

    def _sentences(self, labels: Tensor, label_lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, U), (B,) to what the speller is given and what it is to write, both (B, U + 1)."""
        absent = padding_mask(label_lengths.to(labels.device), labels.shape[1])
        labels = labels.masked_fill(absent, self.end_id)
        return F.pad(labels, (1, 0), value=self.start_id), F.pad(labels, (0, 1), value=self.end_id)

    def _advance(self, state: SpellerState, embedded: Tensor) -> tuple[Tensor, SpellerState]:
        """Map a state and embedded units (B, E) to what the output layer reads (B, cells), and the next state."""
        x = self.dropout(embedded)
        if self.sizes.input_feeding:
            x = torch.cat([x, state.context.to(x.dtype)], 1)
        hidden, cell = (part.transpose(0, 1).contiguous() for part in (state.hidden, state.cell))
        if isinstance(self.rnn, nn.LSTM):
            out, (hidden, cell) = in_supported_type(lambda x, *state: self.rnn(x, state), x.unsqueeze(1), hidden, cell)
        else:
            out, hidden = self.rnn(x.unsqueeze(1), hidden)
        query = out.squeeze(1)
        context, alignment = self.attend(query, state.keys, state.values, state.padding, state.alignment)
        following = state._replace(
            alignment=alignment,
            context=context,
            hidden=hidden.transpose(0, 1),
            cell=cell.transpose(0, 1),
        )
        return torch.tanh(self.combine(torch.cat([context.to(query.dtype), query], 1))), following

    def _log_probs(self, vectors: Tensor) -> Tensor:
        """Map (..., cells) to (..., V)."""
        scores = self.output(self.dropout(vectors))
        return F.log_softmax(scores, -1, dtype=torch.promote_types(scores.dtype, torch.float32))
