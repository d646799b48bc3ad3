"""A run of one process."""

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

    def all_reduce(self, values: Tensor) -> Tensor:
        return values

    def all_gather_object(self, item: Any) -> list[Any]:
        return [item]

    def broadcast_object(self, item: Any) -> Any:
        return item
