"""Batches of windows: planned ahead by a thread, cut out and varied on the device that trains."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ramospeech.augment import BatchAugment
from ramospeech.augment.batched.noises import coloured
from ramospeech.augment.batched.sounds import new_generator
from ramospeech.corpora import Clip
from ramospeech.data.loader import Batch
from ramospeech.data.windows import WindowPlan, WindowPlanner, cut_out
from ramospeech.text import Vocabulary

AHEAD = 6  # batches
REUSED = 8  # steps until the same batches come again, where they are used more than once
SLOPES, LEVELS = (0.0, 1.2), (-60.0, -10.0)  # of generated noise: see `coloured`, and dB
WINDOW_CLIP = Clip("<window>", (), "", None)  # of several clips: which ones does not matter in training


class WindowBatches:
    """Batches of windows by their numbers, in order.

    Args:
        planner: of windows of the recordings in `samples`.
        samples: (N,) int16 on the device that trains.
        augment: effects on batches.
        seed: of the effects, together with the number of the batch.
        uses: how many numbers have the same batch (data echoing, Choi et al., arXiv 1907.05550), `REUSED` steps apart.
    """

    def __init__(
        self, planner: WindowPlanner, samples: Tensor, augment: BatchAugment, seed: int = 0, uses: int = 1
    ) -> None:
        self.planner, self.samples, self.augment, self.seed, self.uses = planner, samples, augment, seed, uses

    def __call__(self, numbers: Iterable[int]) -> Iterator[Batch]:
        """The batches; numbers may be endless."""
        waiting = map(self.made_as, numbers)
        ahead: deque[int] = deque()
        plans: dict[int, Future[WindowPlan]] = {}
        made: dict[int, Batch] = {}
        with ThreadPoolExecutor(1, thread_name_prefix="windows") as pool:
            try:
                while True:
                    while len(ahead) < AHEAD and (number := next(waiting, None)) is not None:
                        ahead.append(number)
                        if number not in plans and number not in made:
                            plans[number] = pool.submit(self.planner, number)
                    if not ahead:
                        return
                    number = ahead.popleft()
                    if number not in made:
                        rounds = REUSED * self.planner.group
                        made = {old: batch for old, batch in made.items() if old // rounds == number // rounds}
                        made[number] = self.batch(plans.pop(number).result(), number)
                    yield replace(made[number])
                    if self.uses == 1:
                        made.clear()
            finally:
                for plan in plans.values():
                    plan.cancel()

    def made_as(self, number: int) -> int:
        """Return the number by which this one's batch is made: that of its first use."""
        step, slot = divmod(number, self.planner.group)
        rounds, position = divmod(step, REUSED * self.uses)
        return (rounds * REUSED + position % REUSED) * self.planner.group + slot

    @torch.no_grad()
    def batch(self, plan: WindowPlan, number: int) -> Batch:
        """Return the batch of a plan, on the device; lengths are on the CPU."""
        rng = np.random.default_rng((self.seed, number, 5))
        waveforms, used = cut_out(plan, self.samples), torch.tensor(plan.used)
        if plan.generated:
            rows = torch.tensor(plan.generated).to(waveforms.device)
            waveforms.index_copy_(0, rows, _generated(len(rows), plan.size, rng, waveforms.device))
        waveforms = self.augment(waveforms, used, rng)
        labels = torch.from_numpy(padded(plan.labels)).to(waveforms.device, non_blocking=True)
        label_lengths = torch.tensor([len(ids) for ids in plan.labels])
        kept: dict[object, tuple[Tensor, Tensor]] | None = {} if self.uses > 1 else None
        return Batch(waveforms, used, labels, label_lengths, [WINDOW_CLIP] * len(plan.used), taught=kept)


def _generated(count: int, size: int, rng: np.random.Generator, device: torch.device) -> Tensor:
    """Noise (count, size) of random slopes and levels."""
    generator = new_generator(device, rng)
    drawn = [rng.uniform(*bounds, (count, 1)).astype(np.float32) for bounds in (SLOPES, LEVELS)]
    slopes, levels = (torch.from_numpy(values).to(device) for values in drawn)
    noise = coloured(torch.randn((count, size), generator=generator, device=device), slopes)
    return noise / noise.square().mean(1, keepdim=True).sqrt() * torch.pow(10.0, levels / 20)


def padded(labels: Sequence[Sequence[int]]) -> np.ndarray:
    """(B, U) int64, padded with the blank; U is 1 at least."""
    result = np.full((len(labels), max(1, *map(len, labels)) if labels else 1), Vocabulary.BLANK, np.int64)
    for row, ids in zip(result, labels, strict=True):
        row[: len(ids)] = ids
    return result
