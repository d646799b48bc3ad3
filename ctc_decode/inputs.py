"""Checks of what callers pass to a decoder: a wrong shape or a NaN is named, never decoded into garbage."""

from typing import Any

import numpy as np


def checked_batch(log_probs: Any, lengths: Any, units: int) -> tuple[np.ndarray, np.ndarray]:
    """log_probs (B, T', V) floating point and lengths (B,) as arrays. Raises ValueError saying what is wrong.

    Values are not looked at here: each decoder does that in its own pass over them.
    """
    array = np.asarray(log_probs)
    frames = np.asarray(lengths)
    if array.ndim != 3:
        raise ValueError(f"log_probs has shape {array.shape}; it must be (batch, frames, units)")
    if array.dtype.kind != "f":
        raise ValueError(f"log_probs has type {array.dtype}; it must be floating point")
    if array.shape[2] != units:
        raise ValueError(f"log_probs has {array.shape[2]} units a frame and the vocabulary has {units}")
    if frames.shape != array.shape[:1]:
        raise ValueError(f"lengths has shape {frames.shape} for a batch of {array.shape[0]}")
    if frames.size and frames.dtype.kind not in "iu":
        raise ValueError(f"lengths has type {frames.dtype}; it must be integers")
    for item in np.flatnonzero((frames < 0) | (frames > array.shape[1]))[:1]:
        raise ValueError(f"item {item}: length {frames[item]} is not within 0 and the {array.shape[1]} frames")
    return array, frames.astype(np.int64)
