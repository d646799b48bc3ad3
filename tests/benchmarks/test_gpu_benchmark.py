"""benchmarks/gpu.py on a CPU, and what benchmarks/on_gpu.sh asks for."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch


def run(root: Path, *words: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(root)}
    line = [sys.executable, str(root / "benchmarks" / "gpu.py"), *words]
    return subprocess.run(line, capture_output=True, text=True, timeout=600, env=environment)


def test_it_runs_on_a_cpu_and_writes_nothing(root: Path) -> None:
    page = (root / "docs" / "benchmarks.md").read_text("utf-8")
    done = run(root, "--device", "cpu", "--steps", "1")
    assert done.returncode == 0, done.stderr
    rows = re.findall(
        r"^\| (.+?) \| (no|bf16) \| \d+ \| [\d,]+ \| [\d.]+ \| [\d.]+ \((?:bytes|operations)\) \|", done.stdout, re.M
    )
    assert rows == [("original", "no"), ("original", "bf16"), ("recipe aishell", "no"), ("recipe aishell", "bf16")]
    assert re.search(r"^\| 2 \| [\d,]+ \| [\d,]+ \|", done.stdout, re.M)
    assert "largest relative difference 0.0e+00" in done.stdout
    assert (root / "docs" / "benchmarks.md").read_text("utf-8") == page


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_it_says_so(root: Path) -> None:
    done = run(root)
    assert done.returncode == 2 and not done.stdout
    assert len(done.stderr.splitlines()) == 1 and "no CUDA GPU" in done.stderr


def test_the_command_that_fetches_wheels_names_packages_that_are_required(root: Path) -> None:
    text = (root / "benchmarks" / "on_gpu.sh").read_text("utf-8")
    comment = " ".join(
        line.lstrip("# ").rstrip("\\") for line in text.split("pip download")[1].split("#\n")[0].splitlines()
    )
    names = comment.split("--no-deps")[1].split()
    required = (root / "requirements.txt").read_text("utf-8")
    of_soundfile = {"cffi", "pycparser"}
    assert len(names) > 5 and all(name in of_soundfile or f"\n{name}==" in required for name in names)
    subprocess.run(["sh", "-n", str(root / "benchmarks" / "on_gpu.sh")], check=True)


@pytest.mark.parametrize("words", [[], ["nowhere", "out"]])
def test_on_gpu_refuses_wrong_use_in_one_line(root: Path, tmp_path: Path, words: list[str]) -> None:
    line = ["sh", str(root / "benchmarks" / "on_gpu.sh"), *words]
    done = subprocess.run(line, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and not list(tmp_path.iterdir())
