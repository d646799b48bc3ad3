"""The check of clips against their recordings: what no model could align is dropped, counted and listed."""

from collections.abc import Sequence
from itertools import pairwise

from ramospeech.audio import SAMPLE_RATE

_WINDOW, _HOP = SAMPLE_RATE * 25 // 1000, SAMPLE_RATE // 100  # samples of the features' 25 ms and 10 ms


def frames(seconds: float) -> int:
    """Feature frames T of a clip of that duration: 25 ms windows, 10 ms apart."""
    samples = round(seconds * SAMPLE_RATE)
    return 1 + (samples - _WINDOW) // _HOP if samples >= _WINDOW else 0


def too_short(frames: int, ids: Sequence[object], reduction: int) -> bool:
    """Whether T = `frames` are too few for CTC to align U labels `ids`.

    CTC needs T // reduction >= U + adjacent repeats: a frame a label, and a blank between equal ones.
    """
    return frames // reduction < len(ids) + sum(a == b for a, b in pairwise(ids))
