"""Whisper's encoder against openai's own, its padding, and its limits."""

import importlib
import importlib.metadata
import sys
import types
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ramospeech.errors import ModelError
from ramospeech.features import Features, LogMel
from ramospeech.model import AcousticModel, ModelConfig, WhisperEncoder
from ramospeech.model.encoders import WhisperSizes
from ramospeech.model.encoders.whisper import sinusoids
from ramospeech.model.pretrained import encoder_weights

UNITS = ("<blank>", "<UNK>", "hao3", "ni3", "ma")
SMALL = {"width": 64, "layers": 2, "rnn": 8, "dropout": 0.0}
BARE = {"mean_pairs": False, "rnn": 0}


@pytest.fixture(scope="module")
def openai() -> types.ModuleType:
    """The package openai-whisper; numba, which it needs for other things than its encoder, is stood in for."""
    try:
        importlib.metadata.version("openai-whisper")
    except importlib.metadata.PackageNotFoundError:
        pytest.skip("openai-whisper is not installed: pip install --no-deps openai-whisper tiktoken more-itertools")
    if "numba" not in sys.modules and importlib.util.find_spec("numba") is None:
        sys.modules["numba"] = stand_in = types.ModuleType("numba")
        stand_in.jit = lambda *_, **__: lambda function: function  # type: ignore[attr-defined]
    return importlib.import_module("whisper")


def randomised(module: nn.Module) -> nn.Module:
    """Weights as after training: not small, no zeros, no ones."""
    torch.manual_seed(0)
    for name, parameter in module.named_parameters():
        nn.init.normal_(parameter, 1.0 if "ln" in name and "weight" in name else 0.0, 0.5 / parameter.shape[-1] ** 0.5)
    return module.eval()


@pytest.mark.parametrize(
    ("bins", "width", "layers", "frames"),
    [(80, 384, 4, 3000), (80, 512, 6, 301), (128, 384, 4, 701), (80, 384, 4, 10), (80, 768, 12, 101)],
)
def test_random_weights_agree_with_openai(openai: Any, bins: int, width: int, layers: int, frames: int) -> None:
    theirs = randomised(openai.model.AudioEncoder(bins, 1500, width, width // 64, layers))
    ours = WhisperEncoder(bins, WhisperSizes(width, layers, **BARE)).eval()
    found = encoder_weights({f"encoder.{name}": tensor for name, tensor in theirs.state_dict().items()})
    ours.load_state_dict(found.weights)
    features = torch.randn(1, frames, bins)
    theirs.positional_embedding = theirs.positional_embedding[: (frames + 1) // 2]  # its own need all 1,500
    with torch.inference_mode():
        expected = theirs(features.transpose(1, 2))
        states, lengths = ours(features, torch.tensor([frames]))
    assert lengths.tolist() == [(frames + 1) // 2] and (found.width, found.layers, found.bins) == (width, layers, bins)
    torch.testing.assert_close(states, expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("bins", [80, 128])
def test_log_mel_is_that_of_openai(openai: Any, bins: int) -> None:
    torch.manual_seed(1)
    wave = 0.1 * torch.randn(16_000 * 3 + 77) * torch.linspace(0, 1, 16_000 * 3 + 77)
    expected = openai.log_mel_spectrogram(wave, n_mels=bins).T
    found, lengths = LogMel(bins)(wave[None], torch.tensor([len(wave)]))
    assert lengths.tolist() == [len(expected)] == [300]
    torch.testing.assert_close(found[0], expected, atol=2e-4, rtol=1e-4)


def model(**sizes: Any) -> AcousticModel:
    torch.manual_seed(0)
    return AcousticModel(ModelConfig(UNITS, "whisper", **{**SMALL, **sizes})).eval()


WINDOWED: list[dict[str, Any]] = [
    {"attention_window": 7},
    {"attention_window": 16, "layers": 3, "pairs_after": 1},
    {"layers": 3, "pairs_after": 2, "rnn": 0},
    {"attention_window": 5, **BARE},
]


@pytest.mark.parametrize("sizes", [{}, BARE, {"rnn": 0}, {"mean_pairs": False}, *WINDOWED], ids=str)
def test_a_clip_alone_is_a_clip_in_a_batch(sizes: dict[str, Any]) -> None:
    network = model(**sizes).double()
    network.features.extract.window = network.features.extract.window.double()
    samples = [16_000, 9_001, 3_359, 12_480, 640]
    batch = torch.full((5, 17_000), 7.0, dtype=torch.float64)  # garbage in the padding
    clips = [0.1 * torch.randn(size, dtype=torch.float64) for size in samples]
    for row, clip in zip(batch, clips, strict=True):
        row[: len(clip)] = clip
    together, lengths = network(batch, torch.tensor(samples))
    for row, clip, length in zip(together, clips, lengths.tolist(), strict=True):
        alone, frames = network(clip[None], torch.tensor([len(clip)]))
        assert frames.tolist() == [length] and length >= len(clip) // 160 // network.reduction >= 1
        torch.testing.assert_close(row[:length], alone[0], atol=1e-9, rtol=1e-9)


def test_garbage_in_the_padding_leaves_gradients_alone() -> None:
    network = model().double().encoder.train()
    results = []
    for garbage in (0.0, 5.0):
        features = torch.randn(2, 50, 80, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        features[1, 31:] = garbage
        states, lengths = network(features, torch.tensor([50, 31]))
        rows = torch.cat([row[:length] for row, length in zip(states, lengths.tolist(), strict=True)])
        results.append([rows, *torch.autograd.grad(rows.square().sum(), list(network.parameters()))])
    for first, second in zip(*results, strict=True):
        torch.testing.assert_close(first, second, atol=1e-9, rtol=1e-9)


def test_clips_of_up_to_30_seconds() -> None:
    network = model(mean_pairs=False, rnn=0, layers=1)
    log_probs, lengths = network(torch.randn(1, 480_000), torch.tensor([480_000]))
    assert lengths.tolist() == [1500] and log_probs.shape == (1, 1500, 5) and network.max_frames == 3000
    with pytest.raises(ValueError, match=r"clip 1 of the batch has 3001 frames, whisper takes at most 3000 \(30 s\)"):
        network(torch.randn(2, 480_160), torch.tensor([480_000, 480_160]))
    with pytest.raises(ValueError, match="clip 0 of the batch has 1 frames, the model needs at least 2"):
        network(torch.randn(1, 319), torch.tensor([319]))
    assert model().min_samples == 640 and model(**BARE).min_samples == 320


@pytest.mark.parametrize(("width", "message"), [(100, "width must be a multiple of 64"), (0, "width must be a whole")])
def test_widths_that_cannot_be(width: int, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        model(width=width)


def test_sizes_of_whisper_by_configuration_only() -> None:
    """Parameters of the encoder without the positions, as published files have them."""
    with torch.device("meta"):
        for width, layers, bins, parameters in ((1024, 24, 80, 305_680_384), (1280, 32, 128, 635_048_960)):
            encoder = WhisperEncoder(bins, WhisperSizes(width, layers, **BARE))
            counted = sum(parameter.numel() for parameter in encoder.parameters())
            biases = layers * width  # keys have a bias here, which is 0
            assert counted - biases == parameters


def test_learns_under_autocast_and_dropout() -> None:
    network = model(dropout=0.1).train()
    with torch.autocast("cpu", torch.bfloat16):
        log_probs, _ = network(torch.randn(2, 8000), torch.tensor([8000, 5000]))
    assert log_probs.dtype == torch.float32
    log_probs.sum().backward()
    assert all(isinstance(p.grad, Tensor) and bool(p.grad.isfinite().all()) for p in network.parameters())


def test_the_features_come_with_the_encoder() -> None:
    config = ModelConfig(UNITS, "whisper", **SMALL)
    assert (config.features, config.normalise) == ("log_mel", "none")
    assert Features("log_mel_128", "none").bins == 128


def plain(encoder: WhisperEncoder, features: Tensor, sizes: WhisperSizes) -> Tensor:
    """The states of one clip (1, T, F), by a mask over all pairs of frames and the means of pairs one by one."""

    def pairs(x: Tensor) -> Tensor:
        return torch.stack([(x[:, t] + x[:, t + 1]) / 2 for t in range(0, x.shape[1] - 1, 2)], 1)

    x = nn.functional.gelu(encoder.conv1(features.transpose(1, 2)))
    x = nn.functional.gelu(encoder.conv2(x)).transpose(1, 2)
    x = x + sinusoids(x.shape[1], x.shape[2]).to(x)
    for number, layer in enumerate(encoder.layers):
        if sizes.pairs_after and number == sizes.pairs_after:
            x = pairs(x)
        block = torch.arange(x.shape[1]) // (sizes.attention_window or x.shape[1])
        x = layer(x, (block[:, None] - block).abs()[None, None] <= 1)
    x = encoder.norm(x)
    if encoder.pair_norm is not None:
        x = encoder.pair_norm(x)
    if sizes.mean_pairs and not sizes.pairs_after:
        x = pairs(x)
    return x if encoder.rnn is None else encoder.rnn(x, torch.tensor([x.shape[1]]))


@pytest.mark.parametrize("sizes", WINDOWED, ids=str)
@pytest.mark.parametrize("frames", [4, 21, 30, 64, 101, 133])
def test_windows_and_early_means_are_those_of_a_plain_reference(sizes: dict[str, Any], frames: int) -> None:
    network = model(**sizes).double()
    features = torch.randn(1, frames, 80, dtype=torch.float64)
    states, lengths = network.encoder(features, torch.tensor([frames]))
    expected = plain(network.encoder, features, network.config.sizes)
    assert lengths.tolist() == [expected.shape[1]]
    torch.testing.assert_close(states, expected, atol=1e-9, rtol=1e-9)


def test_windows_reach_across_blocks_and_no_further() -> None:
    encoder = model(attention_window=4, layers=1, **BARE).double().encoder
    features = torch.randn(1, 48, 80, dtype=torch.float64, requires_grad=True)  # 24 frames, 6 blocks
    states, _ = encoder(features, torch.tensor([48]))
    states[0, 9].sum().backward()  # in the third block
    assert features.grad is not None
    reached = (features.grad[0].abs().sum(1) > 0).nonzero().flatten() // 2
    assert (int(reached.min()), int(reached.max())) == (3, 16)  # 4 to 15, and what the convolutions read beside them


@pytest.mark.parametrize("sizes", WINDOWED, ids=str)
def test_windowed_models_learn_in_batches_with_padding(sizes: dict[str, Any]) -> None:
    network = model(**sizes).train()
    features = torch.randn(3, 130, 80)
    states, lengths = network.encoder(features, torch.tensor([130, 41, 4]))
    sum(row[:length].square().sum() for row, length in zip(states, lengths.tolist(), strict=True)).backward()
    for name, parameter in network.encoder.named_parameters():
        assert parameter.grad is not None and bool(parameter.grad.isfinite().all()), name


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"pairs_after": 3}, "pairs_after is 3, and there are 2 layers; give fewer, or 0"),
        ({"pairs_after": 1, "mean_pairs": False}, "pairs_after is 1, and there is no mean of pairs"),
        ({"attention_window": -1}, "attention_window must be a whole number from 0 to 1500, not -1"),
    ],
)
def test_windows_and_means_that_cannot_be(sizes: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        model(**sizes)
