"""The compiled search, see src/module.cpp. Arrays are numpy's, contiguous."""

from collections.abc import Sequence

import numpy as np

class Model:
    def __init__(
        self,
        unigram: np.ndarray,
        unigram_backoff: np.ndarray,
        bigrams: np.ndarray,
        bigram_boosts: np.ndarray,
        bigram_backoffs: np.ndarray,
        first_bigram: np.ndarray,
        trigrams: np.ndarray,
        trigram_starts: np.ndarray,
        trigram_boosts: np.ndarray,
        step: float,
        /,
    ) -> None: ...

class Lattice:
    def __init__(
        self,
        model: Model,
        first: Sequence[int],
        ids: np.ndarray,
        log_probs: np.ndarray,
        empty: np.ndarray,
        ports: tuple[np.ndarray, np.ndarray, np.ndarray] | None,
        /,
    ) -> None: ...
    @property
    def score(self) -> float: ...
    @property
    def best(self) -> list[tuple[int, int]]: ...
    def best_paths(self, nbest: int, /) -> list[tuple[float, list[int | None]]]: ...
    def log_total(self) -> float: ...
    def changes(
        self, max_loss: float, positions: int, limit: int, /
    ) -> list[tuple[int, int, float, list[tuple[int, int]]]]: ...
