"""Work on items of different lengths in batches of items of about the same length."""

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_by_length(
    function: Callable[[list[Item]], Sequence[Result]],
    items: Sequence[Item],
    length: Callable[[Item], int],
    budget: int,
) -> list[Result]:
    """Return the results of `function`, which takes a batch of items, for all items and in their order.

    Batches are made of the longest items first, as many as `budget` holds with padding (at least one).

    >>> map_by_length(lambda batch: [f"{item} of {len(batch)}" for item in batch], [1, 5, 2, 6], lambda item: item, 11)
    ['1 of 1', '5 of 2', '2 of 2', '6 of 1']
    """
    order = sorted(range(len(items)), key=lambda index: -length(items[index]))
    results: dict[int, Result] = {}
    while order:
        count = max(1, budget // max(1, length(items[order[0]])))
        batch, order = order[:count], order[count:]
        results |= zip(batch, function([items[index] for index in batch]), strict=True)
    return [results[index] for index in range(len(items))]
