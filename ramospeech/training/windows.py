"""Training on windows (--windows): all audio lies on the device that trains, and batches are made there."""

import itertools
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from ramospeech import losses
from ramospeech.augment import BatchAugment, Sounds, Sources
from ramospeech.augment.batched.filters import from_direct_sound
from ramospeech.corpora import Clip
from ramospeech.data import (
    Batch,
    Corpora,
    FilteredClips,
    JoinLabels,
    WindowBatches,
    WindowPlanner,
    read_folder,
    read_pool,
)
from ramospeech.data.window_batches import padded
from ramospeech.environment import cores
from ramospeech.errors import TrainingError, UsageError
from ramospeech.model import AcousticModel
from ramospeech.parallel import Workers
from ramospeech.training.loop import Trainer
from ramospeech.training.monitor import Monitor, tracked
from ramospeech.training.progress import Progress
from ramospeech.training.sets import clip_weights, names_of

ROOM = 16_000  # samples of a measured impulse response
FIRST_STEPS = 100  # what a run by the clock is taken to have in an epoch, before it is known


class WindowTraining:
    """The batches of windows of a run; all workers have all the audio and are dealt batches by their rank.

    What is in a batch follows from --seed and its number alone. An epoch is the part of the run between two
    evaluations: of --steps, of --max_minutes, or, without these, as much audio as the lists hold.

    left_out: numbers of clips of the lists that --drop_worst has left out.
    """

    def __init__(
        self,
        args: Namespace,
        lists: list[Path],
        train: FilteredClips,
        model: AcousticModel,
        workers: Workers,
        device: torch.device,
        progress: Progress,
    ) -> None:
        self.args, self.train, self.workers, self.device, self.progress = args, train, workers, device, progress
        self.names = names_of(lists)
        self.worst = workers.run_or_fail_together(lambda: fractions_of(args.drop_worst, self.names))
        self.shares = workers.run_or_fail_together(lambda: shares_of(args, lists, train))
        self.left_out: list[int] = []
        labels = [model.vocabulary.encode(clip.tokens) for clip in train.clips]
        noise, augment = workers.run_or_fail_together(self._noise)
        threads = max(args.num_workers, cores() // workers.local_size)
        watch = partial(tracked, what="decoding clips")
        pool = workers.run_or_fail_together(
            lambda: read_pool(
                train.clips,
                labels,
                Path(args.data_root),
                model.frames_of_10_ms,
                device,
                threads,
                watch,
                noise,
                model.min_frames,
            )
        )
        if not len(pool.clips):
            raise TrainingError(f"none of {len(labels)} clips could be read; the first: {pool.unreadable[0]}")
        self.pool, self.labels = pool, [labels[number] for number in pool.clips]
        self.sources = np.array(train.sources)[pool.clips]
        self.planner = WindowPlanner(
            pool.sounds, self.labels, self._corpora(), args.windows, args.batch_seconds,
            (min(args.speeds), max(args.speeds)), model.frames_of_10_ms, JoinLabels(model.vocabulary), pool.extra,
            args.noise_windows, args.seed, progress.group, model.min_frames,
        )  # fmt: skip
        self.batches = WindowBatches(self.planner, pool.sounds.samples, augment, args.seed, args.reuse)

    def _noise(self) -> tuple[list[np.ndarray], BatchAugment]:
        """Recordings for windows without speech, and the effects."""
        args = self.args
        found = {
            option: read_folder(folder, f"--{option}") if folder else []
            for option, folder in (("noise", args.noise), ("music", args.music), ("rooms", args.rooms))
        }
        on_device = {option: Sounds.of(found[option], self.device) for option in ("noise", "music") if found[option]}
        rooms = [from_direct_sound(response.astype(np.float32), ROOM) for response in found["rooms"]]
        responses = torch.from_numpy(np.stack(rooms)).to(self.device) if rooms else None
        sources = Sources((args.noise_snr[0], args.noise_snr[1]), **on_device, rooms=responses)
        augment = BatchAugment.of(args.augment or (), sources)
        for option, effect in (("noise", "noise"), ("music", "music"), ("rooms", "room")):
            windows = args.noise_windows and option != "rooms"
            if found[option] and effect not in augment.probabilities and not windows:
                raise UsageError(f"--{option}: for the effect {effect}, which is not among those of --augment")
        return [*found["noise"], *found["music"]] if args.noise_windows else [], augment

    def _corpora(self) -> Corpora:
        dropped = np.isin(self.pool.clips, self.left_out)
        return Corpora(np.where(dropped, -1, self.sources), self.pool.sounds.lengths, self.shares)

    def drop_worst(self, trainer: Trainer, monitor: Monitor) -> list[tuple[Clip, str, str]]:
        """Leave out the clips of --drop_worst, by the averaged weights; as `FilteredClips.dropped` lists them."""
        with trainer.averaged(), trainer.autocast():
            found = self.worst_clips(trainer.model)
        self.leave_out(sorted(found))
        if found:
            monitor.say(
                f"left out {len(found)} clips that the model understands least (--drop_worst): their loss per label is "
                f"{min(found.values()):.2f} or more"
            )
        return [
            (self.train.clips[number], "not understood", f"loss per label {found[number]:.2f}")
            for number in sorted(found)
        ]

    def leave_out(self, numbers: Sequence[int]) -> None:
        """Train on without these clips of the lists."""
        self.left_out[:] = numbers
        self.planner.corpora = self._corpora()

    @property
    def steps_of_epoch(self) -> int:
        """Steps between two evaluations; of a run by the clock as many as so far, on average."""
        args, progress = self.args, self.progress
        if args.steps:
            return -(-args.steps // args.epochs)
        if args.max_minutes:
            taken = progress.consumed / self.workers.size
            share = 60 * args.max_minutes / args.epochs
            return max(1, round(share * taken / progress.seconds)) if progress.seconds else FIRST_STEPS
        hours = sum(self.train.seconds[number] for number in self.pool.clips)
        return max(1, round(hours / args.batch_seconds / progress.group))

    def __call__(self, epoch: int, taken: int) -> tuple[int, Iterator[Batch]]:
        """The steps of the epoch, and this worker's batches after those that all workers have `taken`."""
        steps, size = self.steps_of_epoch, self.workers.size
        if self.args.max_minutes:
            left, steps = None, taken // size + steps
        else:
            left = max(0, -(-(steps * self.progress.group - taken) // size))
            steps = taken // size + left
        first = self.progress.consumed + self.workers.rank
        numbers = itertools.count(first, size) if left is None else range(first, first + left * size, size)
        return steps, self._until(epoch + 1, self.batches(numbers))

    def _until(self, epoch: int, batches: Iterator[Batch]) -> Iterator[Batch]:
        """The batches until the time of so many epochs is over; the first says what could not be read."""
        end = 60 * self.args.max_minutes * epoch / self.args.epochs if self.args.max_minutes else float("inf")
        for number, batch in enumerate(batches):
            yield replace(batch, unreadable=self.pool.unreadable) if number == 0 else batch
            if self.progress.seconds >= end:
                break

    def due(self, epoch: int) -> bool:
        """Return whether it is time to leave out clips, after so many epochs: a third of the run."""
        return bool(self.worst) and epoch == -(-self.args.epochs // 3)

    def worst_clips(self, model: nn.Module) -> dict[int, float]:
        """Return the clips that --drop_worst leaves out, by their number in the lists, and their losses per label."""
        found: dict[int, float] = {}
        for corpus, fraction in self.worst.items():
            clips = np.flatnonzero(self.sources == corpus)
            values = self.losses_of(model, clips)
            worst = np.argsort(-values, kind="stable")[: int(fraction * len(clips))]
            found |= {int(self.pool.clips[clips[i]]): float(values[i]) for i in worst}
        return found

    @torch.inference_mode()
    def losses_of(self, model: nn.Module, clips: np.ndarray) -> np.ndarray:
        """Return the CTC loss per label of clips of the pool as they are, on all workers together."""
        model.eval()
        values = np.zeros(len(clips))
        sounds = self.pool.sounds
        order = np.argsort(sounds.lengths[clips], kind="stable")
        count = max(1, int(self.args.batch_seconds * 16_000 / max(1, sounds.lengths[clips].max(initial=1))))
        parts = [order[start : start + count] for start in range(0, len(order), count)]
        for part in parts[self.workers.rank :: self.workers.size]:
            chosen = clips[part]
            waveforms, lengths = sounds.padded(chosen)
            labels = [self.labels[clip] for clip in chosen]
            label_lengths = torch.tensor([len(ids) for ids in labels])
            log_probs, frames = model(waveforms, lengths)
            table = torch.from_numpy(padded(labels)).to(self.device)
            loss = losses.per_clip_ctc(log_probs, frames, table, label_lengths)
            values[part] = (loss.cpu() / label_lengths.clamp(min=1)).nan_to_num(1e3, posinf=1e3).numpy()
        return self.workers.all_reduce(torch.from_numpy(values)).numpy()


def fractions_of(words: Sequence[str] | None, names: list[str]) -> dict[int, float]:
    """Fractions of words CORPUS=F, by the number of the corpus. Raises UsageError."""
    found = {}
    for word in words or ():
        name, _, value = word.partition("=")
        fraction = _number(value)
        if name not in names or not 0 < fraction < 1:
            raise UsageError(f"--drop_worst {word}: write CORPUS=F, 0 < F < 1, CORPUS one of {', '.join(names)}")
        found[names.index(name)] = fraction
    return found


def shares_of(args: Namespace, lists: list[Path], train: FilteredClips) -> list[float]:
    """Return how much of the time each corpus gets, by --mix or by length and --corpus_weights. Raises UsageError."""
    names = names_of(lists)
    if not args.mix:
        weights = np.array(clip_weights(args.weights or [], lists, train)) * train.seconds
        shares = np.bincount(train.sources, weights, len(names)).tolist()
    else:
        if args.weights:
            raise UsageError("--mix and --corpus_weights both say how much is seen of each corpus: give one of them")
        given = {name: _number(value) for name, _, value in (word.partition("=") for word in args.mix)}
        for name, share in given.items():
            if name not in names or not 0 <= share <= 1000:
                raise UsageError(f"--mix {name}: write CORPUS=SHARE, from 0 on, CORPUS one of {', '.join(names)}")
        if missing := [name for name in names if name not in given]:
            raise UsageError(f"--mix: says nothing of {', '.join(missing)}; give each corpus a share, of 0 or more")
        shares = [given[name] for name in names]
    if not sum(shares):
        raise UsageError("--mix and --corpus_weights leave nothing to train on: give a corpus more than 0")
    return shares


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return -1.0
