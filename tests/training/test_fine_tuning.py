"""Weights between the start of fine-tuning and its end, and steps that keep near the start."""

from argparse import Namespace
from types import SimpleNamespace

import pytest
import torch

from ramospeech.model import AcousticModel, ModelConfig, load_model, save_model
from ramospeech.parallel import SingleProcess
from ramospeech.training import ModelWriter, Progress, keep_near_start, move_towards_start
from ramospeech.training.fine_tuning import interpolated, nearest
from ramospeech.training.folder import RunFolder
from ramospeech.training.learning import freeze, make_optimizer
from ramospeech.training.start import start_of

UNITS = ("<blank>", "<UNK>", "ma1")
SIZES = {"maps": (4, 4, 8, 8), "fc": 6, "rnn": 5, "rnn_layers": 1}


def test_weights_at_a_fraction_of_the_way():
    start = {"w": torch.tensor([0.0, 2.0]), "count": torch.tensor(3)}
    end = {"w": torch.tensor([4.0, 2.0]), "count": torch.tensor(7)}
    half = interpolated(start, end, 0.25)
    assert half["w"].tolist() == [1.0, 2.0] and half["count"].item() == 7
    assert torch.equal(interpolated(start, end, 1.0)["w"], end["w"])


def test_the_nearest_of_those_that_are_as_good():
    assert nearest({0.25: 0.4, 0.5: 0.2005, 0.75: 0.2, 1.0: 0.21}) == 0.5
    assert nearest({0.25: 0.4, 0.5: 0.3, 0.75: 0.25, 1.0: 0.2}) == 1.0
    assert nearest({0.25: 0.0, 1.0: 0.0}) == 0.25


def drift(tmp_path, weight, steps=20):
    """How far weights of a model get from its file under a constant gradient, and the learning rate."""
    torch.manual_seed(0)
    save_model(AcousticModel(ModelConfig(UNITS, **SIZES)), tmp_path / "start.safetensors", {})
    args = Namespace(init_from=str(tmp_path / "start.safetensors"), l2_sp=weight, layer_decay=1.0, weight_decay=0.1,
                     lr=0.01, seed=1, model=None, features=None, normalise=None, share_parts=None,
                     units=None, heads=None, head_lr=None, freeze_steps=0, warmup=1)  # fmt: skip
    model = AcousticModel(ModelConfig(UNITS, **SIZES))
    model.load_state_dict(start_of(args, model.config).state_dict())
    first = [parameter.detach().clone() for parameter in model.parameters()]
    optimizer = make_optimizer(model, args)
    keep_near_start(args, optimizer, model, SingleProcess())
    for _ in range(steps):
        for parameter in model.parameters():
            parameter.grad = torch.ones_like(parameter)
        optimizer.step()
    return max(float((p.detach() - q).abs().max()) for p, q in zip(model.parameters(), first, strict=True))


@pytest.mark.parametrize("weight", [10.0, 50.0, 200.0])
def test_weights_that_are_pulled_stay_near(tmp_path, weight):
    """A step moves a weight by the rate at most and the pull takes W times the rate of the way back: 1 / W at most."""
    assert drift(tmp_path, weight) < min(1 / weight, 0.9 * drift(tmp_path, 0.0))


def test_a_continued_run_does_not_come_nearer_to_its_start(tmp_path):
    """The model to use lies between; asked again, it lies where it did, and says which epoch it comes from."""
    torch.manual_seed(0)
    start = AcousticModel(ModelConfig(UNITS, **SIZES))
    save_model(start, tmp_path / "start.safetensors", {})
    model = AcousticModel(ModelConfig(UNITS, **SIZES))
    end = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    args = Namespace(init_from=str(tmp_path / "start.safetensors"), seed=1, save_step=0, checkpoint_every=0)
    run, progress = RunFolder(tmp_path, "mine"), Progress(epoch=2, best=0.2, before=0.5)
    trainer = SimpleNamespace(steps=9, workers=SingleProcess(), device=torch.device("cpu"))
    writer = ModelWriter(run, model, trainer, progress, args, True, 1.0)
    writer.write_best(epoch=1, steps=4)
    for _ in range(2):
        said = []
        metrics = SimpleNamespace(ser=0.2, describe=lambda: "")
        evaluation = SimpleNamespace(
            trainer=trainer, monitor=SimpleNamespace(say=said.append), validate=lambda found=metrics: found
        )
        progress.best = 0.2
        move_towards_start(args, run, evaluation, writer, SingleProcess())
        assert said[-1] == "the model is at 25% of the way"
        found = load_model(run.best)
        assert (found.summary["epoch"], found.summary["steps"], found.summary["fraction"]) == (1, 4, 0.25)
        for name, tensor in interpolated(start.state_dict(), end, 0.25).items():
            torch.testing.assert_close(found.state_dict()[name], tensor, atol=1e-5, rtol=1e-5)


def test_a_worse_point_nearer_to_the_start_is_not_chosen(tmp_path):
    """Rates within the tolerance count only where they are better than the start's."""
    torch.manual_seed(0)
    save_model(AcousticModel(ModelConfig(UNITS, **SIZES)), tmp_path / "start.safetensors", {})
    model = AcousticModel(ModelConfig(UNITS, **SIZES))
    args = Namespace(init_from=str(tmp_path / "start.safetensors"), seed=1, save_step=0, checkpoint_every=0)
    run, progress = RunFolder(tmp_path, "mine"), Progress(epoch=3, best=0.87, before=0.9)
    trainer = SimpleNamespace(steps=9, workers=SingleProcess(), device=torch.device("cpu"))
    writer = ModelWriter(run, model, trainer, progress, args, True, 1.0)
    writer.write_best()
    rates, said = iter([0.9, 0.89, 0.88, 0.88]), []
    evaluation = SimpleNamespace(
        trainer=trainer,
        monitor=SimpleNamespace(say=said.append),
        validate=lambda: SimpleNamespace(ser=next(rates), describe=lambda: ""),
    )
    move_towards_start(args, run, evaluation, writer, SingleProcess())
    assert said[-1] == "the model is at 40% of the way"


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_frozen_layers_have_no_dropout(layers):
    model = AcousticModel(ModelConfig(UNITS, "whisper", width=64, layers=3, rnn=4, dropout=0.25))
    freeze(model, layers)
    parts = model.encoder.pretrained_layers()
    rates = [{m.p for m in part.modules() if isinstance(m, torch.nn.Dropout)} for part in parts[1:4]]
    assert rates == [{0.0}] * (layers - 1) + [{0.25}] * (4 - layers)
    assert [any(p.requires_grad for p in part.parameters()) for part in parts] == [False] * layers + [True] * (
        5 - layers
    )
