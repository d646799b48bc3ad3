"""The seq2seq network: syllables in, hanzi out, one for one.

A bidirectional LSTM reads the syllables; an LSTM writes the characters, seeing at each place the character before and
the encoder's state of that same place. The alignment is known, so there is no attention to learn (a syllable is one
character), none is dropped or added, and a step of the search costs the same however long the sentence is.
"""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ramospeech.translate.error_model import FORMS

State = tuple[Tensor, Tensor]  # hidden and cell of the decoder


@dataclass(frozen=True)
class Seq2SeqConfig:
    """Sizes. syllables: ids of `channel.Syllables`; characters: V; width: of embeddings and of each direction of the
    encoder; layers: of the encoder; decoder: cells."""

    syllables: int
    characters: int
    width: int = 192
    layers: int = 2
    decoder: int = 320
    dropout: float = 0.1


class Seq2Seq(nn.Module):
    """Syllable ids (B, U) and the characters before (B, U) -> states (B, U, width), whose products with the character
    embeddings are logits."""

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__()
        self.config = config
        # The base is embedded besides the toned syllable, so that a wrong tone still says most.
        self.syllable = nn.Embedding(config.syllables, config.width)
        self.base = nn.Embedding(1 + config.syllables // FORMS, config.width)
        self.character = nn.Embedding(config.characters, config.width)
        between = config.dropout if config.layers > 1 else 0.0
        self.encoder = nn.LSTM(
            config.width, config.width, config.layers, batch_first=True, bidirectional=True, dropout=between
        )
        self.decoder = nn.LSTM(3 * config.width, config.decoder, batch_first=True)
        self.out = nn.Linear(config.decoder + 2 * config.width, config.width)
        self.bias = nn.Parameter(torch.zeros(config.characters))
        self.dropout = nn.Dropout(config.dropout)
        for embedding in (self.syllable, self.base, self.character):
            nn.init.normal_(embedding.weight, std=config.width**-0.5)

    def encode(self, syllables: Tensor, lengths: Tensor | None = None) -> Tensor:
        """(B, U) -> (B, U, 2 * width); lengths (B,) int64 where sentences are padded, any order."""
        embedded = self.syllable(syllables) + self.base((syllables + FORMS - 1) // FORMS)
        if lengths is None:
            return self.encoder(self.dropout(embedded))[0]
        packed = nn.utils.rnn.pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
        return nn.utils.rnn.pad_packed_sequence(self.encoder(packed)[0], batch_first=True)[0]

    def write(self, encoded: Tensor, before: Tensor) -> Tensor:
        """Encoder states (B, U, 2 * width), characters before (B, U) -> (B, U, width)."""
        hidden = self.decoder(torch.cat((encoded, self.dropout(self.character(before))), -1))[0]
        return self.out(self.dropout(torch.cat((hidden, encoded), -1)))

    def step(self, encoded: Tensor, before: Tensor, state: State) -> tuple[Tensor, State]:
        """`write` for one place of K hypotheses of each sentence, in evaluation: what they share is computed once.

        encoded (B, 2 * width), characters before (B, K), state (B, K, decoder) twice -> (B, K, width), state.
        """
        hidden, cell = state
        of_input, of_state, bias, other_bias = self.decoder.all_weights[0]
        of_place, of_character = of_input.split((encoded.shape[-1], of_input.shape[1] - encoded.shape[-1]), 1)
        characters, which = before.unique(return_inverse=True)
        gates = F.linear(hidden, of_state) + F.linear(self.character(characters), of_character)[which]
        gates += F.linear(encoded, of_place, bias + other_bias)[:, None]
        add, keep, new, show = gates.chunk(4, -1)
        cell = keep.sigmoid() * cell + add.sigmoid() * new.tanh()
        hidden = show.sigmoid() * cell.tanh()
        of_hidden, of_encoded = self.out.weight.split((hidden.shape[-1], encoded.shape[-1]), 1)
        written = F.linear(hidden, of_hidden) + F.linear(encoded, of_encoded, self.out.bias)[:, None]
        return written, (hidden, cell)

    def forward(self, syllables: Tensor, before: Tensor) -> Tensor:
        """Sentences of one length, as in training."""
        return self.write(self.encode(syllables), before)


def for_characters(network: Seq2Seq, known: str, wanted: str) -> Seq2Seq:
    """The network with the characters `wanted` (V) in the place of those it was trained with, `known`.

    A character that it was not trained with has no embedding and the smallest bias, so that only the n-gram model
    speaks for it.
    """
    if known == wanted:
        return network
    place = {character: number for number, character in enumerate(known)}
    rows = torch.tensor([place.get(character, -1) for character in wanted])
    missing = rows < 0
    network.config = replace(network.config, characters=len(wanted))
    with torch.no_grad():
        weight = network.character.weight[rows].masked_fill(missing[:, None], 0.0)
        bias = network.bias[rows].masked_fill(missing, float(network.bias.min()))
    network.character = nn.Embedding.from_pretrained(weight, freeze=False)
    network.bias = nn.Parameter(bias)
    return network
