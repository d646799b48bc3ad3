"""The learning rate as a function of the step alone, so that a resumed run needs no state for it."""

import math
from argparse import Namespace
from collections.abc import Callable

from ramospeech.training.progress import Progress

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
    return peak * decayed((step - warmup) / max(1, total - warmup), schedule)


def decayed(done: float, schedule: str) -> float:
    """Return what is left of the peak when so much of the run (0 to 1) is done."""
    return 1.0 if schedule == "constant" else 0.01 + 0.99 * 0.5 * (1.0 + math.cos(math.pi * min(1.0, done)))


def rate_of_run(args: Namespace, workers: int, progress: Progress) -> Callable[[int, int, int], float]:
    """Return the learning rate of train.py: (epoch, steps of it done, steps of it) -> rate.

    It is as if all epochs had as many steps as this one: they differ a little. With --max_minutes the clock that is
    in `progress` drives it.
    """
    peak = scaled(args.lr, workers, args.lr_scaling)

    def by_clock(*_: int) -> float:
        warm = min(1.0, (progress.consumed // workers + 1) / args.warmup)
        return peak * warm * decayed(progress.seconds / (60 * args.max_minutes), args.schedule)

    if args.max_minutes:
        return by_clock

    def rate(epoch: int, done: int, steps: int) -> float:
        total = steps * args.epochs
        return learning_rate(epoch * steps + done, peak, max(1, min(args.warmup, total // 5)), total, args.schedule)

    return rate
