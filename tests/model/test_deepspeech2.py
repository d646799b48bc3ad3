"""The encoder deepspeech2: against plain builds of torch, the sizes of the references, padding, and training."""

import math
from pathlib import Path

import pytest
import torch
from speech import make_corpus
from torch import Tensor, nn

from ramospeech.errors import ModelError
from ramospeech.model import AcousticModel, ModelConfig, load_model
from ramospeech.model.encoders import DeepSpeech2Sizes
from ramospeech.model.layers.recurrent import Forward, ForwardGRU, ForwardLSTM, ForwardRNN, Lookahead
from ramospeech.programs import train

UNITS = ("<blank>", "<UNK>", *(f"u{i}" for i in range(28)))
SMALL = {"rnn": 12, "rnn_layers": 2}
KINDS = {"lstm": nn.LSTM, "gru": nn.GRU, "rnn": nn.RNN}
ONE_WAY = {"bidirectional": False, "lookahead": 4}


class Plain(nn.Module):
    """deepspeech.pytorch's DeepSpeech in torch's own layers, for one clip without padding (bins, then frames)."""

    def __init__(self, bins: int, kind: str, cells: int, layers: int, convs: int, both: bool, context: int) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        channels = 1
        for width, kernel, stride in ((32, 41, 2), (32, 21, 1), (96, 21, 1))[:convs]:
            pad = kernel // 2, 5
            parts += [nn.Conv2d(channels, width, (kernel, 11), stride=(2, stride), padding=pad)]
            parts += [nn.BatchNorm2d(width), nn.Hardtanh(0, 20)]
            channels, bins = width, (bins - 1) // 2 + 1
        self.conv = nn.Sequential(*parts)
        self.rnns = nn.ModuleList(
            KINDS[kind](cells if i else channels * bins, cells, bidirectional=both) for i in range(layers)
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(cells) for _ in range(layers))
        self.lookahead = None if both else nn.Conv1d(cells, cells, context, groups=cells, bias=False)
        self.fc = nn.Linear(cells, len(UNITS), bias=False)

    def forward(self, features: Tensor) -> Tensor:
        x = self.conv(features.transpose(1, 2).unsqueeze(1))
        x = x.permute(3, 0, 1, 2).flatten(2)  # T', B, states
        for number, (rnn, norm) in enumerate(zip(self.rnns, self.norms, strict=True)):
            x = rnn(x)[0]
            if rnn.bidirectional:
                x = x.view(*x.shape[:2], 2, -1).sum(2)
            if self.lookahead is not None and number == len(self.rnns) - 1:
                future = [
                    sum(
                        self.lookahead.weight[:, 0, j] * (x[t + j] if t + j < len(x) else 0 * x[0])
                        for j in range(self.lookahead.kernel_size[0])
                    )
                    for t in range(len(x))
                ]
                x = torch.stack(future).clamp(0, 20)
            x = norm(x.flatten(0, 1)).view_as(x)
        return self.fc(x).transpose(0, 1)


def new_model(**options) -> AcousticModel:
    torch.manual_seed(2)
    model = AcousticModel(ModelConfig(UNITS, "deepspeech2", **(SMALL | options)))
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.uniform_(-0.1, 0.1)
        elif name.endswith("running_var"):
            buffer.uniform_(0.1, 0.3)
    return model


def weights_of(model: AcousticModel) -> dict[str, Tensor]:
    state = {}
    for name, tensor in model.state_dict().items():
        part, *rest = name.removeprefix("encoder.").split(".")
        if part in ("convs", "norms"):
            tensor = tensor.transpose(2, 3) if tensor.ndim == 4 else tensor
            state[".".join(["conv", str(3 * int(rest[0]) + (part == "norms")), *rest[1:]])] = tensor
        elif part == "heads":
            state["fc.weight"] = tensor
        elif part == "lookahead":
            state["lookahead.weight"] = tensor
        else:
            state[".".join([{"rnn_norms": "norms"}.get(part, part), *rest])] = tensor
    return state


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("convs", [2, 3])
@pytest.mark.parametrize("both", [True, False])
def test_it_is_the_published_network(kind: str, convs: int, both: bool) -> None:
    options = {} if both else ONE_WAY
    model = new_model(rnn_type=kind, conv_layers=convs, **options).double().eval()
    published = Plain(161, kind, 12, 2, convs, both, 4).double().eval()
    published.load_state_dict(weights_of(model))
    waveform = torch.randn(1, 9_000, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    found, frames = model(waveform, torch.tensor([9_000]))
    expected = published(model.features(waveform, torch.tensor([9_000]))[0]).log_softmax(-1)
    assert frames.tolist() == [found.shape[1]] == [28] and model.features.bins == 161
    assert expected.std(1).min() > 1e-4
    torch.testing.assert_close(found, expected, atol=1e-9, rtol=0)


@pytest.mark.parametrize(("convs", "inputs"), [(2, 32 * 41), (3, 96 * 21)])
def test_the_default_size_is_that_of_deepspeech_pytorch(convs: int, inputs: int) -> None:
    assert (DeepSpeech2Sizes().rnn, DeepSpeech2Sizes().rnn_layers, DeepSpeech2Sizes().rnn_type) == (1024, 5, "lstm")
    with torch.device("meta"):
        count = sum(p.numel() for p in Plain(161, "lstm", 1024, 5, convs, True, 0).parameters())
        model = AcousticModel(ModelConfig(UNITS, "deepspeech2", conv_layers=convs))
    assert model.encoder.rnns[0].input_size == inputs and model.num_parameters == count


def notebook(labels: int) -> nn.ModuleDict:
    """The layers that the notebook prints, with its arithmetic."""
    size = int(math.floor((16_000 * 0.02) / 2) + 1)
    size = int(math.floor(size - 41) / 2 + 1)
    size = int(math.floor(size - 21) / 2 + 1)
    assert size * 32 == 672
    conv = nn.Sequential(
        nn.Conv2d(1, 32, kernel_size=(41, 11), stride=(2, 2)), nn.BatchNorm2d(32),
        nn.Conv2d(32, 32, kernel_size=(21, 11), stride=(2, 1)), nn.BatchNorm2d(32),
    )  # fmt: skip
    rnns = nn.ModuleList(nn.LSTM(768 if i else 672, 768, bidirectional=True, bias=False) for i in range(5))
    norms = nn.ModuleList(nn.BatchNorm1d(768) for _ in range(4))
    fc = nn.Sequential(nn.BatchNorm1d(768), nn.Linear(768, labels, bias=False))
    return nn.ModuleDict({"conv": conv, "rnns": rnns, "norms": norms, "fc": fc})


def test_the_network_of_the_notebook_has_672_inputs_and_as_many_parameters() -> None:
    with torch.device("meta"):
        count = sum(p.numel() for p in notebook(len(UNITS)).parameters())
        framing = {"window_size": 20.0, "feature_bins": 161, "window_function": "hann"}
        model = AcousticModel(ModelConfig(UNITS, "deepspeech", **framing, rnn_bias=False, pad_bins=False))
    assert model.encoder.rnns[0].input_size == 672 == 32 * 21
    assert model.num_parameters == count == 46_877_984


@pytest.mark.parametrize(
    "options", [{}, ONE_WAY, {**ONE_WAY, "rnn_type": "gru"}, {"conv_layers": 3, "pad_bins": False}]
)
@pytest.mark.parametrize("training", [False, True])
def test_padding_changes_nothing(options: dict, training: bool) -> None:
    model = new_model(**options).double().train(training)
    generator = torch.Generator().manual_seed(1)
    waveforms = torch.randn(3, 9_000, dtype=torch.float64, generator=generator)
    lengths = torch.tensor([9_000, 5_600, 720])
    expected, frames = model(waveforms, lengths)
    longer = torch.cat([waveforms, torch.randn(3, 4_000, dtype=torch.float64, generator=generator)], 1)
    longer[1, 5_600:] = 7.0
    found, again = model(longer, lengths)
    assert frames.tolist() == again.tolist()
    for row, other, length in zip(found, expected, frames.tolist(), strict=True):
        torch.testing.assert_close(row[:length], other[:length], atol=1e-9, rtol=0)
    if not training:
        alone, _ = model(waveforms[1:2, :5_600], lengths[1:2])
        torch.testing.assert_close(alone[0], expected[1, : frames[1]], atol=1e-9, rtol=0)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_one_direction_looks_ahead_no_further_than_it_should(kind: str) -> None:
    encoder = new_model(rnn_type=kind, **ONE_WAY).encoder.double().eval()
    features = torch.randn(1, 100, 161, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    features.requires_grad_()
    states, _ = encoder(features, torch.tensor([100]))
    changed = torch.autograd.grad(states[0, 20].sum(), features)[0][0].abs().sum(1).nonzero().flatten()
    # Frame 20 + 3 of the lookahead reads 5 more of the second convolution, and each of these 2 t + 5 of the first.
    assert changed.max() == 2 * (20 + 3 + 5) + 5 and changed.min() == 0


@pytest.mark.parametrize(("layer", "plain"), [(ForwardLSTM, nn.LSTM), (ForwardGRU, nn.GRU), (ForwardRNN, nn.RNN)])
def test_layers_in_one_direction_are_those_of_torch(layer: type[Forward], plain: type[nn.RNNBase]) -> None:
    torch.manual_seed(0)
    ours, theirs = layer(5, 7), plain(5, 7, batch_first=True)
    theirs.load_state_dict(ours.state_dict())
    x, lengths = torch.randn(2, 9, 5), torch.tensor([9, 4])
    found = ours(x, lengths)
    for row, clip, length in zip(found, x, lengths, strict=True):
        torch.testing.assert_close(row[:length], theirs(clip[None, :length])[0][0])
        assert row[length:].eq(0).all()


def test_a_lookahead_of_one_frame_scales_states() -> None:
    layer = Lookahead(3, 1)
    x = torch.randn(2, 5, 3)
    torch.testing.assert_close(layer(x), x * layer.conv.weight[:, 0, 0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"conv_layers": 4}, "conv_layers must be one of 2, 3, not 4"),
        ({"lookahead": -1}, "lookahead must be a whole number from 0 to 256"),
        ({"pad_bins": False, "features": "fbank", "conv_layers": 3}, "3 convolutions without padding need 161 bins"),
        (
            {"pad_bins": False, "features": "mfcc"},
            "2 convolutions without padding need 81 bins, and the features have 13",
        ),
    ],
)
def test_sizes_that_cannot_be(options: dict, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        AcousticModel(ModelConfig(UNITS, "deepspeech2", **options))


def test_folded_batch_norm_gives_the_same() -> None:
    model = new_model(conv_layers=3, **ONE_WAY).double().eval()
    waveforms, lengths = torch.randn(2, 8_000, dtype=torch.float64), torch.tensor([8_000, 3_000])
    expected, frames = model(waveforms, lengths)
    model.optimise_for_inference()
    found, _ = model(waveforms, lengths)
    for row, other, length in zip(found, expected, frames.tolist(), strict=True):
        torch.testing.assert_close(row[:length], other[:length], atol=1e-9, rtol=0)


@pytest.mark.parametrize(
    "own",
    [
        ["--no-bidirectional", "--lookahead", "5", "--conv_layers", "3"],
        ["--rnn_type", "gru", "--sample_rate", "8000", "--feature_bins", "40", "--hop_size", "12.5"],
        ["--features", "mfcc", "--no-rnn_bias"],
    ],
)
def test_it_trains_resumes_and_keeps_its_features(tmp_path: Path, own: list[str], capsys) -> None:
    lists = make_corpus(tmp_path, clips=4)
    places = ["--config_path", str(lists), "--data_root", str(tmp_path / "audio"), "--model_path", str(tmp_path)]
    sizes = ["--model", "deepspeech2", "--rnn", "12", "--rnn_layers", "2", *own]
    options = [*places, *sizes, "--data_type", "tones", "--model_name", "ds", "--device", "cpu", "--threads", "1"]
    assert train.main([*options, "--epochs", "1"]) == 0
    model = load_model(tmp_path / "ds.last.safetensors")
    assert model.config.framing.window_size == 20.0
    assert model.seconds_per_frame == (0.025 if "--hop_size" in own else 0.02)
    if "--lookahead" in own:
        assert train.main([*options, "--epochs", "2", "--load_model"]) == 0
        assert load_model(tmp_path / "ds.last.safetensors").summary["epoch"] == 2
        capsys.readouterr()
        assert train.main([*options, "--epochs", "3", "--load_model", "--window_size", "25"]) == 2
        assert "window_size" in capsys.readouterr().err
