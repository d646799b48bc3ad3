"""Work on items of different lengths in batches of items of about the same length."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

MAX_ITEMS = 4096  # of a window


def windows(
    items: Iterable[Item], length: Callable[[Item], int], size: float, max_items: int = MAX_ITEMS
) -> Iterator[list[Item]]:
    """Yield the items in lists whose lengths sum to `size` at least, or that have `max_items`: what is read ahead.

    An item of length 0 that comes when none waits is passed on at once.

    >>> list(windows([0, 3, 4, 0, 5], lambda item: item, 6))
    [[0], [3, 4], [0], [5]]
    """
    window: list[Item] = []
    held = 0
    for item in items:
        window.append(item)
        held += length(item)
        if not held or held >= size or len(window) == max_items:
            yield window
            window, held = [], 0
    if window:
        yield window


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
