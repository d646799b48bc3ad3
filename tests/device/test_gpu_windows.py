"""Windows on a GPU: the same batches as on the CPU, and a run of train.py on them. `make test-gpu`."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from speech import make_corpus
from test_pretended_windows import batches

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no CUDA GPU on this machine"),
    pytest.mark.xdist_group("gpu"),
]
ROOT = Path(__file__).resolve().parents[2]
NOT_DRAWN_THERE = ("noise", "music", "babble", "hum", "equaliser", "highpass", "lowpass", "telephone", "clipping",
                   "volume", "mulaw", "level")  # fmt: skip  # of the others a GPU draws another noise


@pytest.mark.parametrize("name", NOT_DRAWN_THERE)
def test_effects_are_those_of_the_cpu(name: str) -> None:
    expected = batches(torch.device("cpu"), f"{name}=0.7")
    found = batches(torch.device("cuda"), f"{name}=0.7")
    for number in range(3):
        plan = expected.planner(number)
        plan.generated.clear()
        one, other = found.batch(plan, number), expected.batch(plan, number)
        assert one.waveforms.is_cuda and not one.lengths.is_cuda and torch.equal(one.labels.cpu(), other.labels)
        difference = (one.waveforms.cpu() - other.waveforms).abs()
        assert difference.mean() < 1e-5  # a step of mulaw apart here and there
        assert name == "mulaw" or difference.max() < 1e-3


def test_noise_repeats() -> None:
    for name in ("floor", "room", "white", "pink"):
        one, other = (list(batches(torch.device("cuda"), name)(range(3))) for _ in range(2))
        assert all(torch.equal(a.waveforms, b.waveforms) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("amp", ["no", "bf16"])
def test_a_run_on_windows(tmp_path: Path, amp: str) -> None:
    make_corpus(tmp_path, clips=60)
    line = [sys.executable, ROOT / "train.py", "--data_type", "tones", "--config_path", tmp_path / "lists"]
    line += ["--data_root", tmp_path / "audio", "--model_path", tmp_path / "run", "--model", "whisper", "--width", 64]
    line += ["--layers", 1, "--rnn", 16, "--windows", 1.5, 3, "--batch_seconds", 30, "--steps", 20, "--epochs", 4]
    line += ["--augment", "all", "--noise_windows", 0.1, "--drop_worst", "tones=0.1", "--amp", amp, "--device", "cuda"]
    done = subprocess.run([str(word) for word in line], capture_output=True, text=True, timeout=600, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "left out 6 clips" in done.stderr and "on cuda:0" in done.stderr
