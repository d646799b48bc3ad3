"""ONNX files: the same posteriors as torch's for any batch, and transcribing without torch."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from ramospeech.errors import ModelError, UsageError  # noqa: E402
from ramospeech.files import model_path, onnx_path  # noqa: E402
from ramospeech.model import AcousticModel, ModelConfig, load_model, save_model  # noqa: E402
from ramospeech.model.export import export_onnx, main  # noqa: E402
from ramospeech.onnx_model import KEY, OnnxModel  # noqa: E402
from ramospeech.pipeline import Transcriber  # noqa: E402

UNITS = ("<blank>", "<UNK>", "ma1", "ma3", "ni3", "hao3")
WHISPER = {"width": 64, "layers": 2, "rnn": 8}
DFCNN = {"maps": (4, 4, 8, 8), "fc": 16, "rnn": 8, "rnn_layers": 2}
TELEPHONE = {"sample_rate": 8000, "feature_bins": 81, "window_function": "hann", "pad_bins": False}
DEEPSPEECH = {"rnn": 8, "rnn_layers": 2}
KINDS = {
    "dfcnn": ("dfcnn", {**DFCNN, "share_parts": True}),
    "dfcnn of 4": ("dfcnn", {**DFCNN, "reduction": 4, "features": "spectrogram", "normalise": "clip"}),
    "deepspeech lstm": ("deepspeech", {**DEEPSPEECH, "rnn_type": "lstm"}),
    "deepspeech gru": ("deepspeech", {**DEEPSPEECH, "rnn_type": "gru", "features": "fbank", "normalise": "bin"}),
    "deepspeech rnn": ("deepspeech", {**DEEPSPEECH, "rnn_type": "rnn", "normalise": "none"}),
    "deepspeech2": ("deepspeech2", {**DEEPSPEECH, "conv_layers": 3, "bidirectional": False, "lookahead": 5}),
    "deepspeech2 gru of 8 kHz": ("deepspeech2", {**DEEPSPEECH, "rnn_type": "gru", "bidirectional": False, **TELEPHONE}),
    "mfcc": ("deepspeech", {**DEEPSPEECH, "rnn_bias": False, "features": "mfcc", "feature_bins": 13}),
    "whisper": ("whisper", WHISPER),
    "whisper bare": ("whisper", {**WHISPER, "rnn": 0, "mean_pairs": False}),
    "las": ("las", {"rnn": 8, "rnn_layers": 2}),
    "las conv1d": ("las", {"extractor": "conv1d", "rnn": 8, "rnn_layers": 1, "rnn_type": "rnn"}),
    "pyramidal": ("pyramidal", {"rnn": 8, "channels": 8, "pyramid_layers": 2, "stride": 2}),
    "with a speller": ("dfcnn", {**DFCNN, "heads": ("ctc", "attention")}),
    "whisper in blocks": ("whisper", {**WHISPER, "attention_window": 7, "pairs_after": 1, "rnn_layers": 2}),
}
# Samples of the clips of batches: alone, with padding, some of one frame of posteriors only.
BATCHES = ((16_000,), (8_123, 30_001, 16_160), (1_700, 1_700), (1_640, 64_000), (20_000, 19_999, 5_000, 48_000))


def small_model(kind: str) -> AcousticModel:
    """A network of random weights whose normalisations have met something."""
    torch.manual_seed(1)
    architecture, sizes = KINDS[kind]
    model = AcousticModel(ModelConfig(UNITS, architecture, **sizes))
    for name, buffer in model.named_buffers():
        if name.endswith("running_var"):
            buffer.uniform_(0.5, 2.0)
    return model.eval()


def clips(samples: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Noise of these lengths, with more noise behind it: what lies in the padding must not matter."""
    generator = np.random.default_rng(len(samples))
    waveforms = 0.1 * generator.standard_normal((len(samples), max(samples)))
    return waveforms.astype(np.float32), np.array(samples)


def torch_posteriors(model: AcousticModel, waveforms: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, list[int]]:
    with torch.inference_mode():
        log_probs, frames = model(torch.from_numpy(waveforms), torch.from_numpy(lengths))
    return log_probs.numpy(), frames.tolist()


def furthest(model: AcousticModel, exported: OnnxModel, samples: tuple[int, ...]) -> float:
    """The largest difference of a log-posterior in the clips of a batch."""
    waveforms, lengths = clips(samples)
    expected, frames = torch_posteriors(model, waveforms, lengths)
    found, lengths = exported.posteriors(waveforms, lengths)
    assert lengths.tolist() == frames and found.dtype == np.float32
    of_clips = zip(found, expected, frames, strict=True)
    return max(float(np.abs(a[:length] - b[:length]).max()) for a, b, length in of_clips)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """Exports a kind of model once."""
    folder, done = tmp_path_factory.mktemp("onnx"), {}

    def export(kind: str) -> tuple[AcousticModel, OnnxModel]:
        if kind not in done:
            model = small_model(kind)
            model.summary = {"steps": 3, "about": "耳"}
            export_onnx(model, folder / f"{kind}.onnx")
            done[kind] = model, OnnxModel(folder / f"{kind}.onnx", threads=1)
        return done[kind]

    return export


@pytest.mark.parametrize("samples", BATCHES, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_posteriors_are_those_of_torch(exported, kind, samples):
    assert furthest(*exported(kind), samples) < 1e-4


@pytest.mark.parametrize("kind", ["dfcnn", "whisper", "whisper in blocks"])
def test_the_file_stands_alone(exported, kind):
    model, found = exported(kind)
    assert found.vocabulary.units == UNITS and found.units is model.units
    for name in ("reduction", "seconds_per_frame", "min_samples", "max_frames", "silence", "summary"):
        assert getattr(found, name) == getattr(model, name), name
    for limit in (5.0, 100.0):
        assert found.piece_seconds(limit) == model.piece_seconds(limit)
    onnx.checker.check_model(onnx.load(found.path))
    entry = json.loads({p.key: p.value for p in onnx.load(found.path).metadata_props}[KEY])
    assert entry["config"]["units"] == list(UNITS) and entry["int8"] is False


def test_exporting_leaves_the_model_as_it_was(tmp_path):
    model = small_model("dfcnn")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    export_onnx(model, tmp_path / "a.onnx")
    assert before.keys() == model.state_dict().keys()
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("kind", ["dfcnn", "whisper"])
def test_int8_is_smaller_and_close(exported, tmp_path, kind):
    model, plain = exported(kind)
    export_onnx(model, tmp_path / "small.onnx", int8=True)
    small = OnnxModel(tmp_path / "small.onnx", threads=1)
    assert small.int8 and not plain.int8
    weights = [len(t.raw_data) for t in onnx.load(small.path).graph.initializer if t.data_type == onnx.TensorProto.INT8]
    assert sum(weights) > 1_000
    for samples in BATCHES[:3]:
        waveforms, lengths = clips(samples)
        a, b = (each.posteriors(waveforms, lengths)[0][0] for each in (plain, small))
        assert np.abs(np.exp(a) - np.exp(b)).max() < 0.1


def test_clips_that_the_model_cannot_take(exported):
    _, whisper = exported("whisper")
    with pytest.raises(ValueError, match="clip 1 of the batch has 100 samples, the model needs at least 640"):
        whisper.posteriors(np.zeros((2, 900), np.float32), np.array([900, 100]))
    with pytest.raises(ValueError, match="clip 0 of the batch has 480160 samples, the model takes at most 480000"):
        whisper.posteriors(np.zeros((1, 480_160), np.float32), np.array([480_160]))


@pytest.mark.parametrize("name", ["accurate", "dfcnn", "fast"])
@pytest.mark.slow
def test_the_shipped_models(tmp_path, name):
    """Rounding of float32 is larger here: torch's own log-posteriors are as far from those of float64."""
    model = load_model(model_path(name))
    export_onnx(model, tmp_path / "a.onnx")
    exported = OnnxModel(tmp_path / "a.onnx")
    for samples in BATCHES:
        waveforms, lengths = clips(samples)
        expected, frames = torch_posteriors(model, waveforms, lengths)
        found, _ = exported.posteriors(waveforms, lengths)
        for a, b, length in zip(found, expected, frames, strict=True):
            np.testing.assert_allclose(np.exp(a[:length]), np.exp(b[:length]), rtol=0, atol=1e-4)
            np.testing.assert_allclose(a[:length], b[:length], rtol=1e-4, atol=1e-4)


def test_the_program(tmp_path, capsys):
    save_model(small_model("dfcnn"), tmp_path / "runs" / "a.safetensors", {})
    assert main([str(tmp_path / "runs" / "a.safetensors")]) == 0
    assert (tmp_path / "runs" / "a.onnx").is_file() and "a.onnx" in capsys.readouterr().out
    assert main(["--int8", str(tmp_path / "runs" / "a.safetensors"), str(tmp_path / "b.onnx")]) == 0
    assert OnnxModel(tmp_path / "b.onnx").int8
    assert main([str(tmp_path / "runs" / "a.safetensors"), str(tmp_path / "b.bin")]) == 2
    assert "ends in .onnx" in capsys.readouterr().err
    assert main([str(tmp_path / "none.safetensors"), str(tmp_path / "b.onnx")]) == 2


@pytest.mark.parametrize("kind, says", (("las", False), ("with a speller", True)))
def test_that_the_attention_head_stays_behind_is_printed(kind, says, tmp_path, capsys):
    save_model(small_model(kind), tmp_path / "a.safetensors", {})
    assert main([str(tmp_path / "a.safetensors")]) == 0
    assert ("CTC head only" in capsys.readouterr().out) == says


def test_where_files_are_looked_for():
    assert onnx_path("accurate") == model_path("accurate").with_name("accurate.onnx")
    assert onnx_path("fast") == model_path("fast").with_name("fast.onnx")
    assert onnx_path("runs/a.b.safetensors") == Path("runs/a.b.onnx")
    assert onnx_path("runs/a.onnx") == Path("runs/a.onnx")


def foreign(path: Path) -> None:
    """An ONNX file of another program."""
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    other = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    graph = onnx.helper.make_graph([onnx.helper.make_node("Neg", ["x"], ["y"])], "g", [value], [other])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{", "its description is broken"),
        ("[]", "its description is broken"),
        ('{"format": 9, "version": "7.0"}', "export format 9 of ramospeech 7.0"),
        ('{"format": 1}', "its description is broken"),
        ('{"format": 1, "config": {"units": ["a"], "unit_type": "pinyin"}, "inference": {}}', "description is broken"),
    ],
)
def test_descriptions_that_cannot_be_used(exported, tmp_path, entry, message):
    _, found = exported("dfcnn")
    graph = onnx.load(found.path)
    onnx.helper.set_model_props(graph, {KEY: entry})
    onnx.save(graph, tmp_path / "a.onnx")
    with pytest.raises(ModelError, match=message) as error:
        OnnxModel(tmp_path / "a.onnx")
    assert "a.onnx" in str(error.value) and "\n" not in str(error.value)


def test_files_that_cannot_be_used(exported, tmp_path):
    _, found = exported("dfcnn")
    whole = found.path.read_bytes()
    (tmp_path / "half.onnx").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.onnx").write_text("not ONNX")
    (tmp_path / "empty.onnx").write_bytes(b"")
    foreign(tmp_path / "foreign.onnx")
    for name, message in (
        ("half", "truncated, or not an ONNX file"),
        ("text", "truncated, or not an ONNX file"),
        ("empty", "ONNX file"),
        ("foreign", "of another program"),
        ("none", "cannot be read .No such file or directory.; make it with: ramospeech export"),
    ):
        with pytest.raises(ModelError, match=message) as error:
            Transcriber.from_pretrained(tmp_path / f"{name}.onnx", translator=False)
        assert f"{name}.onnx" in str(error.value) and "\n" not in str(error.value)


def test_backends(tmp_path):
    save_model(small_model("whisper"), tmp_path / "a.safetensors", {"min_confidence": 0.0})
    with pytest.raises(ModelError, match=r"a\.onnx: cannot be read .*; make it with: ramospeech export"):
        Transcriber.from_pretrained(tmp_path / "a.safetensors", translator=False, backend="onnx")
    assert main([str(tmp_path / "a.safetensors")]) == 0
    generator = np.random.default_rng(0)
    sound = 0.1 * generator.standard_normal(30_000).astype(np.float32), 16_000
    by_torch = Transcriber.from_pretrained(tmp_path / "a.safetensors", translator=False)
    by_onnx = Transcriber.from_pretrained(tmp_path / "a.safetensors", translator=False, backend="onnx")
    assert isinstance(by_onnx.model, OnnxModel) and not isinstance(by_torch.model, OnnxModel)
    a, b = (each.transcribe(sound) for each in (by_torch, by_onnx))
    assert a.seconds == b.seconds and len(a.pinyin) and len(b.pinyin)
    given = sound[0][None], np.array([30_000])
    found, expected = (np.exp(each.recogniser.posteriors(*given)[0]) for each in (by_torch, by_onnx))
    assert np.abs(found - expected).max() < 0.03  # in bfloat16 or in 8 bits, and in float32
    with pytest.raises(UsageError, match="runs on the CPU; leave --device cuda out"):
        Transcriber.from_pretrained(tmp_path / "a.onnx", translator=False, device="cuda")
    with pytest.raises(UsageError, match="the model that it was exported from"):
        Transcriber.from_pretrained(tmp_path / "a.onnx", translator=False, backend="torch")


WITHOUT_TORCH = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name == "torch" or name.startswith("torch."):
            raise ModuleNotFoundError(f"No module named {name!r}", name="torch")
sys.meta_path.insert(0, Refuse())
from ramospeech.__main__ import main  # noqa: E402
status = main(sys.argv[1:])
assert "torch" not in sys.modules
sys.exit(status)
"""


def test_transcribing_needs_no_torch(root, exported, tmp_path):
    """With the n-gram translator and its second pass, and a beam search with hotwords."""
    _, found = exported("dfcnn")
    rng = np.random.default_rng(3)
    soundfile.write(tmp_path / "a.wav", 0.1 * rng.standard_normal(40_000), 16_000)

    def run(*words: object) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-c", WITHOUT_TORCH, "transcribe", *map(str, words), str(tmp_path / "a.wav")]
        return subprocess.run(line, cwd=root, capture_output=True, text=True, check=False)

    plain = ("--model", found.path, "--min_confidence", 0, "--format", "json")
    done = run(*plain, "--decoder", "beam", "--hotword", "ni3 hao3", "--threads", 1, "--punctuation")
    assert done.returncode == 0, done.stderr
    assert '"error": null' in done.stdout
    done = run("--model", "accurate")
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "a model file needs torch, which is not installed: pip install torch" in done.stderr
