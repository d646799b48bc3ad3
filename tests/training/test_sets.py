"""The batches of an epoch: all of them, in one order, however many workers take them and wherever one resumes."""

from argparse import Namespace

import numpy as np
import pytest
import soundfile

from ramospeech.corpora import Clip
from ramospeech.data import FilteredClips, epoch_plan
from ramospeech.errors import TrainingError, UsageError
from ramospeech.model import AcousticModel, ModelConfig
from ramospeech.parallel import SingleProcess
from ramospeech.training.sets import TrainBatches, clip_weights, lists_of, read_sets


class Worker(SingleProcess):
    """One of several workers, for what needs its rank only."""

    def __init__(self, rank: int, size: int) -> None:
        self.rank, self.size = rank, size


@pytest.fixture
def train(rng) -> FilteredClips:
    seconds = rng.gamma(4.0, 1.0, 203).clip(0.3, 16.0).tolist()
    clips = [Clip(f"{i}.wav", ("ba1",), "八", s) for i, s in enumerate(seconds)]
    return FilteredClips(clips, [0] * len(clips), [], 0)


class Plan:
    """Stands for a loader: gives the plan itself."""

    removed: dict[int, float] = {}  # noqa: RUF012

    def __init__(self, *_, **__) -> None: ...

    def __call__(self, plan, epoch=0):
        return iter(plan)


def batches(train, rank, size, group, epoch, taken, monkeypatch):
    monkeypatch.setattr("ramospeech.training.sets._loader", Plan)
    args = Namespace(augment=None, noise_snr=(5, 20), noise=None, weights=None, speeds=(1.0,), join=0.0, silence=0.0,
                     max_seq_length=64, batch_seconds=20.0, batch_size=8, seed=3, shard_buffer=2,
                     accumulate=1)  # fmt: skip
    return TrainBatches(args, [], train, None, Worker(rank, size), group)(epoch, taken)


@pytest.fixture(autouse=True)
def even_weights(monkeypatch):
    monkeypatch.setattr("ramospeech.training.sets.clip_weights", lambda *_: [1.0] * 203)


@pytest.mark.parametrize(("before", "after"), [(1, 2), (2, 1), (2, 3), (4, 2), (3, 8)])
@pytest.mark.parametrize("epoch", [0, 1, 5])
def test_a_run_resumes_with_another_number_of_workers(train, before, after, epoch, monkeypatch):
    """What was taken before and what is taken after are together the epoch, in its order."""
    whole = [list(batches(train, rank, before, before, epoch, 0, monkeypatch)[1]) for rank in range(before)]
    order = [batch for step in zip(*whole, strict=True) for batch in step]
    taken = 7 * before
    rest = [batches(train, rank, after, before, epoch, taken, monkeypatch) for rank in range(after)]
    assert len({steps for steps, _ in rest}) == 1
    later = [batch for step in zip(*(mine for _, mine in rest), strict=True) for batch in step]
    assert [batch for batch in order[:taken] + later if batch] == [batch for batch in order if batch]
    assert sorted(clip for batch in order for clip in batch) == list(range(203))
    assert all(order[: -before + 1 or None]) and all(later[: -after + 1 or None]), "only the last step has empty ones"


def test_an_epoch_is_planned_when_it_begins(train, monkeypatch):
    """However many epochs there are to come: once all were planned before the first step."""
    planned = []

    def plan(*given):
        planned.append(given[9])
        return epoch_plan(*given)

    monkeypatch.setattr("ramospeech.training.sets.epoch_plan", plan)
    for epoch in (0, 7):
        batches(train, 0, 1, 1, epoch, 0, monkeypatch)
    assert planned == [0, 7]


def test_epochs_differ_and_repeat(train, monkeypatch):
    def order(epoch):
        return list(batches(train, 0, 1, 2, epoch, 0, monkeypatch)[1])

    assert order(1) == order(1) != order(2)
    assert {clip for batch in order(1) for clip in batch} == set(range(203))


def test_batches_that_are_taken_together_are_similar(train, monkeypatch):
    seconds = np.array(train.seconds)
    steps, mine = batches(train, 0, 1, 4, 3, 0, monkeypatch)
    longest = np.array([max(seconds[batch]) for batch in mine])
    longest = longest[: len(longest) // 4 * 4].reshape(-1, 4)
    assert 0 <= steps - longest.size < 4 and np.median(longest.max(1) / longest.min(1)) < 1.3


def test_nothing_is_left_by_the_weights(train, monkeypatch):
    monkeypatch.setattr("ramospeech.training.sets.clip_weights", lambda *_: [0.0] * 203)
    with pytest.raises(TrainingError, match="leave no clip"):
        batches(train, 0, 1, 1, 1, 0, monkeypatch)


def test_lists_that_are_given(tmp_path):
    args = Namespace(
        data_type=None, train_manifest=["a.txt", "b.txt"], dev_manifest=None, config_path=str(tmp_path), init_from=None
    )
    assert [[str(path) for path in part] for part in lists_of(args)] == [["a.txt", "b.txt"], []]
    args.train_manifest = None
    with pytest.raises(UsageError, match="--train_manifest"):
        lists_of(args)


def test_weights_are_named_by_their_list(tmp_path, monkeypatch):
    monkeypatch.undo()
    clips = [Clip(f"{i}.wav", ("ba1",), "八", 1.0) for i in range(3)]
    train = FilteredClips(clips, [0, 1, 1], [], 0)
    weights = clip_weights(["own=2.5"], [tmp_path / "aishell_train.txt", tmp_path / "own.txt"], train)
    assert weights.tolist() == [1.0, 2.5, 2.5]


def test_lists_are_read_by_the_units_of_the_model(tmp_path):
    units = ("<blank>", "<UNK>", *"打开ipad▁ro")
    model = AcousticModel(ModelConfig(units, unit_type="characters", maps=(4, 4, 4, 4), fc=8, rnn=8, rnn_layers=1))
    soundfile.write(tmp_path / "a.wav", np.zeros(32_000), 16_000)
    path = tmp_path / "x_train.txt"
    path.write_text("a.wav\t打 开 i p a d ▁ p r o\t打开ipad pro\t2.0\n", encoding="utf-8")
    args = Namespace(
        max_window=1600, max_seq_length=64, data_root=tmp_path, init_from=None, windows=None, valid_ratio=None
    )
    train, _ = read_sets(args, ([path], [path]), model, SingleProcess())
    assert [" ".join(clip.tokens) for clip in train.clips] == ["打 开 i p a d ▁ p r o"] and train.unknown == 0


def test_a_dev_list_whose_clips_are_missing_is_an_error(tmp_path):
    units = ("<blank>", "<UNK>", "ma1")
    model = AcousticModel(ModelConfig(units, maps=(4, 4, 4, 4), fc=8, rnn=8, rnn_layers=1))
    soundfile.write(tmp_path / "a.wav", np.zeros(32_000), 16_000)
    train, dev = tmp_path / "x_train.txt", tmp_path / "x_dev.txt"
    train.write_text("a.wav\tma1\t妈\t2.0\n", encoding="utf-8")
    dev.write_text("none.wav\tma1\t妈\t2.0\n", encoding="utf-8")
    args = Namespace(
        max_window=1600, max_seq_length=64, data_root=tmp_path, init_from=None, windows=None, valid_ratio=None
    )
    with pytest.raises(TrainingError, match=r"x_dev\.txt: no clip can be measured: 0 of 1 clips.*1 missing"):
        read_sets(args, ([train], [dev]), model, SingleProcess())
    dev.write_text("", encoding="utf-8")
    assert not read_sets(args, ([train], [dev]), model, SingleProcess())[1].clips
