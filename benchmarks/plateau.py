"""How soon training from nothing leaves the plateau that CTC begins with: the demo's recipe, by seed and by options.

    python benchmarks/plateau.py OUT plain= heads="--auxiliary 1" [--seeds 1 10] [--jobs 16] [--minutes 9]

A VARIANT is a name, an equals sign and options of train.py. Each run is stopped after --epochs of the recipe's 29, a
third; its learning rate is that of the whole run. One process takes steps of 8 clips, as the demo's two workers do
together, but for the statistics of batch normalisation, which are of 8 clips here and of 4 there. Runs that are stopped
by --minutes or by Ctrl-C are resumed by the same command. Prints a table in Markdown; a seed has left the plateau
where its dev SER, greedily, is below 90 %: the blank alone has 100.
"""

import argparse
import os
import re
import shlex
import signal
import statistics
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LEFT = 90.0  # % SER
MEASURED = re.compile(r"epoch (\d+): dev loss [\d.]+, SER ([\d.]+)%")
# The demo's two workers of 4 clips each, and the rate that --lr_scaling sqrt gives them.
ONE_WORKER = "--recipe demo --device cpu --threads 1 --batch_size 8 --lr 4.243e-3 --lr_scaling none"


class Runs:
    """Trainings in processes of their own, which `stop` ends: they save themselves first."""

    def __init__(self, epochs: int) -> None:
        self.epochs, self.stopped = epochs, threading.Event()
        self._processes: set[subprocess.Popen[str]] = set()

    def train(self, folder: Path, seed: int, options: list[str]) -> dict[int, float]:
        """Dev SER in % by epoch, of a run or of the rest of it."""
        name = f"seed{seed}"
        log = folder / f"{name}.log"
        found = measured(log)
        if max(found, default=0) >= self.epochs or self.stopped.is_set():
            return found
        resumed = ["--load_model"] if (folder / f"{name}.state.pt").exists() else []
        where = ["--model_path", str(folder), "--model_name", name, "--seed", str(seed)]
        command = [sys.executable, str(ROOT / "train.py"), *shlex.split(ONE_WORKER), *where, *options, *resumed]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
        self._processes.add(process)
        if self.stopped.is_set():
            process.send_signal(signal.SIGINT)
        last = ""
        assert process.stderr
        for line in process.stderr:
            last = line.strip() or last
            if (match := MEASURED.search(line)) and int(match[1]) >= self.epochs:
                process.send_signal(signal.SIGINT)
        self._processes.discard(process)
        if process.wait() not in (0, 130, -signal.SIGINT):
            print(f"{folder.name}, seed {seed}: {last}", file=sys.stderr)
        return measured(log)

    def stop(self) -> None:
        """Ask all runs to save and end."""
        self.stopped.set()
        for process in list(self._processes):
            process.send_signal(signal.SIGINT)


def measured(log: Path) -> dict[int, float]:
    """Dev SER in % by epoch, out of the log of a run; of an epoch that was measured twice the last."""
    lines = log.read_text("utf-8").splitlines() if log.exists() else []
    return {int(match[1]): float(match[2]) for line in lines if (match := MEASURED.search(line))}


def table(results: dict[str, dict[int, dict[int, float]]], epochs: int) -> str:
    """Rows of variants; results: dev SER by variant, seed and epoch."""
    lines = [
        f"| options | seeds | off the plateau after {epochs // 2} epochs | after {epochs} | mean SER | of each seed |",
        "|---|---|---|---|---|---|",
    ]
    for name, by_seed in results.items():
        done = {seed: found for seed, found in by_seed.items() if max(found, default=0) >= epochs}
        half = [min((found[e] for e in found if e <= epochs // 2), default=100.0) for found in done.values()]
        end = [found[max(e for e in found if e <= epochs)] for found in done.values()]
        mean = f"{statistics.mean(end):.1f}" if end else "-"
        each = " ".join(f"{ser:.0f}" for ser in end)
        left = f"{sum(ser < LEFT for ser in half)} | {sum(ser < LEFT for ser in end)}"
        lines.append(f"| {name} | {len(done)} of {len(by_seed)} | {left} | {mean} | {each} |")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("variants", nargs="+", metavar="NAME=OPTIONS")
    parser.add_argument("--seeds", type=int, nargs=2, default=(1, 10), metavar=("FIRST", "LAST"))
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="runs at a time")
    parser.add_argument("--minutes", type=float, help="stop after so many; the same command resumes")
    args = parser.parse_args(argv)
    variants = {name: shlex.split(more) for name, _, more in (word.partition("=") for word in args.variants)}
    seeds = range(args.seeds[0], args.seeds[1] + 1)
    runs = Runs(args.epochs)
    clock = threading.Timer(60 * args.minutes, runs.stop) if args.minutes else None
    signal.signal(signal.SIGINT, lambda *_: runs.stop())
    with ThreadPoolExecutor(args.jobs) as pool:
        jobs = {
            (name, seed): pool.submit(runs.train, args.out / name, seed, options)
            for seed in seeds
            for name, options in variants.items()
        }
        if clock:
            clock.start()
        results = {name: {seed: jobs[name, seed].result() for seed in seeds} for name in variants}
    if clock:
        clock.cancel()
    print(table(results, args.epochs))


if __name__ == "__main__":
    main()
