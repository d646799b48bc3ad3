"""Weights in few bits that are rounded for what a model sees."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from ramospeech.arrays import SCALE
from ramospeech.model import AcousticModel, ModelConfig, load_model, save_model
from ramospeech.model.__main__ import average
from ramospeech.model.calibration import input_moments
from ramospeech.model.quantise import dequantise, quantise

UNITS = ("<blank>", "<UNK>", "hao3", "ni3", "ma")


def whisper() -> AcousticModel:
    torch.manual_seed(0)
    return AcousticModel(ModelConfig(UNITS, "whisper", width=64, layers=2, rnn=16)).eval()


def correlated(rows: int, width: int) -> Tensor:
    """Inputs most of whose energy lies in few directions, as that of networks does."""
    generator = torch.Generator().manual_seed(1)
    few = torch.randn(rows, width // 8, generator=generator)
    return few @ torch.randn(width // 8, width, generator=generator) + 0.1 * torch.randn(
        rows, width, generator=generator
    )


@pytest.mark.parametrize("bits", [6, 8])
def test_products_change_less_than_by_the_nearest_levels(bits: int) -> None:
    weight, inputs = torch.randn(24, 64, generator=torch.Generator().manual_seed(2)), correlated(1000, 64)
    exact, errors = inputs @ weight.T, []
    for moments in (None, {"w": inputs.T @ inputs}):
        found = dequantise(quantise({"w": weight}, bits, moments))["w"]
        errors.append(float((inputs @ found.T - exact).square().mean()))
    assert errors[1] < 0.5 * errors[0]


def test_without_correlation_it_is_the_nearest_level() -> None:
    weight = torch.randn(8, 16, generator=torch.Generator().manual_seed(3))
    found, nearest = quantise({"w": weight}, 6, {"w": torch.eye(16)}), quantise({"w": weight}, 6)
    assert torch.equal(found["w"], nearest["w"]) and torch.equal(found["w" + SCALE], nearest["w" + SCALE])


def test_weights_that_are_on_levels_stay() -> None:
    """So what a model shares with another one, which was rounded before, is shared still."""
    once = quantise({"w": torch.randn(8, 16, generator=torch.Generator().manual_seed(4))}, 6)
    inputs = correlated(100, 16)
    again = quantise(dequantise(once), 6, {"w": inputs.T @ inputs})
    assert torch.equal(again["w"], once["w"]) and torch.equal(again["w" + SCALE], once["w" + SCALE])


def test_inputs_may_never_have_come() -> None:
    inputs = correlated(100, 16)
    inputs[:, 3] = 0
    quantise({"w": torch.randn(8, 16)}, 6, {"w": inputs.T @ inputs})


def test_moments_are_of_what_each_layer_sees() -> None:
    model, seen = whisper(), []
    clips = [np.random.default_rng(n).standard_normal(size).astype(np.float32) for n, size in ((0, 8000), (1, 16000))]
    model.encoder.layers[1].fc2.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].flatten(0, -2)))
    found = input_moments(model, [*clips, np.zeros(5, np.float32), np.zeros(31 * 16_000, np.float32)])
    expected = sum(each.T @ each for each in seen)
    assert len(seen) == 2
    torch.testing.assert_close(found["encoder.layers.1.fc2.weight"], expected)
    assert set(found) <= set(model.state_dict()) and len(found) == 9
    assert not input_moments(model, [])


def test_average_calibrates(tmp_path: Path, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_model(whisper(), tmp_path / "m.safetensors", {})
    lines = (root / "data_config" / "demo_test.txt").read_text("utf-8").splitlines()[:3]
    (tmp_path / "list.txt").write_text("\n".join(lines) + "\n", "utf-8")
    given = [str(tmp_path / "m.safetensors"), "--calibrate", str(tmp_path / "list.txt")]
    for name, more in (("a", given[:1]), ("b", [*given, "--data_root", str(root / "demo")])):
        assert average([str(tmp_path / f"{name}.safetensors"), *more, "--bits", "6"]) in (None, 0)
    a, b = (load_model(tmp_path / f"{name}.safetensors").state_dict() for name in "ab")
    changed = {name.split(".")[-2] for name in a if not torch.equal(a[name], b[name])}
    assert changed <= {"qkv", "out", "fc1", "fc2", "output"}
    assert not torch.equal(a["encoder.layers.0.fc1.weight"], b["encoder.layers.0.fc1.weight"])
    (tmp_path / "none.txt").write_text("", "utf-8")
    capsys.readouterr()
    none = ["--calibrate", str(tmp_path / "none.txt"), "--bits", "6"]
    assert average([str(tmp_path / "c.safetensors"), given[0], *none]) == 2
    assert "no recording that the model can take" in capsys.readouterr().err
    assert average([str(tmp_path / "c.safetensors"), *given]) == 2
    assert "--calibrate: rounds weights to 8 or 6 bits" in capsys.readouterr().err
