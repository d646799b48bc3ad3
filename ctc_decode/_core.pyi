"""The compiled core, see src/module.cpp. Arrays are numpy's; float16 comes as its bits, uint16."""

from typing import TypeAlias

import numpy as np

Row: TypeAlias = tuple[list[int], float, float, list[float], list[int], list[int], list[float]]

class Core:
    def __init__(
        self, units: int, blank: int, beam_width: int, top_k: int, nbest: int, length_bonus: float, /
    ) -> None: ...
    def add(
        self,
        begin: np.ndarray,
        unit: np.ndarray,
        target: np.ndarray,
        weight: np.ndarray,
        fallback: np.ndarray,
        fallback_weight: np.ndarray,
        final: np.ndarray,
        otherwise: float,
        start: int,
        scale: float,
        /,
    ) -> None: ...
    def decode(self, log_probs: np.ndarray, lengths: list[int], num_threads: int, /) -> list[tuple[list[Row], int]]: ...

class Stream:
    def __init__(self, core: Core, /) -> None: ...
    def push(self, log_probs: np.ndarray, /) -> int: ...
    def partial(self) -> tuple[list[int], int]: ...
    def finish(self, log_probs: np.ndarray, /) -> list[Row]: ...
