"""The output layer: a score for each unit, from weights that syllables may share by initial, final and tone."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ramospeech.text import parts
from ramospeech.text.pinyin import toneless


def output_layer(inputs: int, units: tuple[str, ...], share_parts: bool, bias: bool = True) -> nn.Module:
    """Return the layer (..., inputs) -> (..., V) for the given units; with `share_parts` it always has a bias."""
    return FactoredLinear(inputs, units) if share_parts else nn.Linear(inputs, len(units), bias=bias)


class FactoredLinear(nn.Module):
    """A linear layer whose row for a syllable is the sum of rows for its initial, final, tone and toneless syllable,
    and one of its own.

    A syllable seen ten times shares statistics with its initial, final and tone, each seen thousands of times. Units
    that are not syllables, the blank among them, have their own row only.
    """

    def __init__(self, inputs: int, units: tuple[str, ...]) -> None:
        super().__init__()
        self.units = units
        none = int(shared_rows(units).max())
        self.parts = nn.Parameter(torch.zeros(none + 1, inputs))
        self.weight = nn.Parameter(torch.zeros(len(units), inputs))
        self.bias = nn.Parameter(torch.zeros(len(units)))
        nn.init.uniform_(self.parts[:none], -(inputs**-0.5), inputs**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., inputs) to (..., V)."""
        return F.linear(x, self.rows(), self.bias)

    def rows(self) -> Tensor:
        """Return the weights (V, inputs) that the sums amount to."""
        shared, none = shared_rows(self.units).to(self.parts.device, non_blocking=True), len(self.parts) - 1
        return self.weight + F.embedding_bag(shared, self.parts, mode="sum", padding_idx=none)

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """Return a plain layer with the same scores."""
        result = nn.Linear(self.parts.shape[1], len(self.units), device=self.bias.device, dtype=self.bias.dtype)
        result.weight.copy_(self.rows())
        result.bias.copy_(self.bias)
        return result


@torch.no_grad()
def copy_rows(new: Any, old: Any, ids: Sequence[tuple[int, int]]) -> None:
    """Give units of a new output layer the scores that they have in an old one, by their ids in both.

    Where the new one shares parts, a unit that the old one lacks has those of its parts that the old one knows.
    """
    here, there = torch.tensor(ids).unbind(1)
    rows = (old.rows() if isinstance(old, FactoredLinear) else old.weight)[there]
    if isinstance(new, FactoredLinear):
        if isinstance(old, FactoredLinear):
            known = part_rows(old.units)
            for name, row in part_rows(new.units).items():
                if name in known:
                    new.parts[row] = old.parts[known[name]]
        rows = rows - (new.rows() - new.weight)[here]
    new.weight[here] = rows
    if new.bias is not None:
        new.bias[here] = 0.0 if old.bias is None else old.bias[there]


@lru_cache(maxsize=8)
def part_rows(units: tuple[str, ...]) -> dict[tuple[str, str], int]:
    """Return the shared row of each part of syllables, by what it is and how it is written."""
    rows: dict[tuple[str, str], int] = {}
    for name in (name for unit in units for name in _parts_of(unit)):
        rows.setdefault(name, len(rows))
    return rows


@lru_cache(maxsize=8)
def shared_rows(units: tuple[str, ...]) -> Tensor:
    """Return (V, 4): the shared rows of each unit; the last row, which stays 0, for units without parts."""
    rows = part_rows(units)
    shared = [[rows[name] for name in _parts_of(unit)] for unit in units]
    return torch.tensor([row or [len(rows)] * 4 for row in shared], device="cpu")


def _parts_of(unit: str) -> list[tuple[str, str]]:
    split = parts.split(unit)
    return [] if parts.OTHER in split else [*split._asdict().items(), ("syllable", toneless(unit))]
