"""--accumulate: the gradients of several batches are those of one large batch, of as many workers, after a resume."""

from argparse import Namespace
from itertools import chain

import numpy as np
import pytest
import torch

from ramospeech import losses
from ramospeech.corpora import Clip
from ramospeech.data import dummy_batch, pad
from ramospeech.errors import UsageError
from ramospeech.model import AcousticModel, ModelConfig
from ramospeech.parallel import SingleProcess
from ramospeech.programs import train
from ramospeech.training import Trainer, check_gradients, check_options, sets
from ramospeech.training.accumulation import Accumulated, accumulated
from ramospeech.training.sets import TrainBatches

UNITS = ("<blank>", "<UNK>", "a", "b", "c")


class Double(torch.nn.Module):
    def forward(self, features, _):
        return features.double()


def clips(number, rng):
    return [(rng.normal(0, 0.1, 8000 + 900 * i).astype(np.float32), [2, 3, 4][: 1 + i % 3]) for i in range(number)]


def batch(some):
    return pad([wave for wave, _ in some], [ids for _, ids in some], dummy_batch().clips * len(some))


def trained(batches):
    """Weights and steps in float64 after a step with each batch, of a network without batch norm."""
    torch.manual_seed(0)
    config = ModelConfig(UNITS, "whisper", width=64, layers=1, rnn=8, dropout=0.0)
    model = AcousticModel(config).double()
    model.augment = Double()

    def forward(given, _):
        return losses.ctc_ace(*model(given.waveforms, given.lengths), given.labels, given.label_lengths)

    sgd = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    run = Trainer(model, sgd, forward, SingleProcess(), torch.device("cpu"), dummy_batch(), clip=1.0)
    steps = [run.step(each, lr=0.02) for each in batches]
    return torch.cat([p.detach().flatten() for p in model.parameters()]), steps


def test_accumulated_batches_are_one_large_batch(rng):
    some = clips(5, rng)
    whole, large = trained([batch(some)] * 3)
    parts = Accumulated((batch(some[:2]), batch(some[2:4]), batch(some[4:]), batch([])))
    summed, small = trained([parts] * 3)
    torch.testing.assert_close(summed, whole, rtol=1e-10, atol=1e-12)
    for one, other in zip(small, large, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-12)
        assert one.gradient_norm == pytest.approx(other.gradient_norm, rel=1e-9)
        assert (one.clips, one.skipped, one.amount) == (other.clips, other.skipped, pytest.approx(other.amount))
    assert not torch.equal(whole, trained([batch(some)])[0])


def test_what_it_says_of_its_parts(rng):
    some = clips(3, rng)
    first, second = batch(some[:2]), batch(some[2:])
    second.unreadable = ["a.wav: broken"]
    both = Accumulated((first, second))
    assert (len(both), both.amount) == (3, first.amount + second.amount)
    assert both.padded_amount == first.padded_amount + second.padded_amount and both.unreadable == ["a.wav: broken"]
    assert list(accumulated([1, 2], 1)) == [1, 2]
    assert [part.parts for part in accumulated([1, 2, 3, 4], 2)] == [(1, 2), (3, 4)]


class Worker(SingleProcess):
    def __init__(self, rank, size):
        self.rank, self.size = rank, size


class Read:
    """A loader that gives the plan itself."""

    removed = 0.0

    def __init__(self, *_, **__):
        pass

    def __call__(self, plan, epoch=0):
        return iter(plan)


def steps(monkeypatch, size, accumulate, taken=0, epoch=1):
    """The clips of each step of an epoch, by all workers, sorted."""
    monkeypatch.setattr(sets, "_loader", Read)
    seconds = [1.0 + i / 50 for i in range(50)]
    args = Namespace(
        augment=None, noise_snr=(0, 1), noise=None, weights=None, speeds=(1.0,), accumulate=accumulate, join=0.0,
        silence=0.0, max_seq_length=64, batch_seconds=9.0, batch_size=4, seed=3, shard_buffer=1,
    )  # fmt: skip
    found = [Clip(f"{i}.wav", ("a",), "", s) for i, s in enumerate(seconds)]
    given = Namespace(clips=found, seconds=seconds, sources=[0] * 50, shards=None)
    ranks = []
    for rank in range(size):
        batches = TrainBatches(args, [], given, None, Worker(rank, size), 4)
        batches.weights = [1.0] * 50
        total, mine = batches(epoch, taken)
        ranks.append([list(chain(*getattr(each, "parts", [each]))) for each in mine])
    return total, [sorted(chain(*each)) for each in zip(*ranks, strict=True)]


def test_a_step_has_the_batches_of_as_many_workers(monkeypatch):
    monkeypatch.setattr(sets, "clip_weights", lambda *_: None)
    expected = steps(monkeypatch, size=4, accumulate=1)
    assert steps(monkeypatch, size=1, accumulate=4) == steps(monkeypatch, size=2, accumulate=2) == expected
    assert sorted(chain(*expected[1])) == list(range(50)) and len(expected[1]) == expected[0]
    total, rest = steps(monkeypatch, size=2, accumulate=2, taken=8)
    assert (total, rest) == (expected[0], expected[1][2:])


def test_options_that_disagree():
    for words, message in (
        ("--fp16_gradients --gradients bf16", "--fp16_gradients and --gradients bf16"),
        ("--accumulate 2 --windows 2 3", "--accumulate 2: not with --windows"),
    ):
        with pytest.raises(UsageError, match=message):
            check_options(train.parse(["--data_type", "a", *words.split()]))
    args = train.parse(["--data_type", "a", "--fp16_gradients"])
    check_options(args)
    assert args.gradients == "fp16"
    worker = Worker(0, 2)
    worker.sends_bfloat16 = False
    with pytest.raises(UsageError, match="Horovod cannot send bfloat16"):
        check_gradients("bf16", worker)
    check_gradients("fp16", worker)
    check_gradients("bf16", Worker(0, 2))
