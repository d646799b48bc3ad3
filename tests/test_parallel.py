"""Workers: one process, errors of one that become errors of all, and two processes under each launcher."""

import inspect
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch

from ramospeech.environment import OF_HOROVOD, OF_TORCHRUN
from ramospeech.errors import DistributedError, ListError, RamospeechError
from ramospeech.model import MaskedBatchNorm2d
from ramospeech.parallel import (
    HorovodWorkers,
    SingleProcess,
    TorchrunWorkers,
    Workers,
    connect,
)

HOROVODRUN = Path(sys.executable).with_name("horovodrun")
LAUNCHERS = {
    "horovodrun": [str(HOROVODRUN), "-np", "2", sys.executable],
    "torchrun": [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"],
}


def test_siblings_implement_every_collective():
    for kind in (SingleProcess, HorovodWorkers, TorchrunWorkers):
        assert kind.__bases__ == (Workers,) and not inspect.isabstract(kind)
        for name in Workers.__abstractmethods__ - {"launcher"}:
            declared = inspect.signature(getattr(Workers, name)).parameters
            assert list(inspect.signature(vars(kind)[name]).parameters) == list(declared), name
    with pytest.raises(TypeError, match="abstract"):
        type("Forgetful", (Workers,), {})()


def test_alone_without_a_launcher(monkeypatch):
    for name in OF_HOROVOD + OF_TORCHRUN:
        monkeypatch.delenv(name, raising=False)
    workers = connect()
    assert type(workers) is SingleProcess and (workers.rank, workers.size) == (0, 1)
    assert workers.all_gather_object("a") == ["a"] and workers.broadcast_object("b") == "b"


def test_a_launcher_without_horovod_says_how_to_install_it(monkeypatch):
    monkeypatch.setenv("HOROVOD_RANK", "0")
    monkeypatch.setitem(sys.modules, "horovod.torch", None)
    with pytest.raises(DistributedError, match=r"install\.sh --horovod"):
        connect()


class Threads(SingleProcess):
    """Two workers that are threads, to test what is built on `all_gather_object` and `broadcast_object`."""

    size = 2
    barrier_of_two = threading.Barrier(2)
    items: dict[int, object]

    def __init__(self, rank, items):
        self.rank, self.items = rank, items

    def all_gather_object(self, item):
        self.items[self.rank] = item
        self.barrier_of_two.wait(600)
        result = [self.items[0], self.items[1]]
        self.barrier_of_two.wait(600)
        return result

    def broadcast_object(self, item):
        return self.all_gather_object(item)[0]


def on_two(what):
    """Run `what(workers)` on both; the results or the errors by rank."""
    items, results = {}, {}

    def run(rank):
        try:
            results[rank] = what(Threads(rank, items))
        except RamospeechError as error:
            results[rank] = error

    threads = [threading.Thread(target=run, args=(rank,)) for rank in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(600)
    return results


def test_an_error_of_one_is_an_error_of_all():
    def fail_on_1(workers):
        def read():
            if workers.rank == 1:
                raise ListError("a.txt:3: bad line")
            return "fine"

        return workers.run_or_fail_together(read)

    results = on_two(fail_on_1)
    assert isinstance(results[1], ListError)
    assert isinstance(results[0], DistributedError) and "worker 1: a.txt:3" in str(results[0])
    assert on_two(lambda workers: workers.run_or_fail_together(lambda: workers.rank * 10)) == {0: 0, 1: 10}


def test_rank_0_works_for_both():
    calls = []
    assert on_two(lambda workers: workers.broadcast_from_rank_0(lambda: calls.append(workers.rank) or "made")) == {
        0: "made",
        1: "made",
    }
    assert calls == [0]


def test_agreement_names_who_differs():
    results = on_two(lambda workers: workers.check_same("seed", workers.rank))
    assert all("[1] have another seed" in str(error) for error in results.values())
    assert on_two(lambda workers: workers.check_same("seed", 7)) == {0: None, 1: None}


SCRIPT = """
import sys, torch
from ramospeech import parallel
from ramospeech.model import MaskedBatchNorm2d
w = parallel.connect()
assert w.size == 2
assert w.all_reduce(torch.tensor([1.0, float(w.rank)])).tolist() == [2.0, 1.0]
assert w.all_gather_object({"rank": w.rank}) == [{"rank": 0}, {"rank": 1}]
assert w.broadcast_object((1, "a") if w.rank == 0 else None) == (1, "a")
torch.manual_seed(w.rank)
net = torch.nn.Linear(3, 1)
net.load_state_dict(w.broadcast_object(net.state_dict()))
same = w.all_gather_object(net.weight.detach().tolist())
assert same[0] == same[1]
norm = MaskedBatchNorm2d(2)
norm.running_mean.fill_(float(w.rank))
w.average_batch_norm(norm)
assert norm.running_mean.tolist() == [0.5, 0.5]
precisions = ("fp32", "fp16", "bf16") if w.sends_bfloat16 else ("fp32", "fp16")
for message in (1, 4, 100):  # values in a message: more than one message, or one
    for precision in precisions:
        net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 1), torch.nn.Linear(1, 1))
        net.load_state_dict(w.broadcast_object(net.state_dict()))
        frozen, unused = torch.nn.Parameter(torch.zeros(2), requires_grad=False), torch.nn.Parameter(torch.zeros(2))
        both = [net(torch.full((1, 3), float(rank + 1))).sum() for rank in (0, 1)]
        expected = torch.autograd.grad(sum(both), list(net.parameters()), retain_graph=True)
        sums = parallel.GradientSums(w, [frozen, unused, *net.parameters()], 2, precision, message)
        for step, early in ((1, True), (2, False), (3, True)):
            w.collectives_in_backward = not early
            net.zero_grad()
            (both[w.rank] / 2).backward(retain_graph=True)  # a part of the batch, whose gradients are not all
            sums.begin()
            (both[w.rank] / 2).backward(retain_graph=True)
            totals = sums.end(torch.tensor([1.0, step * w.rank], dtype=torch.float64))
            assert totals.tolist() == [2.0, step]
            for parameter, gradient in zip(net.parameters(), expected, strict=True):
                assert torch.allclose(parameter.grad, gradient, rtol=0.02 if precision != "fp32" else 1e-6), precision
            assert frozen.grad.tolist() == unused.grad.tolist() == [0.0, 0.0]
print(f"{w.launcher[0]} rank {w.rank} fine\\n", end="")
"""

LOST = """
import os, signal, torch
from ramospeech import parallel
from ramospeech.errors import program

@program
def main():
    w = parallel.connect()
    w.all_reduce(torch.ones(3))
    if w.rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    while True:
        w.all_reduce(torch.ones(3))

raise SystemExit(main())
"""

PARITY = """
import numpy as np, torch
from ramospeech import losses, parallel
from ramospeech.data import dummy_batch, pad
from ramospeech.model import AcousticModel, ModelConfig
from ramospeech.training import Trainer

w = parallel.connect()
units = ("<blank>", "<UNK>", "a", "b", "c")
config = ModelConfig(units, features="fbank", maps=(4, 4, 8, 8), fc=8, rnn=8, rnn_layers=1, dropout=0.0)
rng = np.random.default_rng(0)
clips = [(rng.normal(0, 0.1, 8000 + 900 * i).astype(np.float32), [2, 3, 4][: 1 + i % 3]) for i in range(6)]

class Double(torch.nn.Module):
    def forward(self, features, _):
        return features.double()

def batch(part):
    return pad([wave for wave, _ in part], [ids for _, ids in part], dummy_batch().clips * len(part))

def run(workers, part):
    torch.manual_seed(0)
    model = AcousticModel(config).double()
    model.augment = Double()
    workers.synchronise_batch_norm(model)
    start = [p.detach().clone() for p in model.parameters()]
    def forward(given, _):
        return losses.ctc_ace(*model(given.waveforms, given.lengths), given.labels, given.label_lengths)
    sgd = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
    trainer = Trainer(model, sgd, forward, workers, torch.device("cpu"), dummy_batch=dummy_batch(), clip=1.0)
    found = [trainer.step(batch(part), lr=0.02).loss for _ in range(5)]
    return start, model.state_dict(), found

start, whole, one = run(parallel.SingleProcess(), clips)
_, halves, two = run(w, clips[w.rank :: 2])
moved = max(float((whole[name] - before).abs().max()) for name, before in zip(
    [name for name in whole if name.endswith(("weight", "bias")) or ".rnn." in name], start))
assert moved > 1e-3, moved
np.testing.assert_allclose(two, one, rtol=1e-12)
for name in whole:
    torch.testing.assert_close(halves[name], whole[name], rtol=1e-10, atol=1e-12, msg=lambda m: f"{name}: {m}")
print(f"rank {w.rank} fine\\n", end="")  # one write, so that lines of workers stay whole
"""


def run_two(launcher, script, root, *options):
    """Run a program as two workers, with options of the launcher; gives what came of it."""
    if launcher == "horovodrun" and not HOROVODRUN.exists():
        pytest.skip("Horovod is not installed here")
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    launch = [*LAUNCHERS[launcher], *options, str(script)]
    return subprocess.run(launch, capture_output=True, text=True, timeout=600, env=environment)


@pytest.mark.xdist_group("horovod")
@pytest.mark.parametrize("launcher", LAUNCHERS)
@pytest.mark.parametrize("what", ["collectives", "parity"])
def test_two_processes(tmp_path, root, launcher, what):
    """Parity: two workers with half the batch each end where one with the whole batch does after 5 steps.

    In float64: in float32 rounding decides between equal maxima in the pooling, and the paths part a little.
    """
    script = tmp_path / "two.py"
    script.write_text(SCRIPT if what == "collectives" else PARITY)
    done = run_two(launcher, script, root)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rank 0 fine" in done.stdout and "rank 1 fine" in done.stdout
    assert what == "parity" or f"{launcher} rank 0" in done.stdout


@pytest.mark.xdist_group("horovod")
@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_a_lost_worker_ends_the_run_with_a_line(tmp_path, root, launcher):
    script = tmp_path / "lost.py"
    script.write_text(LOST)
    # torchrun ends the other workers when it sees that one is gone, maybe before they can say so: it looks every 0.1 s.
    done = run_two(launcher, script, root, *(["--monitor-interval=5"] if launcher == "torchrun" else []))
    assert done.returncode != 0
    assert "error: worker 0 lost another worker" in done.stderr and "--load_model" in done.stderr


def test_batch_norm_statistics_of_two_workers_are_those_of_all_clips():
    torch.manual_seed(0)
    x = torch.randn(4, 3, 5, 2, dtype=torch.float64)
    whole = MaskedBatchNorm2d(3).double()
    expected = whole(x)

    def half(workers):
        norm = MaskedBatchNorm2d(3).double()
        norm.all_reduce = lambda values: sum(workers.all_gather_object(values))
        return norm(x[2 * workers.rank : 2 * workers.rank + 2]), norm.running_var

    results = on_two(half)
    torch.testing.assert_close(torch.cat([results[0][0], results[1][0]]), expected)
    torch.testing.assert_close(results[1][1], whole.running_var)
