"""Progress of a step: a bar on a terminal, one plain line elsewhere."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
_MANY = 1000  # items from which a line is worth it


def progress(items: Iterable[Item], what: str, total: int, unit: str = "clip") -> Iterator[Item]:
    """Return the items, one by one; `what` names the step."""
    if not sys.stderr.isatty() and total >= _MANY:
        print(f"{what}: {total:,} {unit}s", file=sys.stderr, flush=True)
    return iter(tqdm(items, what, total, unit=unit, disable=None))
