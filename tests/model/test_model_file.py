"""Model files: what goes in comes out, and anything else is refused with a reason."""

import errno
import json
import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors
import safetensors.torch
import torch

from ramospeech.arrays import unpacked
from ramospeech.errors import ModelError
from ramospeech.model import AcousticModel, ModelConfig, load_model, save_model

CONFIG = ModelConfig(
    ("<blank>", "<UNK>", "lü4", "ni3"), features="fbank", normalise="bin", maps=(4, 4, 8, 8), fc=8, rnn=8, rnn_layers=2
)


@pytest.fixture
def model() -> AcousticModel:
    torch.manual_seed(0)
    model = AcousticModel(CONFIG).train()
    model(0.1 * torch.randn(2, 8000), torch.tensor([8000, 6000]))  # moves the running statistics
    return model.eval()


def posteriors(model: AcousticModel) -> torch.Tensor:
    torch.manual_seed(1)
    with torch.no_grad():
        return model(0.1 * torch.randn(2, 8000), torch.tensor([8000, 6000]))[0]


def test_round_trip(model: AcousticModel, tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "demo.safetensors"
    model.augment = torch.nn.BatchNorm1d(80)  # has weights, but is not part of the model
    save_model(model, path, {"epochs": 3, "ser": 0.08, "corpus": "普通话"})
    loaded = load_model(path)
    assert loaded.config == CONFIG and loaded.vocabulary.units == CONFIG.units
    assert loaded.summary == {"epochs": 3, "ser": 0.08, "corpus": "普通话"}
    assert not loaded.training and torch.equal(posteriors(loaded), posteriors(model))
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_loaded_model_can_be_trained(model: AcousticModel, tmp_path: Path) -> None:
    save_model(model, tmp_path / "m.safetensors", {})
    loaded = load_model(tmp_path / "m.safetensors").train()
    log_probs, _ = loaded(0.1 * torch.randn(1, 8000), torch.tensor([8000]))
    log_probs.sum().backward()
    assert all(parameter.grad is not None for parameter in loaded.parameters() if parameter.requires_grad)
    assert torch.equal(posteriors(load_model(tmp_path / "m.safetensors")), posteriors(model))


def test_float16_on_disk_float32_in_memory(model: AcousticModel, tmp_path: Path) -> None:
    save_model(model, tmp_path / "whole.safetensors", {})
    save_model(model, tmp_path / "half.safetensors", {}, bits=16)
    assert all(tensor.dtype == torch.float32 for tensor in model.parameters())
    loaded = load_model(tmp_path / "half.safetensors")
    state = loaded.state_dict()
    assert {tensor.dtype for name, tensor in state.items() if "num_batches" not in name} == {torch.float32}
    assert state["encoder.conv1.conv1_norm1.num_batches_tracked"].dtype == torch.int64
    assert state["encoder.conv1.conv1_norm1.num_batches_tracked"] == 1
    assert torch.allclose(posteriors(loaded), posteriors(model), atol=0.02)
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("half", "whole")]
    assert sizes[0] < 0.75 * sizes[1]


@pytest.mark.parametrize(("bits", "most"), [(8, 127), (6, 31)])
def test_few_bits_on_disk(model: AcousticModel, tmp_path: Path, bits: int, most: int) -> None:
    save_model(model, tmp_path / "half.safetensors", {}, bits=16)
    save_model(model, tmp_path / "byte.safetensors", {}, bits=bits)
    loaded = load_model(tmp_path / "byte.safetensors")
    for (name, found), wanted in zip(loaded.state_dict().items(), model.state_dict().values(), strict=True):
        assert found.dtype == wanted.dtype, name
        if found.ndim >= 2 and name.startswith(
            ("encoder.", "heads.")
        ):  # no worse than steps up to a row's largest weight
            rows = wanted.flatten(1)
            scale = rows.abs().amax(1, keepdim=True) / most
            plain = ((rows / scale).round() * scale - rows).square().sum(1)
            assert bool(((found.flatten(1) - rows).square().sum(1) <= 1.001 * plain + 1e-12).all()), name
        else:
            assert torch.allclose(found.float(), wanted.float(), rtol=1e-3), name
    stored = safetensors.torch.load_file(tmp_path / "byte.safetensors")["heads.ctc.output.weight"]
    if bits == 6:
        assert stored.dtype == torch.uint8 and stored.shape == (4, 6)
        stored = torch.from_numpy(unpacked(stored.numpy()))
    assert stored.dtype == torch.int8 and stored.abs().max() == most
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("byte", "half")]
    assert sizes[0] < sizes[1]
    with torch.no_grad():
        model.ctc.output.weight[0, 0] = torch.nan
    with pytest.raises(ModelError, match=r"not written, heads\.ctc\.output\.weight"):
        save_model(model, tmp_path / "m.safetensors", {}, bits=bits)


@pytest.mark.parametrize(
    "odd", [torch.zeros(4, 7), torch.zeros(4, 3), torch.zeros(2, 6), torch.zeros(6), torch.zeros(())]
)
def test_odd_matrices_of_6_bits(model: AcousticModel, tmp_path: Path, odd: torch.Tensor) -> None:
    path = tmp_path / "m.safetensors"
    save_model(model, path, {}, bits=6)
    tensors = safetensors.torch.load_file(path)
    with safetensors.safe_open(path, "pt") as file:
        metadata = file.metadata()
    tensors["heads.ctc.output.weight"] = odd.to(torch.uint8)
    safetensors.torch.save_file(tensors, path, metadata)
    with pytest.raises(ModelError, match=r"do not fit together|heads\.ctc\.output\.weight is "):
        load_model(path)


def test_scales_of_another_model(model: AcousticModel, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_model(model, path, {}, bits=8)
    tensors = safetensors.torch.load_file(path)
    with safetensors.safe_open(path, "pt") as file:
        metadata = file.metadata()
    tensors["heads.ctc.output.weight.scale"] = torch.ones(3)
    safetensors.torch.save_file(tensors, path, metadata)
    with pytest.raises(ModelError, match="do not fit together"):
        load_model(path)


def test_weights_too_large_for_float16_or_not_finite(model: AcousticModel, tmp_path: Path) -> None:
    with torch.no_grad():
        model.ctc.output.weight[0, 0] = 1e5
    with pytest.raises(ModelError, match=r"not written, heads\.ctc\.output\.weight"):
        save_model(model, tmp_path / "m.safetensors", {}, bits=16)
    assert not list(tmp_path.iterdir())


def test_a_full_disk_leaves_the_old_file(model: AcousticModel, tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "m.safetensors"
    save_model(model, path, {"epochs": 1})

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ModelError, match=r"No space left on device.*make room"):
        save_model(model, path, {"epochs": 2})
    assert load_model(path).summary == {"epochs": 1}
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_file_that_may_not_grow(model: AcousticModel, tmp_path: Path) -> None:
    """The same by a real limit of the system, which the write runs into half way."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(ModelError, match=r"m\.safetensors: not written \(File too large\)"):
            save_model(model, tmp_path / "m.safetensors", {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())


def rewritten(path: Path, change: Callable[[dict, dict], None]) -> None:
    """Change the entry of the metadata and the tensors of a model file."""
    with safetensors.safe_open(path, framework="pt") as file:
        entry = json.loads(file.metadata()["ramospeech"])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    change(entry, tensors)
    safetensors.torch.save_file(tensors, path, metadata={"ramospeech": json.dumps(entry)})


def set_config(**values) -> Callable[[dict, dict], None]:
    return lambda entry, tensors: entry["config"].update(values)


WEIGHT = "heads.ctc.output.weight"


@pytest.mark.parametrize(
    "change, message",
    [
        (set_config(architecture="transducer"), "unknown architecture 'transducer'; there is"),
        (set_config(units=["<blank>", "<UNK>", "a", "b", "c"]), r"output\.weight is \(4, 8\), .* needs \(5, 8\)"),
        (set_config(units=["a", "b", "c", "d"]), "first unit must be <blank>"),
        (set_config(units=["<blank>", "<UNK>", "a", 5]), "names of the blank"),
        (set_config(units=None), "wrong type"),
        (set_config(rnn=16_000, rnn_layers=64), "do not match"),
        (set_config(rnn_layers=10**12), "rnn_layers must be"),
        (set_config(beams=3), "options unknown to this version.*beams"),
        (lambda entry, tensors: entry["config"].pop("units"), "missing"),
        (lambda entry, tensors: entry.pop("config"), "description is broken"),
        (lambda entry, tensors: entry.update(format=99, version="9.0"), "format 99 of ramospeech 9.0.*install"),
        (lambda entry, tensors: tensors.pop(WEIGHT), f"another architecture .*{WEIGHT}"),
        (lambda entry, tensors: tensors.update(extra=torch.ones(1)), "another architecture .*extra"),
        (lambda entry, tensors: tensors[WEIGHT].fill_(torch.nan), f"{WEIGHT} holds numbers that are not finite"),
        (lambda entry, tensors: tensors.update({WEIGHT: tensors[WEIGHT].long()}), "wrong type torch.int64"),
    ],
)
def test_a_changed_file_is_refused(change, message: str, model: AcousticModel, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save_model(model, path, {})
    rewritten(path, change)
    with pytest.raises(ModelError, match=message) as caught:
        load_model(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    class Hostile:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "attacked"),))

    for old in (False, True):
        torch.save({"weights": Hostile()}, tmp_path / "m.pt", _use_new_zipfile_serialization=not old)
        with pytest.raises(ModelError, match="a pickle, which could run code"):
            load_model(tmp_path / "m.pt")
    assert not (tmp_path / "attacked").exists()


def test_what_lies_beside_a_model_is_named(tmp_path: Path) -> None:
    torch.save({"steps": 1}, tmp_path / "m.state.pt")
    with pytest.raises(ModelError, match=r"the state of a run, no model; give .* beside it: .*/m\.safetensors$"):
        load_model(tmp_path / "m.state.pt")
    (tmp_path / "m.onnx").write_bytes(b"\x08\x08\x12\x07pytorch")
    with pytest.raises(ModelError, match=r"an ONNX file, which can only transcribe; give the \.safetensors"):
        load_model(tmp_path / "m.onnx")


def test_a_header_of_any_length_is_read(model: AcousticModel, tmp_path: Path) -> None:
    """Headers are multiples of 8 bytes long; one whose length begins with 0x80 looks like a pickle at first."""
    path, begun = tmp_path / "m.safetensors", set()
    for length in range(0, 264, 4):
        save_model(model, path, {"text": "x" * length})
        begun.add(path.read_bytes()[0])
        load_model(path)
    assert 0x80 in begun


def test_files_that_are_not_models(model: AcousticModel, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    with pytest.raises(ModelError, match=r"No such file or directory.*check the path"):
        load_model(path)
    with pytest.raises(ModelError, match="Is a directory"):
        load_model(tmp_path)
    save_model(model, path, {})
    content = path.read_bytes()
    for size in (0, 5, 100, len(content) - 7):
        path.write_bytes(content[:size])
        with pytest.raises(ModelError, match="truncated or not a safetensors file"):
            load_model(path)
    safetensors.torch.save_file({"x": torch.ones(2)}, path)
    with pytest.raises(ModelError, match="without the description"):
        load_model(path)
    safetensors.torch.save_file({"x": torch.ones(2)}, path, metadata={"ramospeech_lm": "{}"})
    with pytest.raises(ModelError, match=r"m.safetensors: a language model, .* give it with --lm"):
        load_model(path)
    safetensors.torch.save_file({"x": torch.ones(2)}, path, metadata={"ramospeech": "{"})
    with pytest.raises(ModelError, match="description is broken"):
        load_model(path)


@pytest.mark.parametrize("bits", [32, 16, 8])
def test_files_of_version_0_1_give_the_same_posteriors(model: AcousticModel, tmp_path: Path, bits: int) -> None:
    """They have formats 1 and 2, and name weights by the network, fc3 among them."""
    save_model(model, tmp_path / "new.safetensors", {"steps": 7}, bits)
    save_model(model, tmp_path / "old.safetensors", {"steps": 7}, bits)

    def age(entry: dict, tensors: dict) -> None:
        entry["format"] = 2 if bits == 8 else 1
        entry["version"] = "0.1.0"
        entry["config"].pop("heads")
        for name in list(tensors):
            old = name.replace("heads.ctc.output.", "network.fc3.").replace("encoder.", "network.")
            tensors[old] = tensors.pop(name)

    rewritten(tmp_path / "old.safetensors", age)
    old, new = (load_model(tmp_path / f"{name}.safetensors") for name in ("old", "new"))
    assert old.config == new.config == CONFIG and old.summary == {"steps": 7}
    assert torch.equal(posteriors(old), posteriors(new))


def test_training_states_of_version_0_1_load(model: AcousticModel) -> None:
    old = {
        name.replace("heads.ctc.output.", "network.fc3.").replace("encoder.", "network."): tensor
        for name, tensor in model.state_dict().items()
    }
    fresh = AcousticModel(CONFIG).eval()
    fresh.load_state_dict(old)
    assert torch.equal(posteriors(fresh), posteriors(model))


def test_the_type_of_units_is_saved_and_pinyin_where_a_file_does_not_tell(tmp_path: Path) -> None:
    config = ModelConfig(("<blank>", "<UNK>", "你", "a"), unit_type="characters", maps=(4, 4, 8, 8), fc=8, rnn=8)
    save_model(AcousticModel(config), tmp_path / "a.safetensors", {})
    assert load_model(tmp_path / "a.safetensors").units.name == "characters"
    old = {name: value for name, value in CONFIG.to_dict().items() if name != "unit_type"}
    assert ModelConfig.from_dict(old) == CONFIG and CONFIG.unit_type == "pinyin"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"unit_type": "words"}, "unknown type of units 'words'; there is pinyin, characters"),
        ({"unit_type": "characters", "share_parts": True}, "characters have no parts that could share weights"),
    ],
)
def test_wrong_types_of_units_are_refused(options: dict, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        ModelConfig(("<blank>", "<UNK>", "你"), **options)
