"""Model files that hold what differs from a shipped model alone."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from ramospeech.errors import ModelError, RamospeechError
from ramospeech.files import SHIPPED, model_path
from ramospeech.model import AcousticModel, ModelConfig, load_model, save_model
from ramospeech.model.__main__ import main, write_average
from ramospeech.model.file import KEY, read_config
from ramospeech.model.pretrained import initial_model, weights_in

UNITS = ("<blank>", "<UNK>", "ma1", "ma3")


@pytest.fixture
def base(tmp_path: Path, monkeypatch) -> AcousticModel:
    """A model of two layers that is shipped, in 8 bits."""
    torch.manual_seed(0)
    model = AcousticModel(ModelConfig(UNITS, "whisper", width=64, layers=2, rnn=4, share_parts=True))
    monkeypatch.setattr("ramospeech.files.pretrained_folder", lambda: tmp_path)
    save_model(model, tmp_path / SHIPPED["accurate"], {}, 8)
    return load_model(tmp_path / SHIPPED["accurate"])


@pytest.fixture
def model(base: AcousticModel) -> AcousticModel:
    """Its lowest layer with another LSTM."""
    model = initial_model("accurate", UNITS, {"layers": 1})
    torch.nn.init.normal_(model.encoder.rnn.weight_hh_l0, 0, 0.1)
    return model.eval()


@pytest.mark.parametrize("bits", [8, 16, 32])
def test_what_is_left_out_is_read_from_the_base(model: AcousticModel, tmp_path: Path, bits: int, capsys) -> None:
    path = tmp_path / "small.safetensors"
    save_model(model, path, {"steps": 3}, bits, "accurate")
    with safe_open(path, framework="pt") as file:
        assert {name.removesuffix(".scale") for name in file.keys()} == {"encoder.rnn.weight_hh_l0"}  # noqa: SIM118
    found = load_model(path)
    assert found.config == model.config == read_config(path) and found.summary == {"steps": 3}
    for name, tensor in model.state_dict().items():
        exact = 0.0 if "weight_hh_l0" not in name or bits == 32 else 1e-2
        torch.testing.assert_close(found.state_dict()[name], tensor, atol=exact, rtol=exact)
    assert weights_in(path, UNITS) == set(model.state_dict())
    assert main([str(path)]) == 0 and "\nwith weights of accurate, which its file lacks\n" in capsys.readouterr().out
    assert initial_model(path, UNITS, {}).config == model.config


def test_the_average_of_models_on_a_base(model: AcousticModel, tmp_path: Path) -> None:
    for name, shift in (("a", 0.0), ("b", 0.5)):
        with torch.no_grad():
            model.encoder.rnn.bias_ih_l0 += shift
        options = {
            "init_from": "/home/me/a.safetensors",
            "teacher": "/home/me/big.safetensors",
            "data_root": "/home/me",
            "lr": 1.0,
        }
        save_model(model, tmp_path / f"{name}.safetensors", {"options": options})
    write_average(tmp_path / "c.safetensors", [tmp_path / "a.safetensors", tmp_path / "b.safetensors"], 8, "accurate")
    found = load_model(tmp_path / "c.safetensors")
    torch.testing.assert_close(found.encoder.rnn.bias_ih_l0, model.encoder.rnn.bias_ih_l0 - 0.25, atol=1e-3, rtol=0)
    assert found.summary["options"] == {"teacher": "big.safetensors", "lr": 1.0}
    assert found.config.share_parts and (tmp_path / "c.safetensors").stat().st_size < 10_000


def test_another_base_is_noticed(model: AcousticModel, base: AcousticModel, tmp_path: Path) -> None:
    save_model(model, tmp_path / "small.safetensors", {}, 8, "accurate")
    with torch.no_grad():
        base.encoder.layers[0].fc1.weight[0, 0] += 1.0
    save_model(base, model_path("accurate"), {}, 8)
    with pytest.raises(ModelError, match=r"small\.safetensors: was made for another .*accurate\.safetensors, whose"):
        load_model(tmp_path / "small.safetensors")
    model_path("accurate").unlink()
    with pytest.raises(ModelError, match=r"accurate\.safetensors: cannot be read, and its weights are needed"):
        load_model(tmp_path / "small.safetensors")


@pytest.mark.parametrize("name", ["fast", "../accurate", "none", 3, None, ["accurate"]])
def test_bases_that_are_not_shipped(model: AcousticModel, tmp_path: Path, name: object) -> None:
    path = tmp_path / SHIPPED["fast"]
    save_model(model, path, {}, 8, "accurate")
    with safe_open(path, framework="pt") as file:
        entry = json.loads(file.metadata()[KEY])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    entry["base"]["name"] = name
    save_file(tensors, path, {KEY: json.dumps(entry)})
    with pytest.raises(RamospeechError, match=r"needs the weights of a model .*, which is not shipped with this"):
        load_model(path)


def test_a_model_that_shares_nothing(base: AcousticModel, tmp_path: Path) -> None:
    other = AcousticModel(replace(base.config, share_parts=False))
    for parameter in other.parameters():
        torch.nn.init.normal_(parameter)
    with pytest.raises(ModelError, match="--base accurate: the model has none of its weights; leave that option out"):
        save_model(other, tmp_path / "other.safetensors", {}, 8, "accurate")
    assert not (tmp_path / "other.safetensors").exists()
