"""Linear layers in 8 bits: exact sums, rows that do not depend on each other, and processors that overflow."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from ramospeech.model import AcousticModel, ModelConfig, load_model, save_model
from ramospeech.model.layers import bfloat16, int8
from ramospeech.model.layers.int8 import KERNELS, Int8Linear, Kernel, int8_kernel, int8_linear

UNITS = ("<blank>", "<UNK>", "hao3", "ni3", "ma")


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Processors that do not multiply bfloat16, which comes first."""
    monkeypatch.setattr(bfloat16, "multiplies_bfloat16", lambda: False)
    int8_kernel.cache_clear()
    if not int8_kernel():
        pytest.skip("torch has no exact 8-bit products on this processor")
    yield
    int8_kernel.cache_clear()


@pytest.fixture(params=range(len(KERNELS)))
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    """Each that is exact here, as the only one there is."""
    monkeypatch.setattr(int8, "KERNELS", (KERNELS[request.param],))
    int8_kernel.cache_clear()
    found = int8_kernel()
    if found is None:
        pytest.skip("not exact on this processor")
    return found


def exact(linear: nn.Linear, x: torch.Tensor, levels: int) -> torch.Tensor:
    """The definition, in float64."""
    weight_scale = linear.weight.detach().abs().amax(1, keepdim=True).double() / 127
    weight = (linear.weight.detach().double() / weight_scale).round() * weight_scale
    scale = x.abs().amax(-1, keepdim=True).double().clamp(min=1e-12) / levels
    bias = 0 if linear.bias is None else linear.bias.detach().double()
    return ((x.double() / scale).round() * scale) @ weight.T + bias


@pytest.mark.parametrize("shape", [(7, 40), (2, 3, 513), (1, 1, 8), (0, 40)])
@pytest.mark.parametrize("bias", [True, False])
def test_it_is_what_it_says(kernel: Kernel, shape: tuple[int, ...], bias: bool) -> None:
    torch.manual_seed(0)
    linear, x = nn.Linear(shape[-1], 20, bias=bias), torch.randn(shape) * 3
    found = Int8Linear(linear)(x)
    assert found.shape == (*shape[:-1], 20) and found.dtype == torch.float32
    if x.numel():  # ties of rounding may fall either way: a step of one activation
        step = float(x.abs().max()) / kernel.levels * float(linear.weight.detach().abs().max())
        torch.testing.assert_close(found.double(), exact(linear, x, kernel.levels), atol=2 * step, rtol=1e-4)
        assert (found - linear(x)).abs().max() < 0.05 * linear(x).abs().max()


def test_rows_do_not_depend_on_each_other(kernel: Kernel) -> None:
    torch.manual_seed(0)
    layer, x = Int8Linear(nn.Linear(64, 32)), torch.randn(5, 64)
    loud = torch.cat([x[:2], 1e4 * x[2:3], torch.zeros(1, 64), x[4:]])
    assert torch.equal(layer(loud)[[0, 1, 4]], layer(x)[[0, 1, 4]])
    assert torch.equal(layer(loud)[3], layer.bias)
    assert torch.equal(layer(x[1:2]), layer(x)[1:2])


@pytest.mark.parametrize("works", [63, 0])
def test_a_processor_that_overflows_gets_fewer_bits_or_floats(monkeypatch: pytest.MonkeyPatch, works: int) -> None:
    def overflowing(kernel: Kernel) -> Kernel:
        def multiply(rows: torch.Tensor, steps: torch.Tensor, packed: object, levels: int) -> torch.Tensor:
            found = kernel.multiply(rows, steps, packed, levels)
            return found if levels <= works else found.clamp(-500, 500)

        return replace(kernel, multiply=multiply)

    monkeypatch.setattr(int8, "KERNELS", tuple(map(overflowing, KERNELS)))
    int8_kernel.cache_clear()
    linear, found = nn.Linear(8, 4), int8_kernel()
    assert (found.levels if found else 0) == works
    assert isinstance(int8_linear(linear), Int8Linear) == bool(works)
    if not works:
        assert int8_linear(linear) is linear
        with pytest.raises(RuntimeError, match="no exact 8-bit products"):
            Int8Linear(linear)


@pytest.mark.parametrize(
    "error", [RuntimeError("Didn't find engine ... NoQEngine"), AttributeError("no such operator")]
)
def test_kernels_that_are_missing_are_passed_over(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def missing(*_: object) -> None:
        raise error

    others = tuple(replace(kernel, pack=missing) for kernel in KERNELS)
    monkeypatch.setattr(int8, "KERNELS", (others[0], *KERNELS[1:]))
    int8_kernel.cache_clear()
    assert int8_kernel() in (*KERNELS[1:], None)
    monkeypatch.setattr(int8, "KERNELS", others)
    int8_kernel.cache_clear()
    assert int8_kernel() is None


def whisper() -> AcousticModel:
    torch.manual_seed(0)
    return AcousticModel(ModelConfig(UNITS, "whisper", width=128, layers=2, rnn=16, share_parts=True)).eval()


def test_a_whisper_model_stays_near_itself() -> None:
    model, clip = whisper(), (0.1 * torch.randn(2, 32_000), torch.tensor([32_000, 20_000]))
    with torch.inference_mode():
        expected, lengths = model(*clip)
        model.optimise_for_inference()
        found, _ = model(*clip)
        alone, _ = model(clip[0][1:, :20_000], clip[1][1:])
    assert sum(isinstance(module, Int8Linear) for module in model.modules()) == 8
    assert (found.exp() - expected.exp()).abs().max() < 0.02
    torch.testing.assert_close(found[1, : lengths[1]], alone[0], atol=0.02, rtol=0.02)


PROGRAM = """
import sys, torch
from ramospeech.model import load_model
from ramospeech.model.layers.int8 import int8_kernel
model = load_model(sys.argv[1])
clip = 0.1 * torch.randn(1, 32_000, generator=torch.Generator().manual_seed(3)), torch.tensor([32_000])
with torch.inference_mode():
    expected = model(*clip)[0].exp()
    model.optimise_for_inference()
    print(int8_kernel() and int8_kernel().levels, float((model(*clip)[0].exp() - expected).abs().max()))
"""


@pytest.mark.parametrize("limit", [{}, {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}], ids=str)
def test_right_on_other_processors(tmp_path: Path, root: Path, limit: dict[str, str]) -> None:
    save_model(whisper(), tmp_path / "m.safetensors", {}, bits=6)
    environment = {**os.environ, **limit, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "m.safetensors")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True, timeout=600)
    levels, difference = done.stdout.split()
    assert levels in ("None", "63", "127") and float(difference) < 0.02


def test_optimising_does_not_touch_files(tmp_path: Path) -> None:
    save_model(whisper(), tmp_path / "m.safetensors", {}, bits=6)
    before = (tmp_path / "m.safetensors").read_bytes()
    load_model(tmp_path / "m.safetensors").optimise_for_inference()
    assert (tmp_path / "m.safetensors").read_bytes() == before
