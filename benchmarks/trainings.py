"""The same training with other options, several seeds each: what ace.py, models.py and sources.py compare."""

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

from bench_training import ROOT, machine
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

NETWORK = ["--recipe", "demo", "--share_parts", "--rnn", "64"]
RECIPE = [*NETWORK, "--augment_warmup", "0", "--dev_step", "1", "--gpu_rank", "0"]
Curve = list[float]  # dev error rate after each epoch


def parser(description: str, epochs: int, seeds: int, runs: str) -> argparse.ArgumentParser:
    """The options of a comparison; those that it does not know go to every run of train.py."""
    found = argparse.ArgumentParser(description=description)
    found.add_argument("--epochs", type=int, default=epochs)
    found.add_argument("--seeds", type=int, default=seeds)
    found.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="runs at once")
    found.add_argument("--runs", type=Path, default=ROOT / "runs" / runs, help="where the runs are kept")
    return found


def name_of(variant: str, seed: int) -> str:
    """A run's --model_name."""
    return "".join(c if c.isalnum() else "_" for c in variant.lower()) + f"_{seed}"


def heading(program: str, args: argparse.Namespace, options: Sequence[str]) -> str:
    """What was run, when and where; --runs, which is a place on one's own machine, is not told."""
    command = " ".join((f"python benchmarks/{program} --epochs", str(args.epochs), *options))
    return f"`{command}`, {date.today().isoformat()}, {machine()}"


def train_all(
    variants: Mapping[str, Sequence[str]], args: argparse.Namespace, options: Sequence[str]
) -> dict[str, list[Curve]]:
    """The curves of every variant, by seed. A variant's options overrule the others.

    A run that is finished in args.runs is not done again, one that was cut off goes on. Raises SystemExit with what a
    run printed last when it fails.
    """
    os.environ["OMP_NUM_THREADS"] = "1"
    jobs = [(variant, seed) for seed in range(1, args.seeds + 1) for variant in variants]

    def train(job: tuple[str, int]) -> None:
        variant, seed = job
        _train(name_of(variant, seed), [*options, *variants[variant], "--seed", str(seed)], args.runs, args.epochs)

    with ThreadPoolExecutor(args.jobs) as pool:
        list(pool.map(train, jobs))
    return {v: [_curve(name_of(v, seed), args.runs) for seed in range(1, args.seeds + 1)] for v in variants}


def _train(name: str, options: Sequence[str], runs: Path, epochs: int) -> None:
    done = runs / f"{name}.done"
    if done.exists():
        return
    command = [sys.executable, str(ROOT / "train.py"), *RECIPE, "--epochs", str(epochs), *options]
    command += ["--threads", "1", "--num_workers", "1", "--model_path", str(runs), "--model_name", name]
    if (runs / f"{name}.state.pt").exists():
        command.append("--load_model")
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if ended.returncode:
        raise SystemExit(f"{name}: train.py ended with {ended.returncode}:\n{ended.stderr[-2000:]}")
    done.touch()
    print(f"{name}: {100 * _curve(name, runs)[-1]:.1f} %", flush=True)


def _curve(name: str, runs: Path) -> Curve:
    """The dev error rates of a run, from its TensorBoard; of an epoch measured twice the later."""
    at: dict[int, float] = {}
    for file in sorted((runs / "tensorboard" / name).glob("events*")):
        events = EventAccumulator(str(file), size_guidance={"scalars": 0})
        events.Reload()
        at |= {event.step: event.value for event in events.Scalars("dev/ser")}
    return [at[step] for step in sorted(at)]
