"""What every decoder refuses, and how it names it: posteriors and lengths of a batch of 2, 4 frames and 5 units."""

import math

import numpy as np


def bad(value: float, item: int = 1, frame: int = 2) -> np.ndarray:
    """Even posteriors but for one value."""
    log_probs = np.full((2, 4, 5), -math.log(5), np.float32)
    log_probs[item, frame, 3] = value
    return log_probs


GOOD = bad(-math.log(5))
REFUSED = [
    (bad(np.nan), [4, 4], "item 1, frame 2: log_probs holds nan"),
    (bad(np.inf), [4, 4], "item 1, frame 2: log_probs holds inf"),
    (GOOD[:, :, :4], [4, 4], "4 units per frame and the vocabulary has 5"),
    (GOOD, [4, 5], "item 1: length 5 is not within 0 and the 4 frames"),
    (GOOD, [-1, 4], "item 0: length -1"),
    (GOOD, [4], r"lengths has shape \(1,\) for a batch of 2"),
    (GOOD, [4.0, 4.0], "must be integers"),
    (GOOD[0], [4], r"shape \(4, 5\); it must be"),
    (GOOD.astype(np.int64), [4, 4], "must be floating point"),
]
