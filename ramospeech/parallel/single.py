"""A run of one process."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from ramospeech.parallel.workers import Workers


class SingleProcess(Workers):
    """One process: every collective is the identity."""

    rank = 0
    local_rank = 0
    size = 1
    local_size = 1
    launcher = ("python",)

    def begin_all_reduce(self, values: Tensor, number: int = 0) -> Callable[[], object]:
        return lambda: None

    def all_gather_object(self, item: Any) -> list[Any]:
        return [item]

    def broadcast_object(self, item: Any) -> Any:
        return item
