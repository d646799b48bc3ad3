"""Workers that the others wait for are named, once, by one of those that wait."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ramospeech.parallel import watch
from ramospeech.parallel.watch import Watch

LAUNCHERS = {
    "horovodrun": [str(Path(sys.executable).with_name("horovodrun")), "-np", "2", sys.executable],
    "torchrun": [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"],
}
STOPPED = """
import os, signal, sys, torch
from ramospeech import parallel

w = parallel.connect()
for _ in range(5):
    w.all_reduce(torch.ones(3))
if w.rank == int(sys.argv[1]):
    os.kill(os.getpid(), signal.SIGSTOP)
while True:
    w.all_reduce(torch.ones(3))
"""

ENDS = """
import atexit, sys, threading, time
import torch.distributed as dist

sys.path.insert(0, ".")
from ramospeech.parallel import watch

store = dist.TCPStore("127.0.0.1", 0, is_master=True)
begun = threading.Event()

def put(key, text):  # as long as the process takes to end
    print("put", flush=True)
    begun.set()
    end = time.monotonic() + 1
    while time.monotonic() < end:
        store.set(key, text)

atexit.register(watch.Watch(0, 1, put, lambda key: "").end)
begun.wait()
"""


class Server:
    """What is put on a launcher's server; a worker whose signs of life are lost looks stopped."""

    def __init__(self, monkeypatch, late, slow):
        self.texts, self.lost = {}, set()
        for name, value in {"PERIOD": 0.02, "LATE": late, "SLOW": slow}.items():
            monkeypatch.setattr(watch, name, value)

    def put(self, key, text):
        if key not in self.lost:
            self.texts[key] = text

    def get(self, key):
        if key not in self.texts:
            raise RuntimeError("404")
        return self.texts[key]


@pytest.fixture
def workers():
    started = []

    def start(server, size):
        started.extend(Watch(rank, size, server.put, server.get) for rank in range(size))
        return started

    yield start
    for each in started:
        each.end()


def said(capsys, lines):
    """What is on stderr when there are so many lines."""
    text, end = "", time.monotonic() + 300
    while text.count("\n") < lines and time.monotonic() < end:
        time.sleep(0.01)
        text += capsys.readouterr().err
    return text.splitlines()


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_worker_without_a_sign_of_life_is_named_once(monkeypatch, capsys, workers, lost):
    server = Server(monkeypatch, late=0.2, slow=1e9)
    server.lost = {f"worker{lost}"}
    three = workers(server, 3)
    with three[0].waiting(), three[1].waiting(), three[2].waiting():
        [line] = said(capsys, 1)
        time.sleep(0.2)
    assert line.startswith(f"worker {1 if lost == 0 else 0} has waited ") and f" s for worker {lost} on " in line
    assert "no sign of life" in line and capsys.readouterr().err == ""


def test_a_slow_worker_is_named_later(monkeypatch, capsys, workers):
    server = Server(monkeypatch, late=0.2, slow=0.4)
    three = workers(server, 3)
    with three[0].waiting(), three[2].waiting():
        [line] = said(capsys, 1)
    assert "for worker 1 on " in line and "is not as far" in line


def test_nobody_is_named_where_all_wait(monkeypatch, capsys, workers):
    server = Server(monkeypatch, late=0.1, slow=0.1)
    both = workers(server, 2)
    with both[0].waiting(), both[1].waiting():
        time.sleep(0.5)
    assert capsys.readouterr().err == ""


def test_a_process_ends_well_in_the_middle_of_a_sign_of_life(tmp_path, root):
    """A thread in torch's server would abort it: "terminate called without an active exception"."""
    script = tmp_path / "ends.py"
    script.write_text(ENDS)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, cwd=root, timeout=300)
    assert (done.returncode, done.stdout) == (0, "put\n"), done.stderr


@pytest.mark.slow
@pytest.mark.xdist_group("horovod")
@pytest.mark.parametrize("launcher", LAUNCHERS)
@pytest.mark.parametrize("rank", [0, 1])
def test_a_stopped_process_is_named(tmp_path, root, launcher, rank):
    """Under horovodrun the run then ends by itself; torchrun waits for a quarter of an hour."""
    if launcher == "horovodrun" and not Path(LAUNCHERS[launcher][0]).exists():
        pytest.skip("Horovod is not installed here")
    if (launcher, rank) == ("torchrun", 0):
        pytest.skip("worker 0 may have the server itself")
    script = tmp_path / "stopped.py"
    script.write_text(STOPPED)
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    command = [*LAUNCHERS[launcher], str(script), str(rank)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True) as run:
        try:
            assert run.stderr is not None
            named = next((line for line in run.stderr if " s for worker " in line), "")
            assert f"for worker {rank} on " in named and "no sign of life" in named
            if launcher == "horovodrun":
                run.communicate(timeout=300)
                assert run.returncode
        finally:
            os.killpg(run.pid, 9)
            for process in Path("/proc").glob("[0-9]*"):  # each worker has a session of its own
                try:
                    if str(script).encode() in (process / "cmdline").read_bytes():
                        os.kill(int(process.name), 9)
                except OSError:
                    continue
