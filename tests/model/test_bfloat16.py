"""Layers in bfloat16 on processors that multiply tiles of it, and when they are taken."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from ramospeech.errors import ModelError
from ramospeech.model import AcousticModel, ModelConfig
from ramospeech.model.export import export_onnx
from ramospeech.model.inference import type_of
from ramospeech.model.layers import bfloat16
from ramospeech.model.layers.bfloat16 import (
    Bfloat16Conv1d,
    Bfloat16FeedForward,
    Bfloat16Linear,
    fast_conv,
    fast_feed_forward,
    fast_linear,
    multiplies_bfloat16,
    packs_weights,
)

UNITS = ("<blank>", "<UNK>", "hao3", "ni3", "ma")
CPU = torch.device("cpu")


@pytest.fixture(params=[True, False], ids=["tiles", "no tiles"])
def tiles(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether the processor multiplies tiles: layers in bfloat16 work on all of them, only slower."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": request.param}, raising=False)
    multiplies_bfloat16.cache_clear()
    return bool(request.param)


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What is found of a pretended processor is not kept for other tests."""
    multiplies_bfloat16.cache_clear()
    yield
    multiplies_bfloat16.cache_clear()


@pytest.fixture(params=[True, False], ids=["packed", "plain"])
def packed(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether weights have the layout of oneDNN's kernels, which not all processors and versions of torch take."""
    if request.param and not packs_weights():
        pytest.skip("no packed weights here")
    monkeypatch.setattr(bfloat16, "packs_weights", lambda: request.param)
    return bool(request.param)


@pytest.mark.parametrize("shape", [(7, 40), (2, 3, 513), (1, 1, 8), (0, 40), (64, 8), (256, 8), (3, 113, 16), (321, 8)])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("gelu", [True, False])
def test_it_is_the_layer_in_fewer_bits(shape: tuple[int, ...], bias: bool, gelu: bool, packed: bool) -> None:
    torch.manual_seed(0)
    linear, x = nn.Linear(shape[-1], 20, bias=bias), torch.randn(shape)
    found = Bfloat16Linear(linear.weight, linear.bias, gelu)(x)
    assert found.dtype == torch.bfloat16 and found.shape == (*shape[:-1], 20)
    exact = nn.functional.linear(
        x.bfloat16().double(),
        linear.weight.detach().bfloat16().double(),
        None if linear.bias is None else linear.bias.detach().bfloat16().double(),
    )
    torch.testing.assert_close(found.double(), nn.functional.gelu(exact) if gelu else exact, atol=0.02, rtol=0.01)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_convolution_in_fewer_bits(stride: int, packed: bool) -> None:
    torch.manual_seed(0)
    for bias, shape in ((True, (2, 8, 301)), (False, (1, 8, 1)), (True, (1, 8, 600))):
        conv, x = nn.Conv1d(8, 12, 3, stride, padding=1, bias=bias), torch.randn(shape)
        expected = conv(x)
        found = Bfloat16Conv1d(conv)(x)
        assert found.dtype == torch.float32
        torch.testing.assert_close(found, nn.functional.gelu(expected), atol=0.02, rtol=0.02)
        with torch.autocast("cpu", torch.bfloat16):
            assert Bfloat16Conv1d(conv)(x).dtype == torch.bfloat16


@pytest.mark.parametrize("shape", [(7, 16), (2, 200, 16), (0, 3, 16)])
def test_a_feed_forward_network_in_fewer_bits(shape: tuple[int, ...], packed: bool) -> None:
    torch.manual_seed(0)
    first, second, x = nn.Linear(16, 40), nn.Linear(40, 12), torch.randn(shape)
    found = Bfloat16FeedForward(first, second)(x)
    assert found.shape == (*shape[:-1], 12)
    torch.testing.assert_close(found.float(), second(nn.functional.gelu(first(x))), atol=0.03, rtol=0.03)


def test_which_layer_a_processor_gets(tiles: bool) -> None:
    torch.manual_seed(0)
    linear, back, conv = nn.Linear(8, 4), nn.Linear(4, 8), nn.Conv1d(8, 4, 3)
    assert isinstance(fast_linear(linear), Bfloat16Linear) == tiles
    assert isinstance(fast_conv(conv), Bfloat16Conv1d) == tiles
    assert isinstance(fast_feed_forward(linear, back), Bfloat16FeedForward) == tiles
    x, frames = torch.randn(5, 8), torch.randn(1, 8, 9)
    between = nn.functional.gelu(linear(x))
    for found, expected in (
        (fast_linear(linear)(x), linear(x)),
        (fast_feed_forward(linear, back)(x), back(between)),
        (fast_conv(conv)(frames), nn.functional.gelu(conv(frames))),
    ):
        torch.testing.assert_close(found.float(), expected, atol=0.03, rtol=0.03)
    meta = nn.Linear(8, 4, device="meta")
    assert fast_linear(meta) is meta


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_under_autocast(precision: torch.dtype) -> None:
    torch.manual_seed(0)
    first, second, x = nn.Linear(8, 16), nn.Linear(16, 8), torch.randn(700, 8)
    expected = second(nn.functional.gelu(first(x)))
    with torch.autocast("cpu", precision):
        found = Bfloat16FeedForward(first, second)(x)
    assert found.dtype == precision
    torch.testing.assert_close(found.float(), expected, atol=0.03, rtol=0.03)


def test_a_model_made_ready_for_inference_is_not_exported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(bfloat16, "multiplies_bfloat16", lambda: True)
    model = AcousticModel(ModelConfig(UNITS, "whisper", width=64, layers=1, rnn=8)).eval()
    model.optimise_for_inference()
    with pytest.raises(ModelError, match="load it again to export it"):
        export_onnx(model, tmp_path / "model.onnx")


def test_auto_is_bfloat16_on_such_a_cpu_alone(tiles: bool) -> None:
    assert type_of("auto", CPU) == (torch.bfloat16 if tiles else None)
    assert type_of("auto", torch.device("cuda")) is None
    assert type_of("float32", CPU) is None
    assert type_of("fp16", torch.device("cuda")) == torch.float16


def test_a_torch_that_does_not_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert not multiplies_bfloat16()


def test_a_whisper_model_stays_near_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bfloat16, "multiplies_bfloat16", lambda: True)
    torch.manual_seed(0)
    model = AcousticModel(ModelConfig(UNITS, "whisper", width=128, layers=2, rnn=16, share_parts=True)).eval()
    clip = 0.1 * torch.randn(2, 32_000), torch.tensor([32_000, 20_000])
    with torch.inference_mode():
        expected, lengths = model(*clip)
        model.optimise_for_inference(exact_output=False)
        found, _ = model(*clip)
        with torch.autocast("cpu", torch.bfloat16):
            half, _ = model(*clip)
        alone, _ = model(clip[0][1:, :20_000], clip[1][1:])
    layers = sum(isinstance(module, Bfloat16Linear) for module in model.modules())
    assert layers == 8 + 2 + 1  # two convolutions and the output
    for each in (found, half.float()):
        assert (each.exp() - expected.exp()).abs().max() < 0.03
    torch.testing.assert_close(found[1, : lengths[1]], alone[0], atol=0.05, rtol=0.02)
