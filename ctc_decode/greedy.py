"""Best-path decoding: the best unit of each frame, repeats merged, blanks dropped."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ctc_decode.hypothesis import Hypothesis
from ctc_decode.inputs import checked_batch


class GreedyDecoder:
    """Decode along the single best alignment.

    vocabulary: V units, the blank's place among them (its text is never used).
    """

    def __init__(self, vocabulary: Sequence[str], blank: int = 0):
        if not 0 <= blank < len(vocabulary):
            raise ValueError(f"blank is {blank}; the vocabulary has units 0 to {len(vocabulary) - 1}")
        self.vocabulary = tuple(vocabulary)
        self.blank = blank

    def decode(self, log_probs: Any, lengths: Any) -> list[list[Hypothesis]]:
        """Decode a batch.

        log_probs: (B, T', V) natural logs, an array or a torch tensor; lengths: (B,) valid frames.
        Returns B lists of one Hypothesis. Its score is the log probability of the best path, a lower bound
        of the label sequence's own. Among equal units of a frame the first wins.
        Raises ValueError for wrong shapes and for NaN or +inf, naming the item and the frame.
        """
        array, frames = checked_batch(log_probs, lengths, len(self.vocabulary))
        B, T, _ = array.shape
        path = array.argmax(axis=2)  # also finds a NaN, if a frame has one
        best = np.take_along_axis(array, path[..., None], axis=2)[..., 0].astype(np.float64)
        valid = np.arange(T) < frames[:, None]
        for item, frame in np.argwhere(valid & (np.isnan(best) | (best == np.inf)))[:1]:
            raise ValueError(f"item {item}, frame {frame}: log_probs holds {best[item, frame]}")
        scores = np.where(valid, best, 0.0).sum(axis=1)

        # Runs of one unit in the flattened path. Each row begins a run, so that none goes over a row's end.
        path = np.where(valid, path, self.blank)
        begins = np.ones((B, T), bool)
        begins[:, 1:] = path[:, 1:] != path[:, :-1]
        starts = np.flatnonzero(begins)
        ends = np.append(starts[1:], B * T)[: len(starts)]
        peaks = np.exp(np.maximum.reduceat(best.ravel(), starts)) if len(starts) else np.zeros(0)
        spoken = path.ravel()[starts] != self.blank
        starts, ends, peaks = starts[spoken], ends[spoken], peaks[spoken].clip(0.0, 1.0)
        ids = path.ravel()[starts]
        bounds = np.searchsorted(starts, np.arange(B + 1) * T)
        return [
            [self._hypothesis(ids[a:b], starts[a:b] - row * T, ends[a:b] - row * T, peaks[a:b], float(scores[row]))]
            for row, (a, b) in enumerate(pairwise(bounds))
        ]

    def _hypothesis(
        self, ids: np.ndarray, starts: np.ndarray, ends: np.ndarray, peaks: np.ndarray, score: float
    ) -> Hypothesis:
        numbers = tuple(ids.tolist())
        return Hypothesis(
            tokens=tuple(self.vocabulary[i] for i in numbers),
            ids=numbers,
            score=score,
            am_score=score,
            lm_score=0.0,
            start_frames=tuple(starts.tolist()),
            end_frames=tuple(ends.tolist()),
            confidences=tuple(peaks.tolist()),
        )
