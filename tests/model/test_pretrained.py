"""Weights to start from: our own files, and Whisper's in each format in which they are published."""

import struct
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from ramospeech.errors import ModelError
from ramospeech.model import AcousticModel, ModelConfig, load_model, save_model
from ramospeech.model.encoders.whisper import sinusoids
from ramospeech.model.pretrained import conversion, initial_model, model_path, weights_in

UNITS = ("<blank>", "<UNK>", "hao3", "ni3", "ma")
WIDTH, LAYERS = 64, 2


@pytest.fixture(scope="module")
def source() -> AcousticModel:
    torch.manual_seed(0)
    return AcousticModel(ModelConfig(UNITS, "whisper", width=WIDTH, layers=LAYERS, rnn=0)).eval()


def published(source: AcousticModel, prefix: str, names: dict[str, str], qkv: tuple[str, ...]) -> dict[str, Tensor]:
    """The encoder's weights under other names, queries, keys and values apart if `qkv` names three."""
    found: dict[str, Tensor] = {}
    for name, tensor in source.encoder.state_dict().items():
        if name.startswith("pair_norm"):
            continue
        for ours, theirs in names.items():
            name = name.replace(ours, theirs)
        if ".qkv." in name and len(qkv) == 3:
            if name.endswith("bias"):
                tensor = tensor.clone()
                tensor[WIDTH : 2 * WIDTH] = 0  # keys have no bias there
            for part, piece in zip(qkv, tensor.chunk(3), strict=True):
                if part != qkv[1] or name.endswith("weight"):
                    found[prefix + name.replace("qkv", part)] = piece.contiguous()
        else:
            found[prefix + name.replace("qkv", qkv[0])] = tensor
    return found


OPENAI = {
    "layers.": "blocks.",
    "attention_norm": "attn_ln",
    "feed_norm": "mlp_ln",
    ".out.": ".attn.out.",
    "fc1": "mlp.0",
    "fc2": "mlp.2",
}
HUGGING = {"attention_norm": "self_attn_layer_norm", "feed_norm": "final_layer_norm", ".out.": ".self_attn.out_proj."}
EXTRACTED = {
    "attention_norm": "self_attention.layer_norm",
    "feed_norm": "ffn.layer_norm",
    ".out.": ".self_attention.linear_1.",
    "fc1": "ffn.linear_0",
    "fc2": "ffn.linear_1",
}


def openai(source: AcousticModel) -> dict[str, Tensor]:
    tensors = published(source, "encoder.", OPENAI, ("attn.query", "attn.key", "attn.value"))
    tensors = {name.replace("encoder.norm.", "encoder.ln_post."): tensor for name, tensor in tensors.items()}
    return tensors | {
        "encoder.positional_embedding": sinusoids(1500, WIDTH),
        "decoder.token_embedding.weight": torch.ones(2),
    }


def hugging_face(source: AcousticModel) -> dict[str, Tensor]:
    parts = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
    tensors = published(source, "model.encoder.", HUGGING, parts)
    tensors = {name.replace("encoder.norm.", "encoder.layer_norm."): tensor for name, tensor in tensors.items()}
    positions = {"model.encoder.embed_positions.weight": sinusoids(1500, WIDTH)}
    return tensors | positions | {"model.decoder.layers.0.fc1.weight": torch.ones(2)}


def extracted(source: AcousticModel) -> dict[str, Tensor]:
    tensors = published(source, "", EXTRACTED, ("self_attention.linear_0",))
    tensors = {f"layer_{name}" if name.startswith("norm.") else name: tensor for name, tensor in tensors.items()}
    return {name: tensor.half() for name, tensor in {**tensors, "positions": sinusoids(1500, WIDTH)}.items()}


def ctranslate2(source: AcousticModel, path: Path) -> None:
    """A model.bin as CTranslate2 4 writes it, with matrices of linear layers in int8."""
    variables: list[tuple[str, np.ndarray]] = []
    for name, tensor in extracted(source).items():
        name = name.replace("layers.", "layer_", 1).replace(".", "/")
        if "norm" in name:
            name = name.replace("/weight", "/gamma").replace("/bias", "/beta")
        name = name.replace("positions", "position_encodings/encodings")
        values = tensor.float().numpy()
        if "linear" in name and values.ndim == 2:
            scale = 127 / np.abs(values).max(1)
            variables.append((f"encoder/{name}", np.round(values * scale[:, None]).astype(np.int8)))
            variables.append((f"encoder/{name}_scale", scale.astype(np.float32)))
        else:
            variables.append((f"encoder/{name}", values))
    variables += [
        ("encoder/num_heads", np.array(1, np.int16)),
        ("decoder/embeddings/weight", np.ones((3, 2), np.float32)),
    ]
    kinds = {"float32": 0, "int8": 1, "int16": 2}

    def text(value: str) -> bytes:
        return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"

    content = struct.pack("<I", 6) + text("WhisperSpec") + struct.pack("<II", 3, len(variables))
    for name, values in variables:
        content += text(name) + struct.pack(f"<B{values.ndim}I", values.ndim, *values.shape)
        content += struct.pack("<BI", kinds[values.dtype.name], values.nbytes) + values.tobytes()
    path.write_bytes(content)


def states(model: AcousticModel) -> Tensor:
    features = torch.randn(1, 90, 80, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        return model.eval().encoder.transform(features, torch.tensor([90]))[0]  # type: ignore[operator]


@pytest.mark.parametrize("kind", ["openai", "hugging_face", "folder", "shards", "extracted", "ctranslate2"])
def test_each_format_gives_the_same_states(source: AcousticModel, tmp_path: Path, kind: str) -> None:
    path, tolerance = tmp_path / "w.safetensors", 1e-5
    if kind == "ctranslate2":
        path, tolerance = tmp_path / "model.bin", 0.1
        ctranslate2(source, path)
    elif kind == "extracted":
        tolerance = 0.01
        save_file(extracted(source), path)
    elif kind == "shards":
        tensors = hugging_face(source)
        for number in range(2):
            save_file(dict(list(tensors.items())[number::2]), tmp_path / f"model-0000{number}-of-00002.safetensors")
        path = tmp_path
    else:
        save_file(openai(source) if kind == "openai" else hugging_face(source), path)
        path = tmp_path if kind == "folder" else path
    keyless = AcousticModel(source.config)
    keyless.load_state_dict(source.state_dict())
    if kind not in ("extracted", "ctranslate2"):
        for layer in keyless.encoder.layers:  # type: ignore[union-attr]
            layer.qkv.bias.data[WIDTH : 2 * WIDTH] = 0
    started = initial_model(path, UNITS, {"rnn": 8, "dropout": 0.3})
    assert started.config == ModelConfig(UNITS, "whisper", width=WIDTH, layers=LAYERS, rnn=8, dropout=0.3)
    torch.testing.assert_close(states(started), states(keyless), atol=tolerance, rtol=tolerance)


def test_128_bins_choose_their_features(tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = ModelConfig(UNITS, "whisper", "log_mel_128", width=WIDTH, layers=1, rnn=0)
    save_file(hugging_face(AcousticModel(config)), tmp_path / "w.safetensors")
    assert initial_model(tmp_path / "w.safetensors", UNITS, {}).config.features == "log_mel_128"
    with pytest.raises(ModelError, match="has features log_mel_128, and --features log_mel was given; leave"):
        initial_model(tmp_path / "w.safetensors", UNITS, {"features": "log_mel"})


@pytest.mark.parametrize("architecture", ["whisper", "dfcnn"])
def test_our_own_files_bring_everything(tmp_path: Path, architecture: str) -> None:
    sizes: dict[str, Any] = {
        "whisper": {"width": 64, "layers": 1, "rnn": 4},
        "dfcnn": {"fc": 6, "rnn": 5, "rnn_layers": 1},
    }
    units = ("<blank>", "<UNK>", "ma1", "ma2")
    model = AcousticModel(ModelConfig(units, architecture, share_parts=True, **sizes[architecture])).eval()
    save_model(model, tmp_path / "m.safetensors", {"steps": 9})
    started = initial_model(tmp_path / "m.safetensors", units, {"dropout": 0.2, "share_parts": True}).eval()
    assert started.config.units == units and started.config.share_parts
    found = vars(started.config.sizes)
    assert found.get("dropout_scale", found.get("dropout")) == 0.2  # the scale by its name in version 0.1
    assert started.config.matches(model.config) and not started.summary
    clip = torch.randn(1, 16_000), torch.tensor([16_000])
    torch.testing.assert_close(started(*clip)[0], model(*clip)[0])
    for given, message in (
        ({"rnn": 8}, r"m\.safetensors: has rnn [45], and --rnn 8 was given; leave that option out"),
        ({"features": "spectrogram"}, "has features .*, and --features spectrogram was given"),
        ({"architecture": "deepspeech"}, f"has model {architecture}, and --model deepspeech was given"),
        ({"share_parts": False}, "has share_parts True, and --share_parts False"),
        ({"beams": 3}, f"is a {architecture}, which has no beams, and --beams 3"),
    ):
        with pytest.raises(ModelError, match=message):
            initial_model(tmp_path / "m.safetensors", units, given)


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("after", [True, False])
def test_other_units_keep_the_scores_of_those_that_are_known(tmp_path: Path, before: bool, after: bool) -> None:
    """Whether the output layers shared parts before, or share them now."""
    units = ("<blank>", "<UNK>", "ma1", "hao3", "ni3")
    sizes: dict[str, Any] = {"fc": 6, "rnn": 5, "rnn_layers": 1, "speller": 7, "speller_embedding": 4}
    config = ModelConfig(units, heads=("ctc", "attention"), share_parts=before, **sizes)
    torch.manual_seed(1)
    model = AcousticModel(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, 0, 0.2)
    save_model(model, tmp_path / "m.safetensors", {})
    mixed = ("<blank>", "<UNK>", "ni3", "ma3", "▁app", "ma1")
    given = {"unit_type": "mixed", "share_parts": after}
    started = initial_model(tmp_path / "m.safetensors", mixed, given).eval()
    assert started.config.unit_type == "mixed" and started.config.share_parts is after
    assert started.new_units == ("ma3", "▁app")
    known, there = [0, 1, 2, 5], [0, 1, 4, 2]
    states = torch.randn(3, 6)
    scores, was = started.ctc.output(states), model.ctc.output(states)
    torch.testing.assert_close(scores[:, known], was[:, there], atol=1e-5, rtol=1e-5)
    assert scores[:, 3].std() > 0
    spoken = torch.randn(3, 7)
    scores, was = started.attention.output(spoken), model.attention.output(spoken)
    torch.testing.assert_close(scores[:, known], was[:, there], atol=1e-5, rtol=1e-5)
    assert torch.equal(started.attention.embedding.weight[known], model.attention.embedding.weight[there])
    for name, tensor in model.state_dict().items():
        if ".output." not in name and ".embedding." not in name:
            assert torch.equal(started.state_dict()[name], tensor)
    brought = weights_in(tmp_path / "m.safetensors", mixed)
    assert "heads.attention.combine.weight" in brought and "encoder.fc1.weight" in brought
    assert not [name for name in brought if ".output." in name or ".embedding." in name]
    assert weights_in(tmp_path / "m.safetensors", units) == set(model.state_dict())


def test_units_without_parts_share_none(tmp_path: Path) -> None:
    units = ("<blank>", "<UNK>", "ma1", "hao3")
    save_model(
        AcousticModel(ModelConfig(units, fc=6, rnn=5, rnn_layers=1, share_parts=True)), tmp_path / "m.safetensors", {}
    )
    started = initial_model(tmp_path / "m.safetensors", ("<blank>", "<UNK>", "好"), {"unit_type": "characters"})
    assert not started.config.share_parts and started.new_units == ("好",)
    same = initial_model(tmp_path / "m.safetensors", units, {"unit_type": "mixed"})  # of lists without Latin words
    assert same.config.unit_type == "mixed" and same.config.share_parts and not same.new_units


def test_windows_and_early_means_take_the_weights_of_a_file_without(tmp_path: Path) -> None:
    model = AcousticModel(ModelConfig(UNITS, "whisper", width=64, layers=2, rnn=4))
    save_model(model, tmp_path / "m.safetensors", {})
    started = initial_model(tmp_path / "m.safetensors", UNITS, {"attention_window": 32, "pairs_after": 1})
    assert started.config.sizes == replace(model.config.sizes, attention_window=32, pairs_after=1)
    assert started.changed == {"attention_window": 0, "pairs_after": 0}
    for name, tensor in started.state_dict().items():
        assert torch.equal(tensor, model.state_dict()[name])
    same = initial_model(tmp_path / "m.safetensors", UNITS, {"attention_window": 0})
    assert same.changed == {} and same.config == model.config
    save_model(started, tmp_path / "windowed.safetensors", {})
    assert load_model(tmp_path / "windowed.safetensors").config == started.config


def test_a_pickle_is_refused_with_the_command_that_converts_it(source: AcousticModel, tmp_path: Path) -> None:
    state = {**openai(source), "decoder.x": torch.ones(1)}
    for name, content in (
        ("tiny.pt", {"dims": {"n_mels": 80}, "model_state_dict": state}),
        ("pytorch_model.bin", state),
    ):
        path = tmp_path / name
        torch.save(content, path)
        with pytest.raises(ModelError, match="a pickle, which could run code when loaded; convert it with: python -c"):
            initial_model(path, UNITS, {})
        command = conversion(path).replace("python", str(Path(".venv/bin/python").absolute()), 1)
        subprocess.run(command, shell=True, check=True, timeout=300)
        assert initial_model(path.with_suffix(".safetensors"), UNITS, {}).config.sizes.layers == LAYERS


def test_a_training_state_is_refused_with_its_model(tmp_path: Path) -> None:
    torch.save({"model": {}}, tmp_path / "mine.state.pt")
    with pytest.raises(ModelError, match=r"the state of a run, no model; give .* beside it: .*/mine\.safetensors$"):
        initial_model(tmp_path / "mine.state.pt", UNITS, {})


@pytest.mark.parametrize("kind", ["ours", "whisper"])
def test_the_lowest_layers_of_a_deeper_model(source: AcousticModel, tmp_path: Path, kind: str) -> None:
    model = AcousticModel(ModelConfig(UNITS, "whisper", width=64, layers=2, rnn=4))
    path = tmp_path / "m.safetensors"
    if kind == "ours":
        save_model(model, path, {})
    else:
        model = source
        save_file(hugging_face(source), path)
    started = initial_model(path, UNITS, {"layers": 1})
    assert started.config.sizes.layers == 1 < model.config.sizes.layers
    for name, tensor in model.encoder.layers[0].state_dict().items():
        if name != "qkv.bias":  # Whisper's keys have none
            assert torch.equal(started.encoder.layers[0].state_dict()[name], tensor)
    assert torch.equal(started.encoder.norm.weight, model.encoder.norm.weight)
    if kind == "ours":
        assert started.changed == {"layers": 2}
        assert torch.equal(started.ctc.output.weight, model.ctc.output.weight)
        assert initial_model(path, UNITS, {"layers": 1, "pairs_after": 1}).config.sizes.pairs_after == 1
    deeper = model.config.sizes.layers
    with pytest.raises(ModelError, match=f"has layers {deeper}, and --layers {deeper + 1} was given; leave that"):
        initial_model(path, UNITS, {"layers": deeper + 1})


def test_files_that_cannot_be_started_from(source: AcousticModel, tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    good = hugging_face(source)

    def refused(tensors: dict[str, Tensor], message: str, **given: Any) -> None:
        save_file(tensors, path)
        with pytest.raises(ModelError, match=message) as caught:
            initial_model(path, UNITS, given)
        assert str(caught.value).startswith(f"{path}: ") and "\n" not in str(caught.value)

    refused({"bert.embeddings.weight": torch.ones(2)}, "holds no encoder that is known here")
    refused({k: v for k, v in good.items() if "layers.0.fc1" not in k}, r"incomplete: layers\.0\.fc1\.\w+ is missing")
    refused({**good, "model.encoder.conv2.weight": torch.ones(3, 3, 3)}, r"incomplete: conv2\.weight is missing or of")
    refused({**good, "model.encoder.embed_positions.weight": torch.ones(1500, WIDTH)}, "its positions are not the 1500")
    refused(good, "has width 64, and --width 512 was given; leave that option out", width=512)
    refused(good, "has model whisper, and --model dfcnn was given", architecture="dfcnn")
    refused(
        {**good, "model.encoder.conv1.weight": torch.ones(WIDTH, 60, 3)}, "reads 60 mel bins; features have 80 or 128"
    )
    content = path.read_bytes()
    for broken in (b"", content[:100], b"RIFF" + content):
        path.write_bytes(broken)
        with pytest.raises(ModelError, match="truncated, or not weights of a kind that is known here"):
            initial_model(path, UNITS, {})
    ctranslate2(source, path)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(ModelError, match="truncated, or not weights"):
        initial_model(path, UNITS, {})
    with pytest.raises(ModelError, match="check the path"):
        initial_model(tmp_path / "none", UNITS, {})
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match=r"no \.safetensors and no model\.bin in this folder"):
        initial_model(tmp_path / "empty", UNITS, {})


def test_names_of_shipped_models() -> None:
    for name in ("accurate", "fast", "dfcnn"):
        assert model_path(name).name == f"{name}.safetensors" and model_path(name).is_file()
    assert model_path("runs/fast") == Path("runs/fast")
