"""Training with one process and with several: our workers against torch's DDP and Horovod's hooks, in one run.

    python benchmarks/scaling.py [--processes 2] [--steps 6] [--rounds 2]

Each process computes with one thread and batches of its own, so with several the batch of a step grows with them: the
efficiency is the audio per second against that of one process, times the processes. The ways take turns, and the median
counts. It needs Horovod.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import numpy as np
import torch
from table import write_section
from torch import nn

from ramospeech import parallel
from ramospeech.corpora import Clip
from ramospeech.data import Batch, dummy_batch, pad
from ramospeech.model import AcousticModel, ModelConfig
from ramospeech.text import Vocabulary
from ramospeech.training import Trainer
from ramospeech.training.profiling import Timed

HOROVODRUN = Path(sys.executable).with_name("horovodrun")
SECONDS = 16.0  # of audio in a worker's batch
MODELS = {"dfcnn": {"features": "fbank"}, "whisper": {}}
WAYS = {
    "ours, horovodrun": ("horovodrun", "ours"),
    "Horovod's DistributedOptimizer, whose hooks send while backward runs": ("horovodrun", "hooks"),
    "ours, torchrun": ("torchrun", "ours"),
    "torch's DistributedDataParallel (DDP), buckets of 25 MB": ("torchrun", "ddp"),
}
WARM_UP = 2


def model_of(name: str) -> AcousticModel:
    """The network, the same in each process."""
    torch.manual_seed(0)
    return AcousticModel(ModelConfig(Vocabulary.inventory().units, name, **MODELS[name])).train()


def batch_of(seconds: float = SECONDS, clip: float = 4.0) -> Batch:
    """Noise, with labels."""
    rng = np.random.default_rng(0)
    number = max(1, round(seconds / clip))
    waves = [rng.normal(0, 0.05, round(16_000 * clip)).astype(np.float32) for _ in range(number)]
    return pad(waves, [list(range(2, 14))] * number, [Clip("noise", (), "", clip)] * number)


class Objective(nn.Module):
    """The sum of the loss of a batch as a module, for what wraps one."""

    def __init__(self, model: AcousticModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch) -> torch.Tensor:
        return self.model.loss(batch).sum


def stepper(way: str, model: AcousticModel, workers: parallel.Workers) -> tuple[Callable[[Batch], object], Trainer]:
    """What takes a step with a batch."""
    optimizer: torch.optim.Optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    trainer = Trainer(model, optimizer, model.loss, workers, torch.device("cpu"), dummy_batch())
    if way == "ours":
        return lambda batch: trainer.step(batch, lr=1e-4), trainer
    objective: nn.Module = Objective(model)
    if way == "ddp":
        objective = nn.parallel.DistributedDataParallel(objective)
    else:
        import horovod.torch as hvd

        optimizer = hvd.DistributedOptimizer(optimizer, named_parameters=model.named_parameters())

    def step(batch: Batch) -> None:
        optimizer.zero_grad()
        objective(batch).backward()
        if way == "hooks":
            optimizer.synchronize()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        if way == "hooks":
            with optimizer.skip_synchronize():
                optimizer.step()
        else:
            optimizer.step()

    return step, trainer


def measure(way: str, name: str, steps: int) -> None:
    """In a worker: print the seconds of a step, the communication in it and the parameters, on rank 0."""
    torch.set_num_threads(1)
    workers = parallel.connect()
    model, batch = model_of(name), batch_of()
    step, trainer = stepper(way, model, workers)
    spent = {"communication": 0.0}
    for number in range(WARM_UP + steps):
        if number == WARM_UP:
            workers.all_reduce(torch.zeros(1))  # begin together
            began = time.perf_counter()
            trainer.timed = counter(spent)
        step(batch)
    found = [
        (time.perf_counter() - began) / steps,
        spent["communication"] / steps,
        sum(p.numel() for p in model.parameters()),
    ]
    if workers.rank == 0:
        print("FOUND " + json.dumps(found), flush=True)


def counter(spent: dict[str, float]) -> Timed:
    """A `Trainer.timed` that counts the seconds of the parts in `spent`."""

    @contextmanager
    def timed(part: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        spent[part] = spent.get(part, 0.0) + time.perf_counter() - began

    return timed


def run(launcher: str | None, way: str, name: str, processes: int, steps: int) -> list[float]:
    """Start the workers; what `measure` found."""
    launch = {
        None: [sys.executable],
        "horovodrun": [str(HOROVODRUN), "-np", str(processes), sys.executable],
        "torchrun": [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)],
    }[launcher]
    words = [*launch, __file__, "--worker", way, "--model", name, "--steps", str(steps)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    lines = [line.split("FOUND ")[1] for line in done.stdout.splitlines() if "FOUND " in line]
    if not lines:
        raise SystemExit(f"{' '.join(words)}: {done.stderr[-2000:]}")
    return json.loads(lines[0])


def compared(name: str, processes: int, steps: int, rounds: int) -> list[str]:
    """Rows of the table for one network."""
    alone, found = [], {way: [] for way in WAYS}
    for _ in range(rounds):
        alone.append(run(None, "ours", name, 1, steps))
        for way, (launcher, kind) in WAYS.items():
            found[way].append(run(launcher, kind, name, processes, steps))
    one = statistics.median(seconds for seconds, _, _ in alone)
    parameters = alone[0][2] / 1e6
    rows = [f"| {name}, {parameters:.1f} M | 1 | - | {1000 * one:.0f} | {SECONDS / one:.1f} | - | - |"]
    for way, each in found.items():
        seconds = statistics.median(seconds for seconds, _, _ in each)
        share = statistics.median(spent / seconds for seconds, spent, _ in each)
        ours = f"{share:.1%}" if WAYS[way][1] == "ours" else "-"
        rows.append(
            f"| {name} | {processes} | {way} | {1000 * seconds:.0f} | {processes * SECONDS / seconds:.1f} | "
            f"{one / seconds:.0%} | {ours} |"
        )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--processes", type=int, nargs="+", default=[2])
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--model", choices=sorted(MODELS))
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        measure(args.worker, args.model, args.steps)
        return
    load = os.getloadavg()[0]
    names = [args.model] if args.model else list(MODELS)
    rows = [
        row for name in names for number in args.processes for row in compared(name, number, args.steps, args.rounds)
    ]
    cores = len(os.sched_getaffinity(0))
    busy = (
        f" **Other programs were running (load {load:.1f} on {cores} cores): not to be relied on.**"
        if load > 0.5
        else ""
    )
    head = (
        "## Several processes\n\n"
        f"`python benchmarks/scaling.py`, {date.today()}, {cores} cores, torch {torch.__version__}; batches of "
        f"{SECONDS:.0f} s for each process, one thread each, {args.rounds} rounds of {args.steps} steps.{busy} "
        "Efficiency: against one process. Communication: of worker 0, the wait for the other included.\n\n"
        "| network | processes | by | ms a step | audio seconds per second | efficiency | communication |\n"
        "|---|---|---|---|---|---|---|\n"
    )
    write_section("scaling", head + "\n".join(rows))
    print(head + "\n".join(rows))


if __name__ == "__main__":
    main()
