"""The seq2seq network: one hanzi per syllable.

A bidirectional LSTM encodes the syllables; an LSTM decoder predicts each character from the previous one and the
encoder state at the same position. Because a syllable is one character, the alignment is known: attention is not
needed, no syllable is skipped or repeated, and the cost of a search step does not depend on the sentence length.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ramospeech.model.layers.recurrent import in_supported_type
from ramospeech.translate.seq2seq.embedding import EmbeddingNetwork

State = tuple[Tensor, Tensor]  # hidden and cell of the decoder


@dataclass(frozen=True)
class Seq2SeqConfig:
    """Sizes of the network.

    syllables: number of syllable ids (`error_model.Syllables`). characters: V. width: size of embeddings and of each
    direction of the encoder. layers: encoder layers. decoder: cells of the decoder.
    """

    syllables: int
    characters: int
    width: int = 192
    layers: int = 2
    decoder: int = 320
    dropout: float = 0.1


class Seq2Seq(EmbeddingNetwork):
    """Maps syllable ids (B, U) and previous characters (B, U) to states (B, U, width).

    The logits are the products of the states with the character embeddings.
    """

    def __init__(self, config: Seq2SeqConfig) -> None:
        super().__init__(config.syllables, config.characters, config.width)
        self.config = config
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
        """Encode (B, U) to (B, U, 2 * width); lengths (B,) int64, in any order, if sentences are padded."""
        embedded = self.embedded(syllables)
        if lengths is None:
            return in_supported_type(self.encoder, self.dropout(embedded))[0]

        def of_packed(embedded: Tensor) -> Tensor:
            packed = nn.utils.rnn.pack_padded_sequence(embedded, lengths, batch_first=True, enforce_sorted=False)
            return nn.utils.rnn.pad_packed_sequence(self.encoder(packed)[0], batch_first=True)[0]

        return in_supported_type(of_packed, embedded)

    def write(self, encoded: Tensor, before: Tensor) -> Tensor:
        """Decode encoder states (B, U, 2 * width) and previous characters (B, U) to states (B, U, width)."""
        hidden = in_supported_type(self.decoder, torch.cat((encoded, self.dropout(self.character(before))), -1))[0]
        return self.out(self.dropout(torch.cat((hidden, encoded), -1)))

    def step(self, encoded: Tensor, before: Tensor, state: State) -> tuple[Tensor, State]:
        """Compute `write` for one position of K hypotheses per sentence, for inference; shared terms are computed once.

        encoded (B, 2 * width), previous characters (B, K), state (B, K, decoder) twice -> (B, K, width), state.
        """
        hidden, cell = state
        of_input, of_state, bias, other_bias = self.decoder.all_weights[0]
        of_encoding, of_character = of_input.split((encoded.shape[-1], of_input.shape[1] - encoded.shape[-1]), 1)
        characters, which = before.unique(return_inverse=True)
        gates = F.linear(hidden, of_state) + F.linear(self.character(characters), of_character)[which]
        gates += F.linear(encoded, of_encoding, bias + other_bias)[:, None]
        add, keep, new, show = gates.chunk(4, -1)
        cell = keep.sigmoid() * cell + add.sigmoid() * new.tanh()
        hidden = show.sigmoid() * cell.tanh()
        of_hidden, of_encoded = self.out.weight.split((hidden.shape[-1], encoded.shape[-1]), 1)
        written = F.linear(hidden, of_hidden) + F.linear(encoded, of_encoded, self.out.bias)[:, None]
        return written, (hidden, cell)

    def forward(self, syllables: Tensor, before: Tensor) -> Tensor:
        """Compute states of sentences of equal length, as in training."""
        return self.write(self.encode(syllables), before)
