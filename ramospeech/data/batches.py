"""Duration buckets: which clips go together, in which step and on which worker.

A plan is a sequence of steps, a step one batch for each worker (the last one may have fewer), a batch a list of clip
indices. It follows from the durations, the seed, the epoch and the number of workers alone, so every worker makes the
same plan.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np

from ramospeech.corpora import Clip, ClipTable
from ramospeech.data.joining import Joined, utterances

Batch = list[int]
Step = list[Batch]
Plan = Sequence[Sequence[Sequence[int | Joined]]]
"""Steps of batches of clips, alone (their index) or joined."""


class Steps(Sequence[Step]):
    """Steps of batches of clips in arrays, so that a plan of millions of clips is small: steps are made when they are
    taken.

    Attributes: order: (N,) clips; bounds: (batches + 1,) where each batch begins in `order`; sequence: (batches,) the
    batches as they follow each other; begins: (steps + 1,) where each step begins in `sequence`.
    """

    def __init__(self, order: np.ndarray, bounds: np.ndarray, sequence: np.ndarray, begins: np.ndarray) -> None:
        self.order, self.bounds, self.sequence, self.begins = order, bounds, sequence, begins

    def __len__(self) -> int:
        return len(self.begins) - 1

    def __getitem__(self, index):  # a step, or a list of them for a slice
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        number = range(len(self))[index]
        return [self.batch(place) for place in range(self.begins[number], self.begins[number + 1])]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def batch(self, place: int) -> Batch:
        """Return the batch that is taken as number `place` of the epoch."""
        number = self.sequence[place]
        return self.order[self.bounds[number] : self.bounds[number + 1]].tolist()


def batches(seconds: Sequence[float], order: Sequence[int], batch_seconds: float, batch_size: int) -> list[Batch]:
    """Cut `order` into batches of at most `batch_seconds` of audio, padding counted, and `batch_size` clips.

    A clip longer than the budget gets a batch of its own.
    """
    indices = np.asarray(order, dtype=np.int64)
    bounds = _bounds(np.asarray(seconds, dtype=np.float64)[indices], batch_seconds, batch_size)
    return [indices[begin:end].tolist() for begin, end in pairwise(bounds)]


def _bounds(lengths: np.ndarray, batch_seconds: float, batch_size: int) -> np.ndarray:
    """Return where each batch begins of clips of these lengths, and where the last one ends."""
    bounds = [0]
    sizes = np.arange(1, batch_size + 1)
    while bounds[-1] < len(lengths):
        longest = np.maximum.accumulate(lengths[bounds[-1] : bounds[-1] + batch_size])
        over = longest * sizes[: len(longest)] > batch_seconds
        over[0] = False
        bounds.append(bounds[-1] + (int(over.argmax()) or len(longest)))
    return np.array(bounds, np.int64)


def train_plan(
    seconds: Sequence[float],
    batch_seconds: float,
    batch_size: int,
    workers: int,
    seed: int,
    epoch: int,
    shards: np.ndarray | None = None,
    buffer: int = 0,
) -> Steps:
    """Return the steps of one epoch, shuffled by (seed, epoch); the first epoch goes from short clips to long ones.

    That is SortaGrad (Amodei et al., arXiv 1512.02595): CTC finds its first alignments in short clips.
    Clips of similar length share a batch, and the batches of one step are similar too, so that no worker waits for
    another. Every clip is seen once; the last step has the batches that are left.

    `shards` is the number of each clip's shard: the epoch then goes through `buffer` shards at a time, chosen at
    random, so that few files are read at once, and each once; in the first epoch it goes from short clips to long ones
    in each. Batches that fill no step come at the end.
    """
    length = np.asarray(seconds, dtype=np.float64)
    parts, whole, rest, before = [], [], [], 0
    clips: list[np.ndarray] = []
    for number, part in enumerate(_buffers(len(length), shards, buffer, seed, epoch)):
        rng = np.random.default_rng((seed, epoch) if shards is None else (seed, epoch, number))
        # Jittered lengths: similar clips still meet, but not the same ones every epoch.
        order = np.argsort(length[part] * rng.uniform(0.9, 1.1, len(part)), kind="stable")
        bounds = _bounds(length[part][order], batch_seconds, batch_size)
        steps, left = divmod(len(bounds) - 1, workers)
        first = np.arange(steps) if epoch == 0 else rng.permutation(steps)
        whole.append(before + (first[:, None] * workers + np.arange(workers)).reshape(-1))
        rest.append(before + steps * workers + np.arange(left))
        parts.append(bounds[:-1] + sum(map(len, clips)))
        clips.append(part[order])
        before += len(bounds) - 1
    total = sum(map(len, clips))
    sequence = np.concatenate([*whole, *rest, np.zeros(0, np.int64)]).astype(np.int64)
    begins = np.append(np.arange(0, len(sequence), workers), len(sequence)) if len(sequence) else np.zeros(1, np.int64)
    return Steps(
        np.concatenate([*clips, np.zeros(0, np.int64)]).astype(np.int64),
        np.append(np.concatenate([*parts, np.zeros(0, np.int64)]), total).astype(np.int64),
        sequence,
        begins,
    )


def _buffers(count: int, shards: np.ndarray | None, buffer: int, seed: int, epoch: int) -> Iterator[np.ndarray]:
    """Yield the clips of each buffer; clips that are in no shard (-1) are spread over all of them."""
    if shards is None or not count:
        yield np.arange(count)
        return
    rng = np.random.default_rng((seed, epoch, 0, 4))
    known = int(shards.max()) + 1
    buffers = max(1, -(-known // max(1, buffer)))
    of_shard = rng.permutation(known) // max(1, buffer)
    alone = shards < 0
    of_clip = np.where(alone, 0, of_shard[np.maximum(shards, 0)] if known else 0)
    of_clip[alone] = rng.integers(buffers, size=int(alone.sum()))
    order = np.argsort(of_clip, kind="stable")
    ends = np.cumsum(np.bincount(of_clip, minlength=buffers))
    yield from (part for part in np.split(order, ends[:-1]) if len(part))


def drawn(weights: Sequence[float] | np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """Return the clips of an epoch, those of weight 2.5 two or three times, at random; each once where all weights are
    1."""
    given = np.asarray(weights, dtype=np.float64)
    times = np.floor(given + np.random.default_rng((seed, epoch, 0, 3)).random(len(given))).astype(np.int64)
    return np.repeat(np.arange(len(given)), times)


def epoch_plan(
    clips: Sequence[Clip],
    weights: Sequence[float] | np.ndarray,
    join: float,
    silence: float,
    max_labels: int,
    batch_seconds: float,
    batch_size: int,
    workers: int,
    seed: int,
    epoch: int,
    shards: np.ndarray | None = None,
    buffer: int = 0,
) -> Plan:
    """`train_plan` of the clips that an epoch draws by their weights, alone, or as `utterances` joins them anew where
    `join` or `silence` are not 0; pauses then count in the budget, and shards are not regarded."""
    indices = drawn(weights, seed, epoch)
    if not (join > 0 or silence > 0):
        lengths = seconds_of(clips)[indices]
        part = None if shards is None else shards[indices]
        steps = train_plan(lengths, batch_seconds, batch_size, workers, seed, epoch, part, buffer)
        return Steps(indices[steps.order], steps.bounds, steps.sequence, steps.begins)
    chosen = utterances(clips, indices.tolist(), join, silence, max_labels, seed, epoch)
    plan = train_plan([item.seconds for item in chosen], batch_seconds, batch_size, workers, seed, epoch)
    return [[[chosen[i] for i in batch] for batch in step] for step in plan]


def seconds_of(clips: Sequence[Clip]) -> np.ndarray:
    """Return (N,) float64 durations; 0 where they are not known."""
    if isinstance(clips, ClipTable):
        return clips.seconds
    return np.array([clip.seconds or 0.0 for clip in clips], np.float64)


def in_order(plan: Plan) -> tuple[int, Callable[[int], Sequence[int | Joined]]]:
    """Return the number of batches of a plan, and what gives each by its number."""
    if isinstance(plan, Steps):
        return len(plan.sequence), plan.batch
    flat = [batch for step in plan for batch in step]
    return len(flat), flat.__getitem__


def eval_plan(seconds: Sequence[float], batch_seconds: float, batch_size: int, workers: int, rank: int) -> list[Batch]:
    """Return this worker's part of the batches of an evaluation: each clip once, on one worker."""
    order = np.argsort(np.asarray(seconds), kind="stable").tolist()
    return batches(seconds, order, batch_seconds, batch_size)[rank::workers]


def padding_share(seconds: Sequence[float], plan: Plan) -> float:
    """Return the fraction of the plan's padded audio that is padding."""
    steps = [[[seconds[i] if isinstance(i, int) else i.seconds for i in batch] for batch in step] for step in plan]
    padded = sum(max(batch) * len(batch) for step in steps for batch in step)
    real = sum(sum(batch) for step in steps for batch in step)
    return 1.0 - real / padded if padded else 0.0
