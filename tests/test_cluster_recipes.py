"""The recipes of docs/distributed.md for schedulers, as far as they can be checked without these."""

import os
import re
import socket
import subprocess
import sys

import pytest

yaml = pytest.importorskip("yaml")  # comes with Horovod


SCRIPT = """
import torch
from ramospeech import parallel

w = parallel.connect()
assert w.all_reduce(torch.ones(2)).tolist() == [2.0, 2.0]
print(type(w).__name__, w.rank, w.local_rank, w.size, w.local_size)
"""


@pytest.fixture(scope="module")
def page(root) -> str:
    return (root / "docs" / "distributed.md").read_text("utf-8")


def test_the_manifest_of_kubernetes(page, root):
    [block] = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    job = yaml.safe_load(block)
    specs = job["spec"]["pytorchReplicaSpecs"]
    assert job["kind"] == "PyTorchJob" and [specs[kind]["replicas"] for kind in ("Master", "Worker")] == [1, 7]
    for spec in specs.values():
        [container] = spec["template"]["spec"]["containers"]
        mounted = {mount["name"] for mount in container["volumeMounts"]}
        assert mounted == {volume["name"] for volume in spec["template"]["spec"]["volumes"]}
        assert container["name"] == "pytorch" and (root / container["command"][1]).is_file()


@pytest.mark.slow
@pytest.mark.xdist_group("horovod")
def test_the_variables_of_slurm_make_workers(page, root, tmp_path):
    [line] = re.findall(r"srun sh -c '(RANK=.*) exec python train\.py .*'", page)
    script = tmp_path / "workers.py"
    script.write_text(SCRIPT)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    tasks = []
    for task in range(2):
        slurm = {"SLURM_PROCID": task, "SLURM_NTASKS": 2, "SLURM_LOCALID": 0, "SLURM_NTASKS_PER_NODE": 1}
        environment = {**os.environ, "PYTHONPATH": str(root), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        environment |= {name: str(value) for name, value in slurm.items()}
        command = f"{line} exec {sys.executable} {script}"
        tasks.append(subprocess.Popen(["sh", "-c", command], env=environment, stdout=subprocess.PIPE, text=True))
    found = [task.communicate(timeout=300)[0].split() for task in tasks]
    assert found == [["TorchrunWorkers", str(rank), "0", "2", "1"] for rank in range(2)]
