"""Duration buckets: every clip, within the budget, the same number of steps for every worker."""

import numpy as np
import pytest

from ramospeech.corpora import Clip
from ramospeech.data.batches import batches, epoch_plan, eval_plan, padding_share, train_plan


@pytest.fixture
def seconds(rng):
    return rng.gamma(4.0, 1.0, 997).clip(0.3, 16.0).tolist()


@pytest.mark.parametrize("workers", [1, 2, 3, 8])
@pytest.mark.parametrize("epoch", [0, 3])
def test_every_clip_is_seen_once_and_steps_are_equal(seconds, workers, epoch):
    plan = train_plan(seconds, 60.0, 64, workers, seed=1, epoch=epoch)
    assert all(len(step) == workers and all(step) for step in plan[:-1]) and 1 <= len(plan[-1]) <= workers
    assert sorted(i for step in plan for batch in step for i in batch) == list(range(len(seconds)))


def test_budget_counts_padding(seconds):
    plan = train_plan(seconds, 60.0, 20, 1, seed=1, epoch=0)
    for (batch,) in plan:
        assert len(batch) <= 20
        assert len(batch) == 1 or max(seconds[i] for i in batch) * len(batch) <= 60.0


def test_clip_longer_than_the_budget_is_alone():
    assert batches([1.0, 100.0, 1.0], [0, 1, 2], 10.0, 8) == [[0], [1], [2]]


def test_plan_follows_from_seed_and_epoch(seconds):
    args = (seconds, 60.0, 64, 2)
    assert train_plan(*args, seed=1, epoch=3) == train_plan(*args, seed=1, epoch=3)
    assert train_plan(*args, seed=1, epoch=3) != train_plan(*args, seed=1, epoch=4)
    assert train_plan(*args, seed=1, epoch=3) != train_plan(*args, seed=2, epoch=3)


def test_two_workers_share_the_batch_of_one():
    seconds = [2.0] * 64
    alone = train_plan(seconds, 1e9, 16, 1, seed=1, epoch=0)
    shared = train_plan(seconds, 1e9, 8, 2, seed=1, epoch=0)
    assert [sorted(step[0]) for step in alone] == [sorted(step[0] + step[1]) for step in shared]


def test_similar_lengths_meet(seconds):
    bucketed = padding_share(seconds, train_plan(seconds, 60.0, 64, 1, seed=1, epoch=0))
    at_random = padding_share(seconds, [[batch] for batch in batches(seconds, range(len(seconds)), 60.0, 64)])
    assert bucketed < 0.15 < at_random


def test_batches_of_a_step_are_similar(seconds):
    plan = [step for step in train_plan(seconds, 60.0, 64, 2, seed=1, epoch=0) if len(step) == 2]
    audio = np.array([[sum(seconds[i] for i in batch) for batch in step] for step in plan])
    assert np.median(abs(audio[:, 0] - audio[:, 1]) / audio.max(axis=1)) < 0.1


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_evaluation_takes_each_clip_once(seconds, workers):
    parts = [eval_plan(seconds, 60.0, 64, workers, rank) for rank in range(workers)]
    assert sorted(i for part in parts for batch in part for i in batch) == list(range(len(seconds)))


def test_no_clips():
    assert train_plan([], 60.0, 8, 2, seed=1, epoch=0) == []
    assert eval_plan([], 60.0, 8, 2, 0) == []
    assert padding_share([], []) == 0.0


def test_weights_say_how_often_a_clip_is_seen() -> None:
    weights = [0.0] * 10 + [0.5] * 400 + [1.0] * 10 + [2.0] * 10
    seconds = np.linspace(1.0, 5.0, len(weights)).tolist()
    clips = [Clip(f"{i}.wav", ("ba1",), "八", s) for i, s in enumerate(seconds)]
    plans = [epoch_plan(clips, weights, 0.0, 0.0, 64, 60.0, 20, 1, seed=1, epoch=epoch) for epoch in (1, 2)]
    counts = [np.bincount([i for step in plan for i in step[0]], minlength=len(weights)) for plan in plans]
    for count in counts:
        assert not count[:10].any() and (count[410:420] == 1).all() and (count[420:] == 2).all()
        assert set(count[10:410]) == {0, 1} and 150 < count[10:410].sum() < 250
    assert (counts[0] != counts[1]).any()
    even = epoch_plan(clips, [1.0] * len(clips), 0.0, 0.0, 64, 60.0, 20, 1, 1, 1)
    assert even == train_plan(seconds, 60.0, 20, 1, 1, 1)
