"""Training and transcribing that are killed at random moments, again and again: the end is that of an undisturbed run.

The moments are drawn anew in each run of the tests, and have to make no difference.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file
from speech import make_corpus

ROOT = Path(__file__).resolve().parents[2]
HOROVODRUN = Path(sys.executable).with_name("horovodrun")
TINY = "--features fbank --maps 4 4 8 8 --fc 16 --rnn 16 --rnn_layers 1 --warmup 2 --gpu_rank 0 --threads 1"
SAVES = "--epochs 3 --batch_size 2 --save_minutes 0.0001"  # after every step, so that some kills meet a save
SLOWED = """
import sys, time
from ramospeech.programs import train
from ramospeech.training import Trainer

step = Trainer.step

def slowed(self, *given, **named):
    time.sleep(0.05)
    return step(self, *given, **named)

Trainer.step = slowed
sys.exit(train.main())
"""

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("horovod")]


def workers_of(run: subprocess.Popen, folder: Path) -> list[int]:
    """The processes that run the program in that folder, the launcher not among them."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != run.pid:
            try:
                line = (process / "cmdline").read_bytes().split(b"\0")
                if os.fsencode(sys.executable) == line[0] and any(os.fsencode(str(folder)) in word for word in line):
                    found.append(int(process.name))
            except OSError:  # it ended
                continue
    return found


def undisturbed(command, folder: Path) -> float:
    """Run a command to its end; gives the seconds it took."""
    began = time.monotonic()
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    return time.monotonic() - began


def kill_again_and_again(
    command: Callable[[bool], list[str]], folder: Path, kills: int, victim, longest: float
) -> tuple[int, int]:
    """Run `command(again)` until it ends by itself, killing it at random moments up to `kills` times.

    Gives its status, and how often it was killed: at least once, and fewer than `kills` times where it ended before.

    victim: what to kill: "all" of it, or "one" process of the program. longest: seconds of an undisturbed run.
    """
    rng, killed = random.Random(), 0
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    while True:
        began = time.monotonic()
        with (folder / "log").open("a") as log:
            run = subprocess.Popen(
                command(killed > 0), cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True
            )
        try:
            if killed == kills:
                return run.wait(900), killed
            try:
                status = run.wait(rng.uniform(0.3, 1.0) * longest)
                if killed or status:
                    return status, killed
                longest = 0.9 * (time.monotonic() - began)  # it ended before: sooner next time
                continue
            except subprocess.TimeoutExpired:
                pass
            if victim == "one" and (there := workers_of(run, folder)):
                os.kill(rng.choice(there), signal.SIGKILL)
                run.wait(300)  # the others do not hang
            killed += 1
        finally:
            if run.poll() is None:
                os.killpg(run.pid, signal.SIGKILL)
                run.wait()
            while workers_of(run, folder):
                for each in workers_of(run, folder):
                    os.kill(each, signal.SIGKILL)
                time.sleep(0.1)


@pytest.mark.parametrize(("workers", "victim", "kills"), [(1, "all", 12), (2, "one", 6), (2, "all", 4)])
def test_training_ends_with_the_same_weights(tmp_path, capsys, workers, victim, kills):
    """To the bit; but workers average the statistics of batch norm when they save, and saves go by the clock."""
    if workers > 1 and not HOROVODRUN.exists():
        pytest.skip("Horovod is not installed here")
    make_corpus(tmp_path, clips=24)
    program = tmp_path / "train.py"
    program.write_text(SLOWED)
    launch = [str(HOROVODRUN), "-np", str(workers)] if workers > 1 else []
    data = f"--data_type tones --config_path {tmp_path}/lists --data_root {tmp_path}/audio"

    def command(out: str, again: bool) -> list[str]:
        resumed = ["--load_model"] if again and (tmp_path / out / "dfcnn.state.pt").exists() else []
        options = f"{data} {TINY} {SAVES} --model_path {tmp_path}/{out}".split()
        return [*launch, sys.executable, str(program), *options, *resumed]

    longest = undisturbed(command("whole", False), tmp_path)
    total = rounds = 0
    while total < kills:
        again = partial(command, f"killed{rounds}")
        status, killed = kill_again_and_again(again, tmp_path, kills - total, victim, longest)
        assert status == 0, (tmp_path / "log").read_text()[-3000:]
        for name in ("dfcnn", "dfcnn.last"):
            whole, found = (load_file(tmp_path / out / f"{name}.safetensors") for out in ("whole", f"killed{rounds}"))
            for key in whole:
                if "running" in key and workers > 1:
                    torch.testing.assert_close(found[key], whole[key], rtol=1e-5, atol=1e-6)
                else:
                    assert whole[key].equal(found[key]), f"{name}: {key}"
        total, rounds = total + killed, rounds + 1
    with capsys.disabled():
        print(
            f"\n{workers} worker(s): {total} kills of {victim} in {rounds} run(s), weights as undisturbed", flush=True
        )


HANDING_OVER = """
import sys
from ramospeech import stages
from ramospeech.programs import sharing, transcribe

sharing.ROUND, stages._WINDOW_BATCHES = 0.5, 1  # so that a run has several
sys.exit(transcribe.main())
"""


def clips_to_transcribe(folder: Path) -> list[str]:
    """24 recordings, of which each is a batch: what is with another in a batch differs by rounding."""
    rng = np.random.default_rng(0)
    for i in range(24):
        soundfile.write(folder / f"{i:02}.wav", rng.normal(0, 0.05, 16_000 * 6), 16_000)
    return [f"{folder}/{i:02}.wav" for i in range(24)]


def transcribing(folder: Path, launch: list[str], out: str) -> list[str]:
    program = folder / "transcribe.py"
    program.write_text(HANDING_OVER)
    options = ["--format", "tsv", "--output", f"{folder}/{out}.tsv", "--threads", "1", "--min_confidence", "0"]
    return [*launch, sys.executable, str(program), *options]


@pytest.mark.parametrize(("workers", "victim", "kills"), [(1, "all", 10), (2, "one", 6)])
def test_transcribing_ends_with_the_same_output(tmp_path, capsys, workers, victim, kills):
    if workers > 1 and not HOROVODRUN.exists():
        pytest.skip("Horovod is not installed here")
    clips = clips_to_transcribe(tmp_path)
    launch = [str(HOROVODRUN), "-np", str(workers)] if workers > 1 else []

    def command(out: str, again: bool) -> list[str]:
        resumed = ["--resume"] if again and (tmp_path / f"{out}.tsv.unfinished").exists() else []
        return [*transcribing(tmp_path, launch, out), *resumed, *clips]

    longest = undisturbed(command("whole", False), tmp_path)
    total = rounds = 0
    while total < kills:
        again = partial(command, f"killed{rounds}")
        status, killed = kill_again_and_again(again, tmp_path, kills - total, victim, longest)
        assert status == 0, (tmp_path / "log").read_text()[-3000:]
        assert (tmp_path / f"killed{rounds}.tsv").read_bytes() == (tmp_path / "whole.tsv").read_bytes()
        total, rounds = total + killed, rounds + 1
    with capsys.disabled():
        print(
            f"\n{workers} worker(s) transcribing: {total} kills of {victim} in {rounds} run(s), output as undisturbed"
        )


@pytest.mark.parametrize("rank", [0, 1])
def test_an_elastic_transcription_goes_on_without_a_killed_worker(tmp_path, rank):
    if not HOROVODRUN.exists():
        pytest.skip("Horovod is not installed here")
    clips = clips_to_transcribe(tmp_path)
    undisturbed([*transcribing(tmp_path, [], "whole"), *clips], tmp_path)
    discover = tmp_path / "discover.sh"
    discover.write_text("#!/bin/sh\necho localhost:1; echo 127.0.0.1:1\n")  # two hosts, for Horovod
    discover.chmod(0o755)
    elastic = f"-np 2 --min-np 1 --host-discovery-script {discover} --network-interfaces lo"
    command = [*transcribing(tmp_path, [str(HOROVODRUN), *elastic.split()], "killed"), *clips]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    journal = tmp_path / "killed.tsv.unfinished"
    with (tmp_path / "log").open("w") as log:
        run = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        while not journal.exists() or len(journal.read_text().splitlines()) < 3:
            assert run.poll() is None, (tmp_path / "log").read_text()
            time.sleep(0.05)
        mine = {pid: (Path("/proc") / str(pid) / "environ").read_bytes() for pid in workers_of(run, tmp_path)}
        os.kill(next(pid for pid, has in mine.items() if f"HOROVOD_RANK={rank}".encode() in has), signal.SIGKILL)
        assert run.wait(600) == 0, (tmp_path / "log").read_text()
    finally:
        if run.poll() is None:
            os.killpg(run.pid, signal.SIGKILL)
    assert "continuing with the workers that are left" in (tmp_path / "log").read_text()
    assert (tmp_path / "killed.tsv").read_bytes() == (tmp_path / "whole.tsv").read_bytes()
