"""What a person sees of a run: the progress bar, and TensorBoard's curves, pictures and texts. Rank 0 only."""

import resource
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from tqdm import tqdm

from ramospeech.audio import SAMPLE_RATE
from ramospeech.audio.framing import FRAMES_PER_SECOND
from ramospeech.score import draw_clip
from ramospeech.score.breakdown import PARTS
from ramospeech.score.pictures import draw_confusions
from ramospeech.training.confusions import as_markdown
from ramospeech.training.log import RunLog
from ramospeech.training.loop import Step
from ramospeech.training.records import Record

Item = TypeVar("Item")

LINES_EVERY = 15.0  # seconds between lines of progress where there is no terminal


def tracked(items: Iterable[Item], total: int, what: str) -> Iterator[Item]:
    """Yield the same items, with progress on stderr if they take long: a bar on a terminal, elsewhere now and then a
    line."""
    if sys.stderr.isatty():
        yield from tqdm(items, what, total, leave=False, delay=1.0, unit="clip", dynamic_ncols=True)
        return
    last = time.monotonic()
    for done, item in enumerate(items):
        if time.monotonic() - last >= LINES_EVERY:
            last = time.monotonic()
            RunLog().say(f"{what}: {done:,} of {total:,}")
        yield item


class Meter:
    """Sums steps into means; `reset` gives them and starts again.

    speed_tag: under which TensorBoard shows the speed; name, unit: how the bar does. total: the tag of all that was
    trained on since the run began, and how much of it is 1.
    """

    def __init__(
        self,
        speed_tag: str = "speed/audio_seconds_per_second",
        name: str = "audio",
        unit: str = "s/s",
        total: tuple[str, float] = ("train/hours", 3600.0),
    ) -> None:
        self.speed_tag, self.name, self.unit, self.total = speed_tag, name, unit, total
        self._clear()

    def _clear(self) -> None:
        self.steps = self.taken = 0
        self.loss = self.norm = self.amount = self.padded = self.waited = 0.0
        self.started = time.perf_counter()

    def add(self, step: Step) -> None:
        """Count one step."""
        self.steps += 1
        self.loss += step.loss if step.taken else 0.0
        self.norm += step.gradient_norm if step.taken else 0.0
        self.taken += step.taken
        self.amount += step.amount
        self.padded += step.padded

    def waiting(self, batches: Iterable[Item]) -> Iterator[Item]:
        """Yield the same batches; the time until each is there counts as waiting for the loader."""
        began = time.perf_counter()
        for batch in batches:
            self.waited += time.perf_counter() - began
            yield batch
            began = time.perf_counter()

    @property
    def speed(self) -> float:
        """Of the steps' amount, how much a second since the last reset."""
        return self.amount / max(time.perf_counter() - self.started, 1e-9)

    @property
    def waiting_share(self) -> float:
        """The fraction of the time since the last reset that was spent waiting for the loader."""
        return self.waited / max(time.perf_counter() - self.started, 1e-9)

    def shown(self) -> dict[str, str]:
        """Return the speed for the bar, and the fraction of the time that was spent waiting for batches."""
        return {self.name: f"{self.speed:.0f}{self.unit}", "wait": f"{self.waiting_share:.0%}"}

    def reset(self, total: float) -> dict[str, float]:
        """Means since the last reset, by TensorBoard tag. total: of the data, since the run began."""
        result = {}
        if self.steps:
            taken = max(1, self.taken)
            result = {
                "train/loss": self.loss / taken,
                "train/gradient_norm": self.norm / taken,
                self.speed_tag: self.speed,
                "speed/padding_share": 1.0 - self.amount / max(self.padded, 1e-9),
                "speed/loader_wait": self.waiting_share,
                "speed/memory_gb": memory_gb(),
                self.total[0]: total / self.total[1],
            }
        self._clear()
        return result


def memory_gb() -> float:
    """Peak memory of this process: of the GPU where one is in use, otherwise of the host."""
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        return torch.cuda.max_memory_allocated() / 2**30
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes there, in KiB on Linux
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


class Monitor:
    """Progress bar, lines and TensorBoard of rank 0; on other ranks methods do nothing, but for lines of their own.

    Args:
        folder: where TensorBoard's events go.
        active: whether this is rank 0.
        total: steps of the whole run.
        done: steps done before (a resumed run).
        log: keeps the printed lines.
        records: where curves go beside TensorBoard.
        print_every: steps between lines of progress; None: a bar, or lines by the clock where there is no terminal.
    """

    def __init__(
        self,
        folder: str | Path,
        active: bool,
        total: int,
        done: int = 0,
        log: RunLog | None = None,
        records: Sequence[Record] = (),
        print_every: int | None = None,
    ) -> None:
        self.active = active
        self.log = log or RunLog()
        self.records, self.print_every = records, print_every
        if not active:
            return
        self.folder = Path(folder)
        from ramospeech.training.events import open_events  # a second to import, and only rank 0 needs it

        self.writer, self._files = open_events(self.folder, done)
        self._lost = False
        self.total, self.initial, self.done = total, done, done
        self.started = self._last_line = time.monotonic()
        # Output that goes to a file or through horovodrun has lines of progress instead of a bar.
        self.bar = (
            tqdm(total=total, initial=done, unit="step", dynamic_ncols=True, mininterval=1.0)
            if sys.stderr.isatty() and print_every is None
            else None
        )
        self._shown: dict[str, str] = {}
        self._with_audio: set[str] = set()

    def progress(self, **values: str) -> None:
        """Move the bar one step on; `values` stay beside it until they change."""
        if not self.active:
            return
        self.note(**values)
        self.done += 1
        if self.bar is not None:
            self.bar.set_postfix(self._shown, refresh=False)
            self.bar.update(1)
        elif self._line_is_due():
            self._last_line = time.monotonic()
            self.say(
                tqdm.format_meter(
                    self.done,
                    self.total,
                    self._last_line - self.started,
                    ncols=0,
                    unit="step",
                    initial=self.initial,
                    postfix=", ".join(f"{name}={value}" for name, value in self._shown.items()),
                ).strip()
            )

    def _line_is_due(self) -> bool:
        if self.done == self.total:
            return True
        if self.print_every:
            return self.done % self.print_every == 0
        return time.monotonic() - self._last_line >= LINES_EVERY

    def expect(self, total: int) -> None:
        """Expect `total` steps of the run."""
        if self.active:
            self.total = total
            if self.bar is not None:
                self.bar.total = total

    def note(self, **values: str) -> None:
        """Show `values` beside the bar from now on."""
        if self.active:
            self._shown.update(values)

    def say(self, line: str, everywhere: bool = False) -> None:
        """Print a line of its own, above the bar where there is one; `everywhere`: on other ranks too."""
        if self.active or everywhere:
            self.log.say(line)

    @property
    def recording(self) -> bool:
        """Whether events are still written: not on other ranks, nor after the disk was full (reported once)."""
        if self.active and not self._lost and self._files.error:
            self._lose(f"cannot be written any more ({self._files.error.strerror}); is the disk full?")
        return self.active and not self._lost

    def scalars(self, values: dict[str, float], step: int) -> None:
        """Curves by tag."""
        if self.active:
            for record in self.records:
                record.write(values, step)
        if self.recording:
            for tag, value in values.items():
                self.writer.add_scalar(tag, value, step)

    def text(self, tag: str, text: str, step: int) -> None:
        """Log a text; Markdown."""
        if self.recording:
            self.writer.add_text(tag, text, step)

    def clip(
        self,
        name: str,
        waveform: np.ndarray,
        features: np.ndarray,
        log_probs: np.ndarray,
        units: Sequence[str],
        reference: Sequence[str],
        hypothesis: Sequence[str],
        step: int,
        frames_per_second: float = FRAMES_PER_SECOND,
    ) -> None:
        """Log a dev clip: features (T, F) and log-posteriors (T', V) as a picture, reference above hypothesis as
        text, and, the first time, the waveform (S,) to listen to."""
        if self.recording:
            tag = f"clips/{name}"
            texts, rate = (units, reference, hypothesis), frames_per_second
            picture = draw_clip(features, log_probs, *texts, card=True, frames_per_second=rate)
            self.writer.add_figure(tag, picture, step)
            self.writer.add_text(tag, as_markdown(reference, hypothesis), step)
            if name not in self._with_audio:
                self._with_audio.add(name)
                # Its own tag: TensorBoard shows only the first kind of what has the same one.
                self.writer.add_audio(f"{tag}/sound", waveform, step, sample_rate=SAMPLE_RATE)

    def image(self, tag: str, pixels: np.ndarray, step: int) -> None:
        """Log a picture (H, W, 3) uint8."""
        if self.recording:
            self.writer.add_image(tag, pixels, step, dataformats="HWC")

    def confusions(self, part: str, counts: Mapping[tuple[str, str], int], step: int) -> None:
        """Log what is taken for what, of a part of the syllables (see `training.confusions`), as a picture."""
        if self.recording and any(ref for ref, _ in counts):
            self.writer.add_figure(f"confusions/{part}", draw_confusions(counts, PARTS[part], part), step)

    def close(self) -> None:
        """End the bar and write out the events."""
        if self.active and self.bar is not None:
            self.bar.close()
            self.bar = None
        if self.active:
            for record in self.records:
                record.close()
            self.records = ()
        if self.recording:
            self.writer.close()
            if self._files.error:
                self._lose(f"are not all written ({self._files.error.strerror}); is the disk full?")

    def _lose(self, why: str) -> None:
        """No more events."""
        self._lost = True
        self.say(f"{self.folder}: TensorBoard's events {why}")
