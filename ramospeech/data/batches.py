"""Duration buckets: which clips go together, in which step and on which worker.

A plan is a list of steps, a step one batch for each worker (the last one may have fewer), a batch a list of clip
indices. It follows from the durations, the seed, the epoch and the number of workers alone, so every worker makes the
same plan.
"""

from collections.abc import Sequence

import numpy as np

from ramospeech.corpora import Clip
from ramospeech.data.joining import Joined, utterances

Batch = list[int]
Step = list[Batch]
Plan = Sequence[Sequence[Sequence[int | Joined]]]
"""Steps of batches of clips, alone (their index) or joined."""


def batches(seconds: Sequence[float], order: Sequence[int], batch_seconds: float, batch_size: int) -> list[Batch]:
    """Cut `order` into batches of at most `batch_seconds` of audio, padding counted, and `batch_size` clips.

    A clip longer than the budget gets a batch of its own.
    """
    result: list[Batch] = []
    batch: Batch = []
    longest = 0.0
    for index in order:
        longest = max(longest, seconds[index])
        if batch and (len(batch) == batch_size or longest * (len(batch) + 1) > batch_seconds):
            result.append(batch)
            batch, longest = [], seconds[index]
        batch.append(index)
    if batch:
        result.append(batch)
    return result


def train_plan(
    seconds: Sequence[float], batch_seconds: float, batch_size: int, workers: int, seed: int, epoch: int
) -> list[Step]:
    """Return the steps of one epoch, shuffled by (seed, epoch); the first epoch goes from short clips to long ones.

    That is SortaGrad (Amodei et al., arXiv 1512.02595): CTC finds its first alignments in short clips.
    Clips of similar length share a batch, and the batches of one step are similar too, so that no worker waits for
    another. Every clip is seen once; the last step has the batches that are left.
    """
    rng = np.random.default_rng((seed, epoch))
    length = np.asarray(seconds, dtype=np.float64)
    # Jittered lengths: similar clips still meet, but not the same ones every epoch.
    order = np.argsort(length * rng.uniform(0.9, 1.1, len(length)), kind="stable")
    parts = batches(seconds, order.tolist(), batch_seconds, batch_size)
    steps = [parts[i : i + workers] for i in range(0, len(parts), workers)]
    whole = len(parts) // workers
    return steps if epoch == 0 else [steps[i] for i in rng.permutation(whole)] + steps[whole:]


def drawn(weights: Sequence[float], seed: int, epoch: int) -> list[int]:
    """Return the clips of an epoch, those of weight 2.5 two or three times, at random; each once where all weights are
    1."""
    given = np.asarray(weights, dtype=np.float64)
    times = np.floor(given + np.random.default_rng((seed, epoch, 0, 3)).random(len(given))).astype(np.int64)
    return np.repeat(np.arange(len(given)), times).tolist()


def epoch_plan(
    clips: Sequence[Clip],
    weights: Sequence[float],
    join: float,
    silence: float,
    max_labels: int,
    batch_seconds: float,
    batch_size: int,
    workers: int,
    seed: int,
    epoch: int,
) -> Plan:
    """`train_plan` of the clips that an epoch draws by their weights, alone, or as `utterances` joins them anew where
    `join` or `silence` are not 0; pauses then count in the budget."""
    indices = drawn(weights, seed, epoch)
    joining = join > 0 or silence > 0
    chosen = utterances(clips, indices, join, silence, max_labels, seed, epoch) if joining else indices
    seconds = [(clips[item] if isinstance(item, int) else item).seconds or 0.0 for item in chosen]
    steps = train_plan(seconds, batch_seconds, batch_size, workers, seed, epoch)
    return [[[chosen[i] for i in batch] for batch in step] for step in steps]


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
