"""Steps: skipped when not finite, harmless when empty, the same after a resume."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from ramospeech.data import Batch, dummy_batch, pad
from ramospeech.errors import TrainingError
from ramospeech.losses import Loss
from ramospeech.parallel import SingleProcess
from ramospeech.training import EMPTY, Stopper, Trainer, evaluate
from ramospeech.training.loop import MAX_BAD_STEPS


class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 1)
        self.drop = nn.Dropout(0.5)

    def forward(self, x):
        return self.linear(self.drop(x))


def batch(value=1.0, clips=3) -> Batch:
    return pad([np.full(4, value, np.float32)] * clips, [[1]] * clips, dummy_batch().clips * clips)


def trainer(seed=0, clip=5.0, average=0.0):
    torch.manual_seed(0)
    model = Network()

    def forward(given, _):
        x = given.waveforms[:, :4]
        return Loss(model(x).square().sum(), torch.tensor(float(len(given))), torch.tensor(0.0))

    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    return Trainer(model, optimizer, forward, SingleProcess(), torch.device("cpu"), dummy_batch=batch(), clip=clip,
                   seed=seed, average=average)  # fmt: skip


def weights(run):
    return torch.cat([p.detach().flatten().clone() for p in run.model.parameters()])


def test_a_step_moves_the_weights_and_reports():
    run = trainer()
    before = weights(run)
    step = run.step(batch(), lr=0.1)
    assert step.taken and step.clips == 3 and step.loss > 0 and step.gradient_norm > 0
    assert not torch.equal(before, weights(run))
    assert step.amount == pytest.approx(12 / 16_000) == step.padded


def test_loss_is_the_mean_over_the_count():
    run = trainer()
    run.model.drop.p = 0.0
    assert run.step(batch(clips=3), lr=0.0).loss == pytest.approx(run.step(batch(clips=7), lr=0.0).loss)


def test_gradient_is_clipped():
    run = trainer(clip=1e-3)
    run.optimizer = torch.optim.SGD(run.model.parameters(), lr=1.0)
    before = weights(run)
    step = run.step(batch(100.0), lr=1.0)
    assert step.gradient_norm > 1.0
    assert (weights(run) - before).norm() == pytest.approx(1e-3, rel=1e-3)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e30])
def test_non_finite_steps_are_skipped(value):
    run = trainer()
    before = weights(run)
    assert not run.step(batch(value), lr=0.1).taken
    assert torch.equal(before, weights(run))
    assert run.step(batch(), lr=0.1).taken
    assert torch.isfinite(weights(run)).all()


def test_training_that_only_diverges_ends():
    run = trainer()
    with pytest.raises(TrainingError, match=r"not finite.*--lr"):
        for _ in range(MAX_BAD_STEPS):
            run.step(batch(float("nan")), lr=0.1)


def test_empty_batch_changes_nothing():
    run = trainer()
    before = weights(run)
    empty = Batch(EMPTY.waveforms, EMPTY.lengths, EMPTY.labels, EMPTY.label_lengths, [], ["a.wav: broken"])
    step = run.step(empty, lr=0.1)
    assert step.unreadable == 1 and step.clips == 0 and not step.taken
    assert torch.equal(before, weights(run))


def test_resumed_run_takes_the_same_steps():
    values = [1.0, 2.0, 0.5, 1.5, 3.0, 0.7]
    whole = trainer(seed=4)
    losses = [whole.step(batch(v), lr=0.1).loss for v in values]
    first = trainer(seed=4)
    for v in values[:3]:
        first.step(batch(v), lr=0.1)
    state = copy.deepcopy(first.state())
    torch.rand(100)  # whatever else was drawn in between
    second = trainer(seed=4)
    second.load_state(state)
    assert [second.step(batch(v), lr=0.1).loss for v in values[3:]] == losses[3:]
    assert torch.equal(weights(second), weights(whole))


def test_evaluate_sums_over_batches():
    model = Network()

    def measure(given):
        assert not model.training
        return torch.tensor([len(given), 1.0])

    assert evaluate(model, [batch(), batch(clips=5)], measure, SingleProcess(), torch.device("cpu")) == [8.0, 2.0]
    assert evaluate(model, [], measure, SingleProcess(), torch.device("cpu")) == [0.0, 0.0]


def test_stopper_hears_ctrl_c():
    import os
    import signal

    before = signal.getsignal(signal.SIGINT)
    with Stopper().listening() as stopper:
        assert not stopper.wanted
        os.kill(os.getpid(), signal.SIGINT)
        assert stopper.wanted
    assert signal.getsignal(signal.SIGINT) is before


def test_an_average_resumes_or_starts_if_there_was_none():
    run = trainer(average=0.9)
    for _ in range(3):
        run.step(batch(), lr=0.1)
    saved = copy.deepcopy(run.state())
    run.step(batch(), lr=0.1)
    again = trainer(average=0.9)
    again.load_state(saved)
    again.step(batch(), lr=0.1)
    with run.averaged(), again.averaged():
        assert torch.equal(weights(run), weights(again))
    plain = trainer()
    plain.step(batch(), lr=0.1)
    later = trainer(average=0.9)
    later.load_state(plain.state())
    with later.averaged():
        assert torch.equal(weights(later), weights(plain))
