"""The encoders las and pyramidal: against torch's own layers on one clip, padding, gradients, sizes as printed."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ramospeech.errors import ModelError
from ramospeech.model import AcousticModel, ModelConfig
from ramospeech.model.encoders import Las, LasSizes, Pyramidal, PyramidalSizes
from ramospeech.model.layers.recurrent import Normalised

UNITS = ("<blank>", "<UNK>", *(f"u{i}" for i in range(6)))
KINDS = {
    "none": ("las", {"extractor": "none", "rnn_layers": 2}, 98),
    "vgg": ("las", {"extractor": "vgg", "rnn_layers": 2, "rnn_type": "lstm"}, 24),
    "deepspeech2": ("las", {"extractor": "deepspeech2", "rnn_layers": 1, "rnn_type": "rnn"}, 49),
    "conv1d": ("las", {"extractor": "conv1d", "rnn_layers": 1}, 49),
    "normalised": ("las", {"extractor": "conv1d", "rnn_layers": 2, "rnn_norm": True}, 49),
    "3 layers": ("pyramidal", {"channels": 8}, 12),
    "4 layers, stride 2": ("pyramidal", {"channels": 8, "pyramid_layers": 4, "stride": 2, "kernel": 3}, 3),
    "2 layers, normalised": ("pyramidal", {"channels": 8, "pyramid_layers": 2, "rnn_norm": True}, 24),
    "1 layer": ("pyramidal", {"channels": 8, "pyramid_layers": 1, "kernel": 1}, 49),
}
PRINTED_VGG = [
    nn.Conv2d(1, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64),
    nn.Conv2d(64, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64),
    nn.Conv2d(64, 128, 3, padding=1, bias=False), nn.BatchNorm2d(128),
    nn.Conv2d(128, 128, 3, padding=1, bias=False),
]  # fmt: skip


def new_model(kind: str) -> AcousticModel:
    torch.manual_seed(2)
    architecture, sizes, _ = KINDS[kind]
    model = AcousticModel(ModelConfig(UNITS, architecture, rnn=6, dropout=0.0, **sizes))
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.uniform_(-0.1, 0.1)
        elif name.endswith("running_var"):
            buffer.uniform_(0.1, 0.3)
    return model.double()


def speech(*samples: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return 0.1 * torch.randn(len(samples), max(samples), dtype=torch.float64, generator=generator), torch.tensor(
        samples
    )


def by_torch(encoder: Las | Pyramidal, features: Tensor) -> Tensor:
    """(1, T, F) of one clip, by torch's layers as they are printed: (1, T', D)."""
    below = encoder.extractor
    if isinstance(encoder, Las) and encoder.reduction == 4:
        layers = [
            below.convs[0], nn.Hardtanh(0, 20), below.norms[0], below.convs[1], nn.Hardtanh(0, 20), nn.MaxPool2d(2),
            below.norms[1], below.convs[2], nn.Hardtanh(0, 20), below.norms[2], below.convs[3], nn.Hardtanh(0, 20),
            nn.MaxPool2d(2),
        ]  # fmt: skip
        x = nn.Sequential(*layers)(features.unsqueeze(1)).transpose(1, 2).flatten(2)
    elif hasattr(below, "convs"):
        layers = [
            layer for pair in zip(below.convs, below.norms, [nn.Hardtanh(0, 20)] * 2, strict=True) for layer in pair
        ]
        x = nn.Sequential(*layers)(features.unsqueeze(1)).transpose(1, 2).flatten(2)
    elif hasattr(below, "conv"):
        x = below.conv(features.transpose(1, 2))
        norm = below.norm
        x = F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias)
        x = F.hardtanh(x, 0, 20).transpose(1, 2)
    else:
        x = features
    for rnn in [encoder.rnn] if isinstance(encoder, Las) else encoder.rnns:
        if isinstance(encoder, Pyramidal):
            x = x[:, : x.shape[1] // 2 * 2].reshape(1, x.shape[1] // 2, -1)
        normalised = isinstance(rnn, Normalised)
        for number, layer in enumerate(rnn.layers if normalised else [rnn]):
            kind = {"LSTM": nn.LSTM, "GRU": nn.GRU, "RNN_TANH": nn.RNN}[layer.mode]
            sizes = layer.input_size, layer.hidden_size, layer.num_layers
            plain = kind(*sizes, batch_first=True, bidirectional=True).double()
            plain.load_state_dict(layer.state_dict())
            x = plain(x)[0]
            if normalised:
                norm = rnn.norms[number]
                x = F.batch_norm(x.mT, norm.running_mean, norm.running_var, norm.weight, norm.bias).mT
    return x


@pytest.mark.parametrize("kind", KINDS)
def test_a_clip_alone_is_what_torch_makes_of_it(kind: str) -> None:
    model = new_model(kind).eval()
    waveforms, lengths = speech(16_000)
    states, frames = model.encode(waveforms, lengths)
    assert frames.tolist() == [states.shape[1]] == [KINDS[kind][2]] and states.shape[2] == 12 == model.encoder.dim
    assert states.shape[1] >= 98 // model.reduction and states.std(1).min() > 1e-4  # the frames differ
    torch.testing.assert_close(states, by_torch(model.encoder, model.features(waveforms, lengths)[0]))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("training", [False, True])
def test_padding_changes_nothing(kind: str, training: bool) -> None:
    """In training the statistics are those of the batch, so there the padding of the whole batch is compared."""
    model = new_model(kind).train(training)
    waveforms, lengths = speech(16_000, 9_100, 5_600)
    expected, frames = model.encode(waveforms, lengths)
    longer = torch.cat([waveforms, 7.0 * torch.ones(3, 4_000, dtype=torch.float64)], 1)
    longer[1, 9_100:], longer[2, 5_600:] = 7.0, -7.0
    found, again = model.encode(longer, lengths)
    assert frames.tolist() == again.tolist()
    for row, other, length in zip(found, expected, frames.tolist(), strict=True):
        torch.testing.assert_close(row[:length], other[:length], atol=1e-9, rtol=0)
    if not training:
        alone, _ = model.encode(waveforms[1:2, :9_100], lengths[1:2])
        torch.testing.assert_close(alone[0], expected[1, : frames[1]], atol=1e-9, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_all_weights(kind: str) -> None:
    model = new_model(kind).train()
    states, _ = model.encode(*speech(16_000, 9_000))
    (states * torch.randn_like(states)).sum().backward()
    for name, parameter in model.encoder.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all() and parameter.grad.any(), name


def test_the_printed_listener_and_speller() -> None:
    """KoSpeech's print: its listener, a VGG extractor and BiGRU(2560, 256) x 5, and its whole model."""
    with torch.device("meta"):
        printed = [*PRINTED_VGG, nn.GRU(2560, 256, num_layers=5, bidirectional=True)]
        listener = sum(parameter.numel() for layer in printed for parameter in layer.parameters())
        sizes = {"speller": 512, "speller_layers": 3, "speller_type": "gru", "speller_embedding": 512}
        sizes |= {"input_feeding": False, "attention_heads": 8, "attention_dim": 64}
        units = ("<blank>", "<UNK>", *map(str, range(2036)))
        model = AcousticModel(ModelConfig(units, "las", heads=("attention",), **sizes))
    assert sum(parameter.numel() for parameter in model.encoder.parameters()) == listener == 9_318_464
    assert model.num_parameters == 9_318_464 + 7_866_801
    assert (model.encoder.rnn.input_size, model.encoder.rnn.hidden_size, model.encoder.rnn.num_layers) == (2560, 256, 5)
    assert "BiGRU(2560, 256, num_layers=5, batch_first=True, dropout=0.3, bidirectional=True)" in model.tree()


@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_each_pyramidal_layer_halves_time(layers: int) -> None:
    encoder = Pyramidal(40, PyramidalSizes(channels=4, rnn=3, pyramid_layers=layers))
    _, frames = encoder(torch.randn(2, 67, 40), torch.tensor([67, 33]))
    assert frames.tolist() == [67 // 2**layers, 33 // 2**layers] and encoder.reduction == 2**layers


@pytest.mark.parametrize(
    ("architecture", "options", "message"),
    [
        ("las", {"extractor": "resnet"}, "extractor must be one of none, vgg, deepspeech2, conv1d"),
        ("las", {"rnn_type": "transformer"}, "rnn_type must be one of lstm, gru, rnn"),
        ("pyramidal", {"pyramid_layers": 0}, "pyramid_layers must be a whole number from 1"),
        ("pyramidal", {"kernel": 4}, "kernel must be odd, not 4"),
        ("pyramidal", {"rnn_layers": 4}, "options unknown.*rnn_layers"),
    ],
)
def test_sizes_that_cannot_be(architecture: str, options: dict, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        AcousticModel(ModelConfig(UNITS, architecture, **options))


def test_a_clip_too_short_is_named() -> None:
    with pytest.raises(ValueError, match="clip 1 of the batch has 3 frames, the model needs at least 4"):
        Las(80, LasSizes(rnn=4))(torch.zeros(2, 5, 80), torch.tensor([5, 3]))
    with pytest.raises(ValueError, match="clip 0 of the batch has 7 frames, the model needs at least 8"):
        Pyramidal(80, PyramidalSizes(rnn=4))(torch.zeros(1, 7, 80), torch.tensor([7]))
