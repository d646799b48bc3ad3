"""Several batches of a worker in one step (--accumulate): their gradients are summed before the weights move."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Accumulated:
    """Batches of which a worker makes one step.

    Since losses are sums, their gradients together are those of one large batch; only batch norm sees each by itself.
    """

    parts: tuple[Any, ...]

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    @property
    def amount(self) -> float:
        """Of data without padding."""
        return sum(part.amount for part in self.parts)

    @property
    def padded_amount(self) -> float:
        """Of data with padding."""
        return sum(part.padded_amount for part in self.parts)

    @property
    def unreadable(self) -> list[str]:
        """Messages on what was left out."""
        return [message for part in self.parts for message in part.unreadable]


def accumulated(batches: Iterable[Any], number: int) -> Iterator[Any]:
    """Yield each `number` batches as one, of a multiple of that; 1: the batches themselves."""
    return iter(batches) if number == 1 else map(Accumulated, zip(*[iter(batches)] * number, strict=True))


def parts_of(batch: Any) -> tuple[Any, ...]:
    """Return the batches that a batch of a step consists of."""
    return batch.parts if isinstance(batch, Accumulated) else (batch,)
