"""What every decoder returns."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Hypothesis:
    """One label sequence of one item.

    tokens: U units of the vocabulary; ids: their U indices.
    score: natural log, `am_score` plus what a language model, hotwords and the length bonus add.
    am_score: log probability by the acoustic model, summed over alignments (the greedy decoder: of its one).
    lm_score: log probability by the language model with the end of the sentence, not weighted; 0 without one.
    start_frames, end_frames: U frames each. Token u holds frames start_frames[u] <= t < end_frames[u] of the
        label sequence's best alignment.
    confidences: U values from 0 to 1, the largest probability of each token by the acoustic model in its frames. It
        tells right tokens from wrong ones about as well as the posterior over all label sequences does.
    """

    tokens: tuple[str, ...]
    ids: tuple[int, ...]
    score: float
    am_score: float
    lm_score: float
    start_frames: tuple[int, ...]
    end_frames: tuple[int, ...]
    confidences: tuple[float, ...] = ()
