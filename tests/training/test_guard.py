"""Divergence: the weights are restored, the run continues more slowly, and not for ever."""

import math

import pytest
from test_loop import batch, trainer, weights

from ramospeech.errors import TrainingError
from ramospeech.training import Guard
from ramospeech.training.guard import BAD_STEPS_TO_RESTORE, MAX_RESTORES, WINDOW
from ramospeech.training.loop import MAX_BAD_STEPS


def feed(guard: Guard, loss: float, steps: int = WINDOW) -> list[str]:
    """Steps with that loss; what the guard said."""
    messages = []
    for _ in range(steps):
        step = guard.trainer.step(batch(1.0 if math.isfinite(loss) else loss), lr=0.001)
        step.loss = loss
        messages.append(guard.watch(step))
    return [message for message in messages if message]


def test_a_loss_that_falls_or_wavers_is_left_alone() -> None:
    guard = Guard(trainer())
    assert not feed(guard, 5.0) + feed(guard, 3.0) + feed(guard, 5.9) + feed(guard, 2.0)
    assert guard.factor == 1.0


def test_a_loss_that_doubles_takes_the_weights_back() -> None:
    run = trainer()
    guard = Guard(run)
    feed(guard, 3.0)
    good = weights(run)
    (message,) = feed(guard, 7.0)
    assert "rose from 3.00 to 7.00: restored the weights of step 200; the learning rate is now 0.5 of" in message
    assert (weights(run) == good).all()
    assert run.steps == 2 * WINDOW and guard.factor == 0.5


def test_nan_losses_restore_the_weights() -> None:
    run = trainer()
    guard = Guard(run)
    assert not feed(guard, math.nan, steps=MAX_BAD_STEPS - 1)  # nothing to go back to
    feed(guard, 3.0, steps=2 * WINDOW - run.steps)
    messages = feed(guard, math.nan)  # more than the trainer bears in a row
    assert len(messages) == WINDOW // BAD_STEPS_TO_RESTORE
    assert "became NaN or infinite: restored the weights of step 400" in messages[0]


def test_a_run_that_always_diverges_ends_with_advice() -> None:
    guard = Guard(trainer())
    feed(guard, 1.0)
    for _ in range(MAX_RESTORES):
        assert feed(guard, 10.0)
    with pytest.raises(TrainingError, match="lower --lr"):
        feed(guard, 10.0)
