"""Where the time of a step goes (--profile): a trace of some steps, and the parts of their time."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import nn

from ramospeech.errors import TrainingError
from ramospeech.files import whole_file

Timed = Callable[[str], AbstractContextManager[None]]
Batches = Callable[[int, int], tuple[int, Iterator[Any]]]
"""(epoch, batches of all workers done before) -> the steps of the epoch, this worker's batches that are left."""

WARM_UP = 2  # steps before those that are measured: kernels and buffers are made then
WAITING, FEATURES, AUGMENTATION = "waiting for data", "features", "augmentation"
PARTS = (WAITING, FEATURES, AUGMENTATION, "forward", "backward", "communication", "optimiser", "other")


class Profiler:
    """Measures so many steps of a run, once, and says what their time went to.

    Args:
        steps: to measure.
        path: of the trace, in the format of Chrome's tracing; it is written when the steps are over.
        model: whose `features` and `augment` are counted by themselves, not as forward pass.
        device: of the model; it is waited for at the borders of the parts, so that each has its own time.
        say: prints a line.
    """

    def __init__(
        self, steps: int, path: Path, model: nn.Module, device: torch.device, say: Callable[[str], object]
    ) -> None:
        self.steps, self.path, self.model, self.device, self.say = steps, path, model, device, say
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self._inside: list[str] = []
        self._since = 0.0
        self._taken = -WARM_UP
        self._trace: Any = None

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Count the block as a part, without the parts within it."""
        if self._trace is None:
            yield
            return
        with torch.profiler.record_function(f"step: {name}"):
            self._count(lambda: self._inside.append(name))
            try:
                yield
            finally:
                self._count(self._inside.pop)

    def over(self, batches: Batches) -> Batches:
        """Return the same batches, whose steps are measured."""
        return lambda epoch, taken: self._over(*batches(epoch, taken))

    def _over(self, steps: int, batches: Iterator[Any]) -> tuple[int, Iterator[Any]]:
        return steps, self._measured(batches)

    def _measured(self, batches: Iterator[Any]) -> Iterator[Any]:
        while True:
            if self._taken == 0:
                self._begin()
            with self.timed(WAITING):
                batch = next(batches, None)
            if batch is not None:
                yield batch
                self._taken += 1
            if self._trace is not None and (batch is None or self._taken == self.steps):
                self._end()
            if batch is None:
                return

    def _begin(self) -> None:
        activities = [torch.profiler.ProfilerActivity.CPU]
        if self.device.type == "cuda":
            activities.append(torch.profiler.ProfilerActivity.CUDA)
        self._hooks = [
            hook
            for name, module in ((FEATURES, self.model.features), (AUGMENTATION, self.model.augment))
            if isinstance(module, nn.Module)
            for hook in self._count_module(name, module)
        ]
        os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # no lines of its own on stderr
        self._trace = torch.profiler.profile(activities=activities)
        self._trace.start()
        self._since = time.perf_counter()

    def _count_module(self, name: str, module: nn.Module) -> list[Any]:
        return [
            module.register_forward_pre_hook(lambda *_: self._count(lambda: self._inside.append(name))),
            module.register_forward_hook(lambda *_: self._count(self._inside.pop)),
        ]

    def _count(self, change: Callable[[], object]) -> None:
        """Give the time since the last border to the part that it was in, and change the part."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        now = time.perf_counter()
        self.seconds[self._inside[-1] if self._inside else "other"] += now - self._since
        self._since = now
        change()

    def _end(self) -> None:
        self._count(lambda: None)
        trace, self._trace = self._trace, None
        trace.stop()
        for hook in self._hooks:
            hook.remove()
        if not self._taken:  # an epoch ended before the first step; the next one may have some
            self.seconds = dict.fromkeys(PARTS, 0.0)
            return
        with TemporaryDirectory() as folder:  # torch does not say where it could not write
            written = Path(folder, "trace.json")
            trace.export_chrome_trace(str(written))
            with whole_file(self.path, "wb", TrainingError, "make room, or leave out --profile") as file:
                file.write(written.read_bytes())
        for line in self.lines():
            self.say(line)
        self._taken = self.steps + 1  # once

    def close(self) -> None:
        """Say so where the run was too short to measure any step."""
        if self._taken <= 0:
            taken = self._taken + WARM_UP
            self.say(f"--profile {self.steps}: nothing was measured: of {taken} steps the first {WARM_UP} do not count")

    def lines(self) -> list[str]:
        """Return what the time went to, a line for each part."""
        total = sum(self.seconds.values())
        per_step = 1000 / max(1, self._taken)
        return [
            f"profile of {self._taken} steps: {total * per_step:.1f} ms each; ui.perfetto.dev shows {self.path}",
            *(f"  {name:16} {s * per_step:9.1f} ms {s / total:6.1%}" for name, s in self.seconds.items()),
        ]
