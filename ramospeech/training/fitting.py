"""The largest batch that the memory of the GPUs holds (--batch_seconds auto), and whether one does (--fits)."""

import gc
import json
from argparse import Namespace
from collections.abc import Callable

import numpy as np
import torch

from ramospeech.audio import SAMPLE_RATE
from ramospeech.corpora import Clip
from ramospeech.data import Batch, pad
from ramospeech.errors import UsageError
from ramospeech.model import AcousticModel
from ramospeech.parallel import Workers
from ramospeech.training.folder import RunFolder
from ramospeech.training.loop import AMP_TYPES

AUTO = "auto"
ROOM = 0.8  # of the largest batch that was computed: the optimiser's state and fragments take some of the memory
MOST = 16384.0  # seconds of audio that are tried
PRECISION = 0.1  # of the result, within which the search ends
LABELS_PER_SECOND = 3


def largest(fits: Callable[[float], bool], first: float, most: float = MOST) -> float:
    """Return the largest amount that fits, to 10 %: doubled from `first` until one does not, then halved in between.

    Returns 0.0 where not even `first` fits.
    """
    if not fits(first):
        return 0.0
    low, high = first, 2 * first
    while high <= most and fits(high):
        low, high = high, 2 * high
    while high - low > PRECISION * low and low < most:
        middle = (low + high) / 2
        low, high = (middle, high) if middle <= most and fits(middle) else (low, middle)
    return min(low, most)


def noise(seconds: float, longest: float, labels: int) -> Batch:
    """Return a batch of so much noise in clips of the longest length."""
    number = max(1, int(seconds / longest))
    wave = np.random.default_rng(0).normal(0.0, 0.05, round(longest * SAMPLE_RATE)).astype(np.float32)
    ids = [2 + i % 2 for i in range(labels)]
    return pad([wave] * number, [ids] * number, [Clip("<noise>", (), "", longest)] * number)


class Fitting:
    """Tries batches of clips of the longest length, forward and backward; the model stays as it is.

    All workers try the same and agree: what does not fit on one fits on none.
    """

    def __init__(self, args: Namespace, model: AcousticModel, workers: Workers, device: torch.device) -> None:
        self.model, self.workers, self.device = model.to(device), workers, device
        self.amp = AMP_TYPES.get(args.amp)
        self.longest = min(args.max_window, model.max_frames or args.max_window) / 100
        self.labels = min(args.max_seq_length, int(LABELS_PER_SECOND * self.longest))

    def fits(self, seconds: float) -> bool:
        """Return whether every worker's memory holds a batch of so many seconds."""
        return all(self.workers.all_gather_object(self._fits_here(seconds)))

    def largest(self) -> float:
        """Return the seconds of audio to train with. Raises UsageError where not even one clip fits."""
        found = largest(self.fits, self.longest)
        if not found:
            raise UsageError(
                f"--batch_seconds auto: the memory does not hold one clip of {self.longest:g} s; give a lower "
                "--max_window"
            )
        return max(self.longest, float(int(ROOM * found)))

    def _fits_here(self, seconds: float) -> bool:
        kept = {name: buffer.clone() for name, buffer in self.model.named_buffers()}
        random, loss = torch.get_rng_state(), None
        try:
            self.model.train()
            with torch.autocast(self.device.type, self.amp, enabled=self.amp is not None):
                loss = self.model.loss(noise(seconds, self.longest, self.labels).to(self.device)).sum
            loss.backward()
            return True
        except torch.OutOfMemoryError:
            return False
        finally:
            del loss  # what it holds is freed below
            self.model.zero_grad()
            for name, buffer in self.model.named_buffers():
                buffer.copy_(kept[name])
            torch.set_rng_state(random)
            gc.collect()
            if self.device.type == "cuda":
                torch.cuda.empty_cache()


def settle_batch_seconds(
    args: Namespace, model: AcousticModel, workers: Workers, device: torch.device, run: RunFolder
) -> str | None:
    """Put a number in the place of `--batch_seconds auto`: of a resumed run its own; return a line on what was found.

    Raises: UsageError: on the CPU, whose memory other programs share; where nothing fits.
    """
    if args.batch_seconds != AUTO and not args.fits:
        return None
    if device.type != "cuda":
        raise UsageError(
            "--batch_seconds auto and --fits: measure a GPU's memory; on the CPU give seconds, such as 120"
        )
    fitting = Fitting(args, model, workers, device)
    if args.batch_seconds == AUTO:
        before = workers.broadcast_from_rank_0(lambda: seconds_before(run) if args.load_model else None)
        args.batch_seconds = before or fitting.largest()
        return f"--batch_seconds {args.batch_seconds:g}: fits in the memory of each of {workers.size} GPUs"
    answer = "fits" if fitting.fits(args.batch_seconds) else "does not fit"
    return f"--batch_seconds {args.batch_seconds:g}: {answer} in the memory of each of {workers.size} GPUs"


def seconds_before(run: RunFolder) -> float | None:
    """Return the seconds of a batch of the run that is resumed, so that it continues with the same batches."""
    try:
        value = json.loads(run.config.read_text("utf-8"))["batch_seconds"]
    except (OSError, ValueError, KeyError):
        return None
    return float(value) if isinstance(value, int | float) else None
