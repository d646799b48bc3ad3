"""Several hosts with an address and an sshd each: training as on one, and what happens when one is lost or joins."""

import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from hosts import start_hosts
from test_parallel import PARITY
from test_train_elastic import CLIPS, HOROVODRUN, Elastic

pytestmark = [
    pytest.mark.slow,
    pytest.mark.xdist_group("horovod"),
    pytest.mark.skipif(not HOROVODRUN.exists(), reason="Horovod is not installed here"),
]

WAIT = 10  # seconds that Horovod waits for a host that says nothing; it ends the run within twice that
LOOP = """
import sys, torch
from ramospeech import parallel
from ramospeech.errors import program

@program
def main():
    w = parallel.connect()
    print(f"ready {w.rank}\\n", end="", flush=True)
    while True:
        w.all_reduce(torch.ones(3))

raise SystemExit(main())
"""


@pytest.fixture
def hosts(tmp_path, request):
    (tmp_path / "net").mkdir()
    found = start_hosts(tmp_path / "net", getattr(request, "param", 2))
    yield found
    found.stop()


def launch(hosts, root, script: Path) -> subprocess.Popen:
    where = ",".join(f"{address}:1" for address in hosts.addresses)
    options = f"-np 2 -H {where} --network-interfaces eth0 --gloo-timeout-seconds {WAIT}"
    return subprocess.Popen(
        hosts.on(0, [str(HOROVODRUN), *options.split(), sys.executable, str(script)]),
        env={**hosts.environment(), "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_two_hosts_end_where_one_process_with_the_whole_batch_does(tmp_path, root, hosts):
    script = tmp_path / "parity.py"
    script.write_text(PARITY)
    run = launch(hosts, root, script)
    said, _ = run.communicate(timeout=900)
    assert run.returncode == 0, said
    assert "rank 0 fine" in said and "rank 1 fine" in said


@pytest.mark.parametrize("lost", ["cut", "kill"])
def test_a_lost_host_ends_the_run(tmp_path, root, hosts, lost):
    script = tmp_path / "loop.py"
    script.write_text(LOOP)
    run = launch(hosts, root, script)
    assert run.stdout is not None
    ready, lines = 0, []
    for line in run.stdout:
        lines.append(line)
        ready += "ready" in line
        if ready == 2:
            break
    getattr(hosts, lost)(1)
    began = time.monotonic()
    said, _ = run.communicate(timeout=900)
    assert run.returncode, "".join(lines) + said
    assert "error: worker 0 lost another worker" in said
    print(f"{lost}: the run ended after {time.monotonic() - began:.0f} s")


@pytest.mark.parametrize("hosts", [3], indirect=True)
def test_a_host_joins_and_another_is_lost(tmp_path, hosts):
    first, second, third = hosts.addresses
    run = Elastic(
        tmp_path, f"{first}:1\n{second}:1\n", epochs=6, launch=lambda words: hosts.on(0, words),
        network="--network-interfaces eth0 --gloo-timeout-seconds 60", environment=hosts.environment(),
    )  # fmt: skip
    try:
        run.wait(lambda steps: len(steps) >= 4)
        run.hosts(f"{first}:1\n{second}:1\n{third}:1\n")
        run.wait(lambda steps: steps[-1][2] == "3")
        hosts.cut(1)
        run.wait(lambda steps: steps[-1][2] == "2")
        run.finish()
    finally:
        run.kill()
    assert run.epochs() == [Counter(f"train{i}.wav" for i in range(CLIPS))] * 6
