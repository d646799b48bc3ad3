"""The learning rate as a function of the step alone, so that a resumed run needs no state for it."""

import math
from argparse import Namespace
from collections.abc import Callable

SCALINGS = ("none", "sqrt", "linear")
SCHEDULES = ("cosine", "constant")


def scaled(lr: float, workers: int, scaling: str) -> float:
    """Return the peak learning rate of a run whose global batch is `workers` times as large.

    `linear` is the rule of Goyal et al. (arXiv 1706.02677) for SGD; `sqrt` suits Adam (Malladi et al., arXiv
    2205.10287).
    """
    return lr * {"none": 1.0, "sqrt": math.sqrt(workers), "linear": float(workers)}[scaling]


def learning_rate(step: int, peak: float, warmup: int, total: int, schedule: str = "cosine") -> float:
    """Return the rate of step 0, 1, ... of `total`: linear warm-up over `warmup` steps, then `schedule`.

    `cosine` falls to a hundredth of the peak at the last step; `constant` stays.
    """
    if step < warmup:
        return peak * (step + 1) / warmup
    if schedule == "constant":
        return peak
    done = min(1.0, (step - warmup) / max(1, total - warmup))
    return peak * (0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * done)))


def rate_of_run(args: Namespace, workers: int) -> Callable[[int, int, int], float]:
    """Return the learning rate of train.py: (epoch, steps of it done, steps of it) -> rate.

    It is as if all epochs had as many steps as this one: they differ a little.
    """
    peak = scaled(args.lr, workers, args.lr_scaling)

    def rate(epoch: int, done: int, steps: int) -> float:
        total = steps * args.epochs
        return learning_rate(epoch * steps + done, peak, max(1, min(args.warmup, total // 5)), total, args.schedule)

    return rate
