"""Items in batches by length, and their results in the order of the items."""

import pytest

from ramospeech.batching import map_by_length


@pytest.mark.parametrize("budget", [1, 7, 20, 1000])
def test_every_item_has_its_result_and_no_batch_exceeds_the_budget(rng, budget):
    items = [int(length) for length in rng.integers(0, 30, 50)]
    batches: list[list[int]] = []

    def square(batch):
        batches.append(batch)
        return [item * item for item in batch]

    assert map_by_length(square, items, lambda item: item, budget) == [item * item for item in items]
    assert sum(map(len, batches)) == len(items)
    assert all(len(batch) == 1 or len(batch) * batch[0] <= budget for batch in batches)
    assert [item for batch in batches for item in batch] == sorted(items, reverse=True)


def test_no_items_and_too_few_results():
    assert map_by_length(list, [], len, 5) == []
    with pytest.raises(ValueError, match="zip"):
        map_by_length(lambda batch: [], ["a"], len, 5)
