"""A speller that is a table, for which all that a search should find can be counted out."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor


@dataclass
class TableState:
    """Of each row the table (L, V, V) of its utterance, the frames (T',) it looks at, and how many units were read."""

    tables: Tensor
    frames: Tensor
    read: int = 0


class TableSpeller:
    """A Markov chain: log_probs (B, L, V, V) of the next unit after each unit, for each of L positions, then again.

    At position u it attends to frame u, with two heads that see the same.
    """

    def __init__(self, log_probs: Tensor) -> None:
        self.log_probs = log_probs
        self.steps = 0

    def start(self, states: Tensor, lengths: Tensor) -> TableState:
        assert len(states) == len(lengths) == len(self.log_probs)
        return TableState(self.log_probs, torch.zeros(states.shape[:2]))

    def step(self, state: TableState, tokens: Tensor) -> tuple[Tensor, TableState, Tensor]:
        self.steps += 1
        position = min(state.read, state.tables.shape[1] - 1)
        found = state.tables[torch.arange(len(tokens)), position, tokens]
        attention = torch.zeros(len(tokens), 2, state.frames.shape[1])
        attention[:, :, min(state.read, attention.shape[2] - 1)] = 1.0
        return found, TableState(state.tables, state.frames, state.read + 1), attention

    def select(self, state: TableState, rows: Tensor) -> TableState:
        return TableState(state.tables[rows], state.frames[rows], state.read)


@pytest.fixture
def table_speller():
    """Makes one with random probabilities: (B, L, V) and a seed."""

    def make(B: int, L: int, V: int, seed: int = 0) -> TableSpeller:
        generator = torch.Generator().manual_seed(seed)
        return TableSpeller(torch.randn(B, L, V, V, generator=generator).mul(2).log_softmax(-1))

    return make
