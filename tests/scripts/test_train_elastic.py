"""train.py --elastic: workers that are killed, leave and join, under the real launcher.

Two names of this host are two hosts for Horovod, which never uses a host again at once where a worker of it died.
"""

import os
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from speech import make_corpus

ROOT = Path(__file__).resolve().parents[2]
HOROVODRUN = Path(sys.executable).with_name("horovodrun")
TINY = "--features fbank --maps 4 4 8 8 --fc 16 --rnn 16 --rnn_layers 1 --warmup 2 --gpu_rank 0 --threads 1"
CLIPS = 51

pytestmark = [
    pytest.mark.xdist_group("horovod"),
    pytest.mark.skipif(not HOROVODRUN.exists(), reason="Horovod is not installed here"),
]

# train.py that writes a line for each step: the worker, how many there were, epoch, steps done before, clips.
RECORDING = """
import os, sys, time
from ramospeech.programs import train
from ramospeech.training import Trainer

step = Trainer.step

def recorded(self, batch, *more, **named):
    before = self.steps
    found = step(self, batch, *more, **named)
    line = [os.getpid(), self.workers.rank, self.workers.size, before, *(clip.path for clip in batch.clips)]
    with open(os.environ["RECORD"], "a") as file:
        print(*line, file=file, flush=True)
    while self.steps > len(open(os.environ["MAY"]).read()):  # as many steps as the test allows
        time.sleep(0.05)
    return found

Trainer.step = recorded
sys.exit(train.main())
"""


class Elastic:
    """A run of train.py --elastic in a folder, and what its workers wrote.

    network: options of horovodrun; launch: makes its command that of a host.
    """

    def __init__(
        self,
        folder: Path,
        hosts: str,
        epochs: int,
        network: str = "--network-interfaces lo",
        launch: Callable[[list[str]], list[str]] = list,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self.folder, self.record, self.out = folder, folder / "record", folder / "out"
        make_corpus(folder, clips=CLIPS)
        (folder / "train.py").write_text(RECORDING)
        self.hosts(hosts)
        discover = folder / "discover.sh"
        discover.write_text(f"#!/bin/sh\ncat {folder}/hosts\n")
        discover.chmod(0o755)
        how_many = f"-np 2 --min-np 1 --max-np 3 --host-discovery-script {discover} {network}"
        where = f"--data_type tones --config_path {folder}/lists --data_root {folder}/audio --model_path {self.out}"
        how = f"--epochs {epochs} --batch_size 2 --save_minutes 0.02 --elastic"
        line = [str(HOROVODRUN), *how_many.split(), sys.executable, "train.py", *f"{where} {TINY} {how}".split()]
        environment = {**environment, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        environment |= {"RECORD": str(self.record), "MAY": str(folder / "may")}
        self.allow(3)
        self.log = (folder / "log").open("w+")
        self.process = subprocess.Popen(
            launch(line), cwd=folder, env=environment, stdout=self.log, stderr=self.log, start_new_session=True
        )

    def hosts(self, lines: str) -> None:
        whole = self.folder / "hosts.new"
        whole.write_text(lines)
        whole.rename(self.folder / "hosts")

    def steps(self) -> list[list[str]]:
        return [line.split() for line in self.record.read_text().splitlines()] if self.record.exists() else []

    def allow(self, steps: int) -> None:
        """Let the run take so many steps more."""
        with (self.folder / "may").open("a") as file:
            file.write(steps * ".")

    def wait(self, what) -> None:
        """Wait until the steps so far are what is waited for, allowing one after the other; a run that ends before is
        a failure."""
        while not what(self.steps()):
            assert self.process.poll() is None, self.said()
            self.allow(1)
            time.sleep(1.0)

    def finish(self) -> None:
        self.allow(10_000)
        assert self.process.wait(900) == 0, self.said()

    def said(self) -> str:
        return (self.folder / "log").read_text()

    def kill(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.log.close()

    def epochs(self) -> list[Counter]:
        """How often each clip was trained on in each epoch, steps that were taken back not counted."""
        last: dict[int, dict[int, list[str]]] = defaultdict(dict)
        for _, rank, size, before, *clips in self.steps():
            if int(size) != last[int(before)].get(-1):
                last[int(before)] = {-1: int(size)}
            last[int(before)][int(rank)] = clips
        found, seen = [], Counter()
        for before in sorted(last):
            seen.update(clip for rank, clips in last[before].items() if rank >= 0 for clip in clips)
            if sum(seen.values()) >= CLIPS:
                found.append(seen)
                seen = Counter()
        return [*found, seen] if seen else found


@pytest.fixture
def elastic(tmp_path):
    runs = []

    def start(hosts: str, epochs: int) -> Elastic:
        runs.append(Elastic(tmp_path, hosts, epochs))
        return runs[0]

    yield start
    for run in runs:
        run.kill()


def test_a_run_continues_without_a_killed_worker_and_no_clip_is_lost_or_seen_twice(elastic):
    run = elastic("localhost:1\n127.0.0.1:1\n", epochs=2)
    run.wait(lambda steps: len(steps) >= 6)
    os.kill(next(int(pid) for pid, rank, *_ in run.steps() if rank == "1"), signal.SIGKILL)
    run.wait(lambda steps: steps[-1][2] == "1")
    run.finish()
    assert "continuing with the workers that are left" in run.said()
    assert run.epochs() == [Counter(f"train{i}.wav" for i in range(CLIPS))] * 2
    state = torch.load(run.out / "dfcnn.state.pt", weights_only=True)
    assert state["progress"]["epoch"] == 2 and (run.out / "dfcnn.safetensors").exists()


@pytest.mark.slow
def test_hosts_leave_and_join(elastic):
    run = elastic("localhost:1\n127.0.0.1:1\n", epochs=8)
    run.wait(lambda steps: len(steps) >= 6)
    run.hosts("localhost:1\n127.0.0.1:2\n")
    run.wait(lambda steps: steps[-1][2] == "3")
    run.hosts("localhost:1\n")
    run.wait(lambda steps: steps[-1][2] == "1")
    run.finish()
    assert run.epochs() == [Counter(f"train{i}.wav" for i in range(CLIPS))] * 8


def test_it_needs_a_launcher_that_can_replace_workers(tmp_path, capsys):
    from ramospeech.programs import train

    make_corpus(tmp_path, clips=4)
    given = ["--train_manifest", str(tmp_path / "lists" / "tones_train.txt"), "--data_root", str(tmp_path / "audio")]
    assert train.main([*given, "--elastic", "--model_path", str(tmp_path / "out")]) == 2
    assert "--elastic: start it by horovodrun with --min-np" in capsys.readouterr().err
