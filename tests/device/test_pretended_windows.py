"""Windows on a pretended second device: nothing forgets to move a tensor, and batches and steps are the CPU's."""

import numpy as np
import pytest
import torch
from pretend import DEVICE, Pretended, pretended_device
from torch import Tensor

from ramospeech.augment import BATCH_EFFECTS, BatchAugment, Sounds, Sources
from ramospeech.augment.batched import effects
from ramospeech.augment.batched.sounds import new_generator
from ramospeech.data import Batch, Corpora, WindowBatches, WindowPlanner, dummy_batch, window_batches
from ramospeech.model import AcousticModel, ModelConfig
from ramospeech.parallel import SingleProcess
from ramospeech.text import Vocabulary
from ramospeech.training import Trainer

pytestmark = pytest.mark.filterwarnings("ignore:.*copying from a non-meta parameter")  # here it copies
UNITS = Vocabulary.inventory().units[:30]
SIZES = {"width": 64, "layers": 1, "rnn": 8, "dropout": 0.0}


@pytest.fixture(autouse=True)
def one_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is drawn on the device is drawn on the CPU: torch has no generator for a pretended one."""
    for module in (effects, window_batches):
        monkeypatch.setattr(module, "new_generator", lambda device, rng: new_generator(torch.device("cpu"), rng))


def here(tensor: Tensor) -> Tensor:
    return tensor.data_there if isinstance(tensor, Pretended) else tensor.detach()


def batches(device: torch.device, *words: str) -> WindowBatches:
    rng = np.random.default_rng(1)
    waveforms = [rng.integers(-3_000, 3_000, n, np.int16) for n in rng.integers(8_000, 24_000, 12)]
    sounds = Sounds.of(waveforms, device)
    rooms = torch.randn(2, 16_000, generator=torch.Generator().manual_seed(1))
    sources = Sources((5.0, 25.0), sounds, sounds, rooms.to(device))
    corpora = Corpora(np.arange(12) % 2, sounds.lengths, [0.7, 0.3])
    labels = [[2 + k, 3 + k] for k in range(12)]
    planner = WindowPlanner(
        sounds, labels, corpora, [1.5, 3.0], 9.0, (0.9, 1.1), 4, lambda a, b: [*a, *b], sounds, 0.2, 1, 1
    )
    return WindowBatches(planner, sounds.samples, BatchAugment.of(words, sources))


def assert_same(found: Batch, expected: Batch) -> None:
    assert found.waveforms.device == found.labels.device == DEVICE
    assert found.lengths.device.type == found.label_lengths.device.type == "cpu"
    for name in ("waveforms", "lengths", "labels", "label_lengths"):
        torch.testing.assert_close(here(getattr(found, name)), getattr(expected, name), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", BATCH_EFFECTS)
def test_an_effect_stays_on_its_device(name: str) -> None:
    expected = list(batches(torch.device("cpu"), f"{name}=0.7")(range(2)))
    with pretended_device() as device:
        found = list(batches(device, f"{name}=0.7")(range(2)))
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)


def test_recordings_of_the_pool_side_by_side() -> None:
    expected, lengths = batches(torch.device("cpu")).planner.noise.padded(np.array([3, 1]))  # type: ignore[union-attr]
    with pretended_device() as device:
        found, found_lengths = batches(device).planner.noise.padded(np.array([3, 1]))  # type: ignore[union-attr]
        assert found.device == DEVICE and torch.equal(found_lengths, lengths)
        assert torch.equal(here(found), expected)


def test_steps_of_a_whisper_encoder_are_those_of_the_cpu() -> None:
    """Losses, and lengths that stay on the CPU all the way through the encoder."""
    taken = {}
    for where in ("cpu", "there"):
        torch.manual_seed(1)
        model = AcousticModel(ModelConfig(units=UNITS, architecture="whisper", share_parts=True, **SIZES))
        with pretended_device() as there:
            device = there if where == "there" else torch.device("cpu")
            model.to(device)
            optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
            trainer = Trainer(model, optimizer, model.loss, SingleProcess(), device, dummy_batch(), seed=3, average=0.9)
            made = batches(device, "all")
            taken[where] = [trainer.step(batch, 1e-3) for batch in made(range(3))]
            states, frames = model.encode(*made.planner.noise.padded(np.array([0, 1])))  # type: ignore[union-attr]
            assert states.device.type == device.type and frames.device.type == "cpu"
    for one, other in zip(taken["there"], taken["cpu"], strict=True):
        assert one.taken and one.loss == pytest.approx(other.loss, rel=1e-3)
        assert one.gradient_norm == pytest.approx(other.gradient_norm, rel=1e-2)
