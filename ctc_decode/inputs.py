"""Checks of what callers pass to a decoder: a wrong shape or a NaN is named, never decoded into garbage."""

from collections.abc import Sequence
from typing import Any

import numpy as np

TOLERANCE = 0.01  # of what the probabilities of a frame sum to


def as_array(values: Any) -> np.ndarray:
    """Return what numpy reads, or a torch tensor: of any device, with or without a gradient. bfloat16 becomes
    float32."""
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        if str(values.dtype) == "torch.bfloat16":
            values = values.float()
    return np.asarray(values)


def checked_vocabulary(vocabulary: Sequence[str], blank: int) -> tuple[str, ...]:
    """Return the V units as a tuple. Raises ValueError for a unit that occurs twice and for a blank outside of it."""
    units = tuple(vocabulary)
    first: dict[str, int] = {}
    for i, unit in enumerate(units):
        if first.setdefault(unit, i) != i:
            raise ValueError(f"vocabulary: unit {i} is {unit!r}, and so is unit {first[unit]}; each must be there once")
    if not 0 <= blank < len(units):
        raise ValueError(f"blank is {blank}; the vocabulary has units 0 to {len(units) - 1}")
    return units


def checked_batch(log_probs: Any, lengths: Any, units: int) -> tuple[np.ndarray, np.ndarray]:
    """Return log_probs (B, T', V) floating point and lengths (B,) as arrays. Raises ValueError saying what is wrong.

    Values are not looked at here: each decoder does that in its own pass over them.
    """
    array = as_array(log_probs)
    frames = as_array(lengths)
    if array.ndim != 3:
        raise ValueError(f"log_probs has shape {array.shape}; it must be (batch, frames, units)")
    _check_values(array, units)
    if frames.shape != array.shape[:1]:
        raise ValueError(f"lengths has shape {frames.shape} for a batch of {array.shape[0]}")
    if frames.size and frames.dtype.kind not in "iu":
        raise ValueError(f"lengths has type {frames.dtype}; it must be integers")
    for item in np.flatnonzero((frames < 0) | (frames > array.shape[1]))[:1]:
        raise ValueError(f"item {item}: length {frames[item]} is not within 0 and the {array.shape[1]} frames")
    return array, frames.astype(np.int64)


def checked_chunk(log_probs: Any, units: int) -> np.ndarray:
    """Return log_probs (T', V) floating point as an array. Raises ValueError saying what is wrong."""
    array = as_array(log_probs)
    if array.ndim != 2:
        raise ValueError(f"log_probs has shape {array.shape}; a chunk must be (frames, units)")
    _check_values(array, units)
    return array


def _check_values(array: np.ndarray, units: int) -> None:
    if array.dtype.kind != "f":
        raise ValueError(f"log_probs has type {array.dtype}; it must be floating point")
    if array.shape[-1] != units:
        raise ValueError(f"log_probs has {array.shape[-1]} units per frame and the vocabulary has {units}")


def rows_for_search(array: np.ndarray) -> np.ndarray:
    """Return float32 or float16 with the units of a frame side by side: the array itself if it is so, or a copy."""
    if array.dtype not in (np.float32, np.float16):
        array = array.astype(np.float32)
    side_by_side = array.strides[-1] == array.itemsize or array.shape[-1] == 1
    aligned = all(stride % array.itemsize == 0 for stride in array.strides) and array.flags.aligned
    return array if side_by_side and aligned else np.ascontiguousarray(array)


def is_distribution(row: np.ndarray) -> bool:
    """Return whether V natural logs are probabilities that sum to 1."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(abs(np.exp(row, dtype=np.float32).sum() - 1.0) < TOLERANCE)


def row_fault(row: np.ndarray) -> str:
    """Return what is wrong with V values that are not natural logs of a distribution."""
    if np.isnan(row).any():
        return f"log_probs holds nan, at unit {int(np.isnan(row).argmax())}"
    if (row == np.inf).any():
        return f"log_probs holds inf, at unit {int(row.argmax())}"
    if (row == -np.inf).all():
        return "log_probs is -inf for every unit"
    top = float(row.max())
    total = top + float(np.log(np.exp(row.astype(np.float64) - top).sum()))
    return f"log_probs is not normalised, its logsumexp is {total:.4g}; pass log_softmax of the model's output"
