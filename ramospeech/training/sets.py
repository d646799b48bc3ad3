"""The clips of a run and the batches that are made of them."""

from argparse import Namespace
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from hashlib import file_digest
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ramospeech import corpora
from ramospeech.augment import WaveAugment
from ramospeech.data import Batch, FilteredClips, Loader, epoch_plan, eval_plan, in_order, read_clips
from ramospeech.errors import TrainingError, UsageError
from ramospeech.model import AcousticModel
from ramospeech.parallel import Workers
from ramospeech.training import advice
from ramospeech.training.accumulation import accumulated
from ramospeech.training.held_out import SHARE, hold_out
from ramospeech.training.monitor import tracked

ENDS = 40  # frames of a window that its clips may not fill


def lists_of(args: Namespace) -> tuple[list[Path], list[Path]]:
    """Return the lists to train on and to choose the model on: given themselves, or of the corpora. Raises
    UsageError."""
    if args.data_type is None and not args.train_manifest:
        raise UsageError("give --data_type CORPUS, or lists as --train_manifest and --dev_manifest")
    given = [Path(path) for path in args.train_manifest or ()], [Path(path) for path in args.dev_manifest or ()]
    if args.train_manifest:
        return given
    train = corpora.lists_of(args.data_type, "train", args.config_path)
    with_dev = [path for path in train if path.with_name(path.name.replace("_train.txt", "_dev.txt")).exists()]
    if args.valid_ratio and not given[1]:
        return train, []
    if given[1] or (args.init_from and not with_dev):  # read_sets then holds clips out
        return train, given[1]
    return train, corpora.lists_of(args.data_type, "dev", args.config_path)


def read_sets(
    args: Namespace, lists: tuple[list[Path], list[Path]], model: AcousticModel, workers: Workers
) -> tuple[FilteredClips, FilteredClips]:
    """Return the clips to train on and those to choose the model on: rank 0 checks them, all workers have the same
    ones.

    Fine-tuning without a dev list holds a tenth of the training clips out, --valid_ratio any fraction.

    Raises: ListError, UsageError: a list cannot be read; DistributedError: the workers' lists differ; TrainingError:
        nothing is left to train on.
    """
    sums = workers.run_or_fail_together(lambda: [_digest(path) for paths in lists for path in paths])
    workers.check_same("set of lists", sums)
    dev_limits = corpora.Limits(
        max_frames=model.max_frames,
        reduction=model.frames_of_10_ms,
        vocabulary=model.vocabulary,
        units=model.units,
        durations="list",
        needed=model.min_frames,
    )
    max_frames = int(100 * max(args.windows) - ENDS) if args.windows else args.max_window
    longest = min(max_frames, model.max_frames or max_frames)
    limits = replace(dev_limits, max_frames=longest, max_labels=args.max_seq_length)

    def read() -> tuple[FilteredClips, FilteredClips]:
        return (
            read_clips(lists[0], args.data_root, limits, watch=partial(tracked, what="checking clips to train on")),
            read_clips(lists[1], args.data_root, dev_limits, watch=partial(tracked, what="checking dev clips")),
        )

    train, dev = workers.broadcast_from_rank_0(read)
    if (args.init_from or args.valid_ratio) and not lists[1]:
        train, dev, line = hold_out(train, lists[0], args.valid_ratio or SHARE)
        advice.say(line, workers.rank)
    if not train.clips:
        raise TrainingError(f"{', '.join(map(str, lists[0]))}: no clip can be trained on: {train.describe()}")
    if lists[1] and not dev.clips and dev.dropped:
        raise TrainingError(f"{', '.join(map(str, lists[1]))}: no clip can be measured: {dev.describe()}")
    kinds = f"--units {model.config.unit_type}, {len(model.vocabulary):,} of them"
    for line in advice.on_unknown(lists[0], train, kinds):
        advice.say(line, workers.rank)
    return train, dev


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); check the path of the list") from None


class TrainBatches:
    """The batches of each epoch, dealt to the workers in an order that does not depend on their number.

    `group` batches of similar length follow each other: the number of workers at the start of the run, so that the
    batches of a step are similar. Where they do not fill the last step, a worker has an empty one, which adds
    nothing.
    """

    def __init__(
        self,
        args: Namespace,
        lists: list[Path],
        train: FilteredClips,
        model: AcousticModel,
        workers: Workers,
        group: int,
    ) -> None:
        self.args, self.train, self.workers, self.group = args, train, workers, group
        augment = workers.run_or_fail_together(lambda: WaveAugment.of(args.augment or (), args.noise_snr, args.noise))
        self.shards, self.told = train.shards, False
        self.weights = workers.run_or_fail_together(lambda: clip_weights(args.weights or [], lists, train))
        self.loader = _loader(
            args, train, model, 1.0, speeds=args.speeds, augment=augment if augment.probabilities else None
        )

    def __call__(self, epoch: int, taken: int) -> tuple[int, Iterator[Any]]:
        """Return the steps of the epoch, and this worker's batches after those that all workers have `taken`.

        Raises: TrainingError: the weights of the corpora leave no clip.
        """
        args, size = self.args, self.workers.size * self.args.accumulate
        plan = epoch_plan(
            self.train.clips, self.weights, args.join, args.silence, args.max_seq_length, args.batch_seconds,
            args.batch_size, self.group, args.seed, epoch, self.shards, args.shard_buffer,
        )  # fmt: skip
        count, batch = in_order(plan)
        if not count:
            raise TrainingError(f"--corpus_weights leave no clip to train on in epoch {epoch + 1}; give larger ones")
        left = max(0, -(-(count - taken) // size))
        places = range(taken + self.workers.rank, taken + left * size, self.workers.size)
        assigned = (batch(place) if place < count else [] for place in places)
        return taken // size + left, accumulated(self._counted(self.loader(assigned, epoch)), args.accumulate)

    def _counted(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Pass batches on, and after the first epoch say how much silence was left out."""
        yield from batches
        if self.loader.removed and not self.told:
            self.told = True
            removed = self.loader.removed
            whole = sum(self.train.clips[index].seconds or 0.0 for index in removed)
            line = f"--remove_silence: {sum(removed.values()):.1f} of {whole:.1f} s of {len(removed)} clips left out"
            advice.say(
                line + (f" on worker 0 of {self.workers.size}" if self.workers.size > 1 else ""), self.workers.rank
            )


class EvalBatches:
    """The dev clips: each once, on one of the workers."""

    def __init__(self, args: Namespace, dev: FilteredClips, model: AcousticModel, workers: Workers) -> None:
        self.loader = _loader(args, dev, model, 0.25)
        self.plan = eval_plan(dev.seconds, args.batch_seconds, args.batch_size, workers.size, workers.rank)
        self.clips = len(dev.clips)

    def __iter__(self) -> Iterator[Batch]:
        return self.loader(self.plan)

    def first(self, count: int) -> Batch:
        """Return one batch of the first clips."""
        return next(self.loader([list(range(min(count, self.clips)))]))


def _loader(args: Namespace, clips: FilteredClips, model: AcousticModel, cache: float, **variation) -> Loader:
    """cache: the fraction of --cache_gb."""
    return Loader(
        clips.clips, args.data_root, model.vocabulary, model.frames_of_10_ms, args.num_workers, seed=args.seed,
        cache_bytes=int(cache * args.cache_gb * 2**30), needed=model.min_frames,
        remove_silence=args.remove_silence,
        pin=torch.cuda.is_available() and args.gpu_rank != 0 and args.device in (None, "cuda"), **variation,
    )  # fmt: skip


def names_of(lists: list[Path]) -> list[str]:
    """Return what the corpora of the training lists are called on the command line."""
    return [path.name.removesuffix(".txt").removesuffix("_train") for path in lists]


def clip_weights(words: list[str], lists: list[Path], train: FilteredClips) -> np.ndarray:
    """Return how often each clip is to be seen in an epoch, by words CORPUS=W. Raises UsageError."""
    names = names_of(lists)
    weights = dict.fromkeys(names, 1.0)
    for word in words:
        name, _, value = word.partition("=")
        try:
            weight = float(value)
        except ValueError:
            weight = -1.0
        if name not in weights or not 0 <= weight <= 100:
            raise UsageError(
                f"--corpus_weights {word}: write CORPUS=W, W from 0 to 100, CORPUS one of {', '.join(names)}"
            )
        weights[name] = weight
    return np.array([weights[name] for name in names])[np.asarray(train.sources, np.int64)]
