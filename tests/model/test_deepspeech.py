"""The encoder deepspeech: against a plain build of torch, padding, sizes, and through the programs."""

from pathlib import Path

import pytest
import torch
from speech import make_corpus
from torch import Tensor, nn

import speech2text
from ramospeech.errors import ModelError
from ramospeech.model import AcousticModel, ModelConfig, load_model
from ramospeech.model.encoders import DeepSpeech, DeepSpeechSizes
from ramospeech.programs import train

UNITS = ("<blank>", "<UNK>", *(f"u{i}" for i in range(28)))
SMALL = {"rnn": 12, "rnn_layers": 3}


class Plain(nn.Module):
    """The published network in torch's own layers, for one clip without padding (bins, then frames)."""

    def __init__(self, bins: int, kind: type[nn.RNNBase], cells: int, layers: int, units: int) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            nn.Conv2d(1, 32, (41, 11), stride=(2, 2), padding=(20, 5)), nn.BatchNorm2d(32), nn.Hardtanh(0, 20),
            nn.Conv2d(32, 32, (21, 11), stride=(2, 1), padding=(10, 5)), nn.BatchNorm2d(32), nn.Hardtanh(0, 20),
        )  # fmt: skip
        inputs = 32 * (((bins - 1) // 2 + 1 - 1) // 2 + 1)
        self.rnns = nn.ModuleList(kind(cells if i else inputs, cells, bidirectional=True) for i in range(layers))
        self.norms = nn.ModuleList(nn.BatchNorm1d(cells) for _ in range(layers))  # the last one is that of `fc`
        self.fc = nn.Linear(cells, units, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """(1, T, F) -> scores (1, T', V)."""
        x = self.conv(features.transpose(1, 2).unsqueeze(1))
        x = x.permute(3, 0, 1, 2).flatten(2)
        for rnn, norm in zip(self.rnns, self.norms, strict=True):
            x = rnn(x)[0]
            x = x.view(*x.shape[:2], 2, -1).sum(2)
            x = norm(x.flatten(0, 1)).view_as(x)
        return self.fc(x).transpose(0, 1)


def weights_of(model: AcousticModel) -> dict[str, Tensor]:
    """The weights of a model by the names of `Plain`."""
    state = {}
    for name, tensor in model.state_dict().items():
        part, *rest = name.removeprefix("encoder.").split(".")
        if part in ("convs", "norms"):
            place = 3 * int(rest[0]) + (part == "norms")
            tensor = tensor.transpose(2, 3) if tensor.ndim == 4 else tensor
            state[".".join(["conv", str(place), *rest[1:]])] = tensor
        elif part == "heads":
            state["fc.weight"] = tensor
        else:
            state[".".join([{"rnn_norms": "norms"}.get(part, part), *rest])] = tensor
    return state


def new_model(**options) -> AcousticModel:
    torch.manual_seed(2)
    model = AcousticModel(ModelConfig(UNITS, "deepspeech", **(SMALL | options)))
    for name, buffer in model.named_buffers():  # so that about half of what the clipped ReLU sees is above 0
        if name.endswith("running_mean"):
            buffer.uniform_(-0.1, 0.1)
        elif name.endswith("running_var"):
            buffer.uniform_(0.1, 0.3)
    return model


@pytest.mark.parametrize(("kind", "plain"), [("lstm", nn.LSTM), ("gru", nn.GRU), ("rnn", nn.RNN)])
@pytest.mark.parametrize("features", ["spectrogram", "fbank"])
def test_it_is_the_published_network(kind: str, plain: type[nn.RNNBase], features: str) -> None:
    model = new_model(rnn_type=kind, features=features).double().eval()
    published = Plain(model.features.bins, plain, 12, 3, len(UNITS)).double().eval()
    published.load_state_dict(weights_of(model))
    waveform = torch.randn(1, 9_000, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found, frames = model(waveform, torch.tensor([9_000]))
    expected = published(model.features(waveform, torch.tensor([9_000]))[0]).log_softmax(-1)
    assert frames.tolist() == [found.shape[1]] == [27]
    assert expected.std(1).min() > 1e-4  # the frames differ
    torch.testing.assert_close(found, expected, atol=1e-9, rtol=0)


def test_the_default_size_is_the_published_one() -> None:
    assert (DeepSpeechSizes().rnn, DeepSpeechSizes().rnn_layers, DeepSpeechSizes().rnn_type) == (768, 5, "lstm")
    with torch.device("meta"):
        count = sum(p.numel() for p in Plain(200, nn.LSTM, 768, 5, len(UNITS)).parameters())
        model = AcousticModel(ModelConfig(UNITS, "deepspeech"))
    assert model.num_parameters == count and model.ctc.output.bias is None


@pytest.mark.parametrize("kind", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("training", [False, True])
def test_padding_changes_nothing(kind: str, training: bool) -> None:
    """In training the statistics are those of the batch, so there the padding of the whole batch is compared."""
    model = new_model(rnn_type=kind).double().train(training)
    generator = torch.Generator().manual_seed(1)
    waveforms = torch.randn(3, 9_000, dtype=torch.float64, generator=generator)
    lengths = torch.tensor([9_000, 5_600, 720])
    expected, frames = model(waveforms, lengths)
    longer = torch.cat([waveforms, torch.randn(3, 4_000, dtype=torch.float64, generator=generator)], 1)
    longer[1, 5_600:] = 7.0
    found, again = model(longer, lengths)
    assert frames.tolist() == again.tolist() == [27, 17, 2]
    for row, other, length in zip(found, expected, frames.tolist(), strict=True):
        torch.testing.assert_close(row[:length], other[:length], atol=1e-9, rtol=0)
    if not training:
        alone, _ = model(waveforms[1:2, :5_600], lengths[1:2])
        torch.testing.assert_close(alone[0], expected[1, :17], atol=1e-9, rtol=0)


def test_gradients_of_all_weights() -> None:
    model = new_model(rnn_type="gru").train()
    log_probs, _ = model(torch.randn(2, 8_000), torch.tensor([8_000, 6_000]))
    (log_probs * torch.randn_like(log_probs)).sum().backward()
    for name, parameter in model.named_parameters():
        assert not parameter.requires_grad or (parameter.grad is not None and parameter.grad.isfinite().all()), name
    assert {n for n, p in model.named_parameters() if not p.requires_grad} == {
        f"encoder.convs.{i}.bias" for i in (0, 1)
    }


def test_folded_batch_norm_gives_the_same() -> None:
    model = new_model().double().eval()
    waveforms, lengths = torch.randn(2, 8_000, dtype=torch.float64), torch.tensor([8_000, 3_000])
    expected, frames = model(waveforms, lengths)
    model.optimise_for_inference()
    found, _ = model(waveforms, lengths)
    for row, other, length in zip(found, expected, frames.tolist(), strict=True):
        torch.testing.assert_close(row[:length], other[:length], atol=1e-9, rtol=0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rnn_type": "transformer"}, "rnn_type must be one of lstm, gru, rnn"),
        ({"rnn": 0}, "rnn must be"),
        ({"maps": (1, 2, 3, 4)}, "maps"),
    ],
)
def test_sizes_that_cannot_be(options: dict, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        ModelConfig(UNITS, "deepspeech", **options)


def test_a_clip_too_short_is_named() -> None:
    encoder = DeepSpeech(80, DeepSpeechSizes(**SMALL))
    with pytest.raises(ValueError, match="clip 1 of the batch has 1 frames"):
        encoder(torch.zeros(2, 5, 80), torch.tensor([5, 1]))


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_it_trains_resumes_and_transcribes(tmp_path: Path, kind: str, capsys: pytest.CaptureFixture) -> None:
    lists = make_corpus(tmp_path, clips=8)
    places = ["--config_path", str(lists), "--data_root", str(tmp_path / "audio"), "--model_path", str(tmp_path)]
    sizes = ["--model", "deepspeech", "--rnn", "16", "--rnn_layers", "2", "--rnn_type", kind, "--features", "fbank"]
    options = [*places, *sizes, "--data_type", "tones", "--model_name", "ds", "--device", "cpu", "--threads", "1"]
    assert train.main([*options, "--epochs", "1"]) == 0
    assert train.main([*options, "--epochs", "2", "--load_model"]) == 0
    model = load_model(tmp_path / "ds.last.safetensors")
    assert model.config.architecture == "deepspeech" and model.config.sizes.rnn_type == kind
    assert model.summary["epoch"] == 2
    capsys.readouterr()
    words = [str(tmp_path / "audio" / "dev0.wav"), "--model", str(tmp_path / "ds.last.safetensors"), "--format", "json"]
    assert speech2text.main(words) == 0
    assert '"seconds"' in capsys.readouterr().out
