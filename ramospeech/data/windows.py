"""Windows of several clips each, planned on the CPU and cut out of the pool on the device.

A window is a row of a batch: clips with pauses between them, each at a speed and a loudness of its own. What is in a
batch follows from the seed and its number alone; the length of its windows from the number of its step, so that no
worker waits for another.
"""

import math
import random
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ramospeech.audio import SAMPLE_RATE
from ramospeech.augment import Sounds
from ramospeech.corpora import frames_needed
from ramospeech.features import HOP, WINDOW

START = (0.02, 0.35)  # seconds of silence at the start of a window
END = (0.05, 0.4)  # and after its last clip
SHORT_PAUSE, LONG_PAUSE, LONG = 0.22, (0.3, 1.2), 0.2  # mean of most pauses, range of the others, how many those are
MIN_PAUSE = 0.04  # an output frame, which equal syllables need between them
SHORTER = 0.06  # probability after each clip that the window ends there
TRIES = 4  # clips that are drawn to fill the rest of a window
LOUDNESS = (-7.0, 2.0)  # dB of a clip
ONE = 1 << 16  # a step of one sample, in fixed point
GENERATED, SILENT = 0.3, 0.1  # of the windows without speech: generated noise, digital silence


@dataclass
class WindowPlan:
    """One batch: B windows of `size` samples, made of K pieces of audio and silence, which fill them without gaps.

    Attributes: starts, lengths: (K,) where the source of a piece lies in the pool, and its samples, 0 for silence;
    samples: (K,) that it fills in its window; steps: (K,) samples of the source per sample, in units of 1 / ONE;
    gains: (K,); used: (B,) samples before the padding; labels: ids of each window; generated: windows to fill with
    noise; seconds: of each corpus.
    """

    size: int
    starts: list[int] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    samples: list[int] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    gains: list[float] = field(default_factory=list)
    used: list[int] = field(default_factory=list)
    labels: list[list[int]] = field(default_factory=list)
    generated: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, start: int, length: int, samples: int, step: int = ONE, gain: float = 1.0) -> None:
        """Append a piece."""
        self.starts.append(start)
        self.lengths.append(length)
        self.samples.append(samples)
        self.steps.append(step)
        self.gains.append(gain)

    def silence(self, samples: int) -> None:
        """Append silence, if any."""
        if samples:
            self.add(0, 0, samples)


class Corpora:
    """Which clips of a pool may be drawn, by corpus, and how much of the time each corpus gets.

    Args: sources: (K,) the corpus of each recording; lengths: (K,) samples; shares: of the time, by corpus.
    """

    def __init__(self, sources: np.ndarray, lengths: np.ndarray, shares: Sequence[float]) -> None:
        total = sum(shares)
        self.shares = [share / total for share in shares]
        self.members: list[list[int]] = []
        self.lengths: list[list[int]] = []
        for corpus in range(len(shares)):
            clips = np.flatnonzero(sources == corpus) if shares[corpus] else np.zeros(0, np.int64)
            clips = clips[np.argsort(lengths[clips], kind="stable")]
            self.members.append(clips.tolist())
            self.lengths.append(lengths[clips].tolist())


class WindowPlanner:
    """The plan of any batch of a run: planner(number).

    Args:
        sounds, labels: the clips of the pool and their ids.
        corpora: which of them are drawn.
        seconds: lengths of windows, of which one is drawn for each step.
        batch_seconds: of audio in a batch.
        speeds: lowest and highest, drawn evenly for each clip.
        reduction: frames of 10 ms per output frame, for the check that a faster clip can still be aligned.
        join: (labels so far, labels of the next clip) -> labels of both.
        noise, fraction: recordings without speech, after those of the clips in the pool; how many windows are such.
        seed, group: as said above; a step has so many batches. needed: output frames that labels need, in that check.
    """

    def __init__(
        self,
        sounds: Sounds,
        labels: Sequence[list[int]],
        corpora: Corpora,
        seconds: Sequence[float],
        batch_seconds: float,
        speeds: tuple[float, float],
        reduction: float,
        join: Callable[[Sequence[int], Sequence[int]], list[int]],
        noise: Sounds | None = None,
        fraction: float = 0.0,
        seed: int = 0,
        group: int = 1,
        needed: Callable[[Sequence[int]], int] = frames_needed,
    ) -> None:
        self.starts, self.lengths = sounds.starts.tolist(), sounds.lengths.tolist()
        self.labels, self.corpora, self.seconds, self.batch_seconds = labels, corpora, list(seconds), batch_seconds
        self.speeds, self.join, self.noise, self.fraction = speeds, join, noise, fraction
        self.longest = max(self.lengths, default=0)
        self.min_samples = [WINDOW + math.ceil(HOP * reduction * needed(ids)) for ids in labels]
        self.seed, self.group = seed, group

    def __call__(self, number: int) -> WindowPlan:
        seconds = random.Random(f"{self.seed} {number // self.group}").choice(self.seconds)
        chance = random.Random(f"{self.seed} {number // self.group} {number % self.group}")
        plan = WindowPlan(round(seconds * SAMPLE_RATE), seconds=[0.0] * len(self.corpora.shares))
        for window in range(max(1, int(self.batch_seconds / seconds))):
            if chance.random() < self.fraction or not self._speech(plan, chance):
                self._without_speech(plan, chance, window)
        return plan

    def _speech(self, plan: WindowPlan, chance: random.Random) -> bool:
        """Add a window of clips; False where no clip fits."""
        left = plan.size - min(plan.size // 4, round(chance.uniform(*START) * SAMPLE_RATE))
        labels: list[int] = []
        first, tries, end = left, 0, 0
        while tries < TRIES:
            drawn = self._draw(plan, chance, left, fits=not end)
            if drawn is None and not end:
                return False
            if drawn is None:
                tries += 1
                continue
            corpus, clip, samples, speed = drawn
            if not end:
                plan.silence(plan.size - first)
            gain = 10 ** (chance.uniform(*LOUDNESS) / 20)
            plan.add(self.starts[clip], self.lengths[clip], samples, round(speed * ONE), gain)
            plan.seconds[corpus] += samples / SAMPLE_RATE
            labels = self.join(labels, self.labels[clip])
            left -= samples
            end = plan.size - left
            is_long = chance.random() < LONG
            pause = chance.uniform(*LONG_PAUSE) if is_long else MIN_PAUSE + chance.expovariate(1 / SHORT_PAUSE)
            pause = min(left, round(pause * SAMPLE_RATE))
            plan.silence(pause)
            left -= pause
            if chance.random() < SHORTER:
                break
        plan.silence(left)
        plan.used.append(min(plan.size, end + round(chance.uniform(*END) * SAMPLE_RATE)))
        plan.labels.append(labels)
        return True

    def _draw(
        self, plan: WindowPlan, chance: random.Random, room: int, fits: bool
    ) -> tuple[int, int, int, float] | None:
        """Corpus, clip, its samples and its speed; None where it does not fit into the room.

        fits: draw among those that do, and from any corpus where those that are due have none.
        """
        wanted = sum(plan.seconds) + room / SAMPLE_RATE
        due = [max(0.0, s * wanted - had) for s, had in zip(self.corpora.shares, plan.seconds, strict=True)]
        speed = chance.uniform(*self.speeds)
        longest = int(room * min(1.0, speed)) if fits else self.longest
        counts = [bisect_right(lengths, longest) for lengths in self.corpora.lengths]
        due = [had if count else 0.0 for had, count in zip(due, counts, strict=True)]
        if not any(due):  # short windows hold clips of some corpora only
            due = [share if count else 0.0 for share, count in zip(self.corpora.shares, counts, strict=True)]
        if not any(due):
            return None
        corpus = chance.choices(range(len(due)), due)[0]
        clip = self.corpora.members[corpus][int(chance.random() * counts[corpus])]
        samples = int(self.lengths[clip] / speed)
        if samples < self.min_samples[clip]:
            samples, speed = self.lengths[clip], 1.0
        return (corpus, clip, samples, speed) if samples <= room else None

    def _without_speech(self, plan: WindowPlan, chance: random.Random, window: int) -> None:
        """Add a window of a recording of noise or music, of generated noise, or of digital silence."""
        kind = chance.random()
        if kind < SILENT or self.noise is None or kind < SILENT + GENERATED:
            if kind >= SILENT:
                plan.generated.append(window)
            plan.silence(plan.size)
        else:
            number = int(chance.random() * len(self.noise))
            start, length = int(self.noise.starts[number]), int(self.noise.lengths[number])
            position = int(chance.random() * max(1, length - plan.size))
            left, gain = plan.size, 10 ** (chance.uniform(-30.0, 0.0) / 20)
            while left:  # a short recording again and again
                samples = min(left, length - position)
                plan.add(start + position, samples, samples, ONE, gain)
                left, position = left - samples, 0
        plan.used.append(plan.size)
        plan.labels.append([])


def cut_out(plan: WindowPlan, samples: Tensor) -> Tensor:
    """Return the windows of a plan out of the samples (N,) int16 of a pool -> (B, S) float32 on their device.

    Speeds by cubic interpolation between four samples (Catmull and Rom); beyond the ends of a recording is silence.
    """
    device, count = samples.device, len(plan.used)

    def on_device(values: list[int]) -> Tensor:
        return torch.tensor(values, dtype=torch.int64).to(device, non_blocking=True)

    starts, lengths, filled, steps = map(on_device, (plan.starts, plan.lengths, plan.samples, plan.steps))
    gains = torch.tensor(plan.gains, dtype=torch.float32).to(device, non_blocking=True) / 32_768.0
    piece = torch.repeat_interleave(
        torch.arange(len(plan.starts), device=device), filled, output_size=count * plan.size
    )
    position = torch.arange(count * plan.size, device=device) - (torch.cumsum(filled, 0) - filled)[piece]
    position = position * steps[piece]  # in fixed point: exact, and the same on every device
    whole, part = position >> 16, (position & (ONE - 1)).float() / ONE
    start, length = starts[piece], lengths[piece]

    def tap(shift: int) -> Tensor:
        index = whole + shift
        inside = (index >= 0) & (index < length)
        return samples[torch.where(inside, start + index, 0)].float() * inside

    before, now, after, beyond = tap(-1), tap(0), tap(1), tap(2)
    value = now + 0.5 * part * (
        after
        - before
        + part * (2 * before - 5 * now + 4 * after - beyond + part * (3 * (now - after) + beyond - before))
    )
    return (value * gains[piece]).view(count, plan.size)
