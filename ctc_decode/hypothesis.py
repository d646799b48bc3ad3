"""What every decoder returns."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Hypothesis:
    """One labelling of one item.

    tokens: U units of the vocabulary; ids: their U indices.
    score: natural log, `am_score` plus what a language model and bonuses add.
    am_score: log probability by the acoustic model.
    lm_score: log probability by the language model, 0 without one.
    start_frames, end_frames: U frames each. Token u holds frames start_frames[u] <= t < end_frames[u].
    """

    tokens: tuple[str, ...]
    ids: tuple[int, ...]
    score: float
    am_score: float
    lm_score: float
    start_frames: tuple[int, ...]
    end_frames: tuple[int, ...]
