"""train.py --workers starts the others itself; --device_ids; what a worker cannot do is printed once, and last."""

import json
import os
import subprocess
import sys

import pytest
import torch
from speech import make_corpus

from ramospeech.errors import UsageError
from ramospeech.parallel import SingleProcess, digest_of_sources
from ramospeech.programs import train
from ramospeech.training import device

TINY = "--features fbank --maps 4 4 8 8 --fc 16 --rnn 16 --rnn_layers 1 --warmup 2 --gpu_rank 0 --threads 1"
OF_LAUNCHERS = ("HOROVOD_RANK", "RANK", "WORLD_SIZE", "MASTER_ADDR", "CUDA_VISIBLE_DEVICES")


def run(root, folder, *options):
    data = f"--data_type tones --config_path {folder}/lists --data_root {folder}/audio --model_path {folder}/out"
    command = [sys.executable, str(root / "train.py"), *f"{data} {TINY}".split(), *options]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    return subprocess.run(command, capture_output=True, text=True, timeout=600, env=environment, cwd=folder)


@pytest.mark.xdist_group("horovod")
def test_two_workers(tmp_path, root):
    make_corpus(tmp_path, clips=12)
    done = run(root, tmp_path, "--workers", "2", "--epochs", "1", "--batch_size", "2", "--accumulate", "2")
    assert done.returncode == 0, done.stderr
    state = torch.load(tmp_path / "out" / "dfcnn.state.pt", weights_only=True)
    assert (state["progress"]["epoch"], state["steps"]) == (1, 2)  # 6 batches, of which a step has 4
    assert json.loads((tmp_path / "out" / "dfcnn.json").read_text())["workers"] == 2


@pytest.mark.xdist_group("horovod")
def test_the_cause_is_printed_once_and_last(tmp_path, root):
    make_corpus(tmp_path, clips=4)
    (tmp_path / "lists" / "tones_dev.txt").write_text("a.wav\tnosuchsyllable9\t\n")
    done = run(root, tmp_path, "--workers", "2", "--init_from", str(tmp_path / "none.safetensors"))
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert "none.safetensors" in lines[-1] and lines[-1].startswith("error: ")
    assert sum("error" in line.lower() for line in lines) == 1 and "Traceback" not in done.stderr


@pytest.fixture
def clean(monkeypatch):
    for name in OF_LAUNCHERS:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_how_many_are_started(clean):
    clean.setattr(torch.cuda, "device_count", lambda: 3)
    assert [device.processes_to_start(asked) for asked in (None, "auto", 2)] == [0, 3, 2]
    clean.setattr(torch.cuda, "device_count", lambda: 0)
    assert device.processes_to_start("auto") == 1
    clean.setenv("HOROVOD_RANK", "0")
    assert device.processes_to_start("auto") == device.processes_to_start(2) == 0


def test_the_gpus_that_are_used(clean):
    clean.setattr(torch.cuda, "device_count", lambda: 3)
    device.use_devices(None)
    assert "CUDA_VISIBLE_DEVICES" not in os.environ
    with pytest.raises(UsageError, match="--device_ids 1,3: this host has 3 GPUs"):
        device.use_devices([1, 3])
    clean.setenv("CUDA_VISIBLE_DEVICES", "")  # so that it is taken back after the test
    clean.delenv("CUDA_VISIBLE_DEVICES")
    device.use_devices([0, 2])
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "0,2"
    with pytest.raises(UsageError, match="CUDA_VISIBLE_DEVICES is set"):
        device.use_devices([0])
    for wrong in ("0,0", "a", "1,", "0,-1"):
        with pytest.raises(UsageError, match="write the numbers of GPUs"):
            train.parse(["--device_ids", wrong])


def test_workers_of_other_sources_are_told_from_each_other(monkeypatch):
    assert digest_of_sources() == digest_of_sources() and len(digest_of_sources()) == 64
    assert SingleProcess().all_gather_object(digest_of_sources()) == [digest_of_sources()]
