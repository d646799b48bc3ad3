"""Does ACE help CTC? The same training with different losses, several seeds each: one command, docs/ace.md.

    python benchmarks/ace.py [--data_type demo --data_root demo --config_path data_config] [--epochs 24] [--seeds 3]

Trains with train.py, one process a run and as many at once as --jobs says; options that this program does not know go
to every run. A run that is finished in --runs is not done again, one that was cut off goes on. What is compared is the
error rate of the dev list, greedily decoded, after every epoch: after the last one in the table, all in the curves.
"""

import argparse
import math
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

from bench_training import ROOT, machine
from matplotlib.figure import Figure
from scipy.stats import t as student
from table import write_section
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

VARIANTS: dict[str, list[str]] = {
    "CTC": ["--loss", "ctc"],
    "CTC + 0.05 ACE": ["--loss", "ctc_ace", "--ace_weight", "0.05", "--ace_ramp", "0"],
    "CTC + 0.1 ACE": ["--loss", "ctc_ace", "--ace_weight", "0.1", "--ace_ramp", "0"],
    "CTC + 0.3 ACE": ["--loss", "ctc_ace", "--ace_weight", "0.3", "--ace_ramp", "0"],
    "CTC + 0.1 ACE, ramped": ["--loss", "ctc_ace", "--ace_weight", "0.1", "--ace_ramp", "1000"],
    "ACE": ["--loss", "ace"],
}
RECIPE = ["--recipe", "demo", "--share_parts", "--augment_ramp", "0", "--dev_step", "1", "--gpu_rank", "0"]
Curve = list[float]  # dev error rate after each epoch


def name_of(variant: str, seed: int) -> str:
    """A run's --model_name."""
    return "".join(c if c.isalnum() else "_" for c in variant.lower()) + f"_{seed}"


def train(variant: str, seed: int, runs: Path, epochs: int, options: Sequence[str]) -> None:
    """One run, unless it is there; raises SystemExit with what it printed last when it fails."""
    name = name_of(variant, seed)
    done = runs / f"{name}.done"
    if done.exists():
        return
    command = [sys.executable, str(ROOT / "train.py"), *RECIPE, *options, *VARIANTS[variant]]
    command += ["--epochs", str(epochs), "--seed", str(seed), "--threads", "1", "--num_workers", "1"]
    command += ["--model_path", str(runs), "--model_name", name]
    if (runs / f"{name}.state.pt").exists():
        command.append("--load_model")
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if ended.returncode:
        raise SystemExit(f"{name}: train.py ended with {ended.returncode}:\n{ended.stderr[-2000:]}")
    done.touch()
    print(f"{name}: {100 * curve_of(name, runs)[-1]:.1f} %", flush=True)


def curve_of(name: str, runs: Path) -> Curve:
    """The dev error rates of a run, from its TensorBoard; of an epoch measured twice the later."""
    at: dict[int, float] = {}
    for file in sorted((runs / "tensorboard" / name).glob("events*")):
        events = EventAccumulator(str(file), size_guidance={"scalars": 0})
        events.Reload()
        at |= {event.step: event.value for event in events.Scalars("dev/ser")}
    return [at[step] for step in sorted(at)]


def table(curves: Mapping[str, Sequence[Curve]]) -> str:
    """Of each variant its mean error rate after the last epoch and how it differs from the first variant's, by seed."""
    lines = [
        "| loss | dev SER %, mean | each seed | difference to CTC (95 % interval) | epochs to twice CTC's last |",
        "|---|---|---|---|---|",
    ]
    first = [curve[-1] for curve in next(iter(curves.values()))]
    goal = 2 * statistics.mean(first)
    for variant, runs in curves.items():
        last = [curve[-1] for curve in runs]
        apart = [100 * (a - b) for a, b in zip(last, first, strict=True)]
        if variant == next(iter(curves)):
            difference = ""
        elif len(apart) < 2:
            difference = f"{apart[0]:+.1f}"
        else:
            half = student.ppf(0.975, len(apart) - 1) * statistics.stdev(apart) / math.sqrt(len(apart))
            middle = statistics.mean(apart)
            difference = f"{middle:+.1f} ({middle - half:+.1f} to {middle + half:+.1f})"
        reached = [next((n for n, rate in enumerate(curve, 1) if rate <= goal), None) for curve in runs]
        epochs = "never" if None in reached else f"{statistics.mean(n for n in reached if n):.1f}"
        seeds = ", ".join(f"{100 * rate:.1f}" for rate in last)
        lines.append(f"| {variant} | {100 * statistics.mean(last):.1f} | {seeds} | {difference} | {epochs} |")
    return "\n".join(lines)


def draw(curves: Mapping[str, Sequence[Curve]], path: Path) -> None:
    """The mean curve of each variant, with the range of its seeds."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    for variant, runs in curves.items():
        columns = list(zip(*runs, strict=True))
        epochs = range(1, len(columns) + 1)
        [line] = axes.plot(epochs, [100 * statistics.mean(rates) for rates in columns], label=variant)
        low, high = ([100 * best(rates) for rates in columns] for best in (min, max))
        axes.fill_between(epochs, low, high, color=line.get_color(), alpha=0.15)
    axes.set(xlabel="epoch", ylabel="toned SER on dev, %", ylim=(0, 105))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=100)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="runs at once")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "ace", help="where the runs are kept")
    args, options = parser.parse_known_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    jobs = [(variant, seed) for seed in range(1, args.seeds + 1) for variant in VARIANTS]
    with ThreadPoolExecutor(args.jobs) as pool:
        list(pool.map(lambda job: train(job[0], job[1], args.runs, args.epochs, options), jobs))
    curves = {v: [curve_of(name_of(v, seed), args.runs) for seed in range(1, args.seeds + 1)] for v in VARIANTS}
    docs = ROOT / "docs"
    draw(curves, docs / "ace.png")
    head = (
        f"`python benchmarks/ace.py{''.join(f' {option}' for option in options)}`, {date.today().isoformat()}, "
        f"{machine()}: {args.epochs} epochs, seeds 1 to {args.seeds}."
    )
    picture = "![Toned SER on dev after each epoch, mean and range of the seeds](ace.png)"
    rows = table(curves)
    write_section("ace", "\n\n".join((head, rows, picture)), docs / "ace.md")
    print(rows)


if __name__ == "__main__":
    main()
