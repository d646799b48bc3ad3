"""How soon training from nothing leaves the plateau that CTC begins with: the demo's recipe, by seed and by options.

    python benchmarks/plateau.py OUT plain= heads="--auxiliary 1" [--seeds 1 10] [--jobs 16] [--until_left]

A VARIANT is a name, an equals sign and options of train.py. Each run is stopped after --epochs of the recipe's 24, a
third; its learning rate is that of the whole run. One process takes steps of 8 clips, as the demo's two workers do
together, but for the statistics of batch normalisation, which are of 8 clips here and of 4 there. Runs that are stopped
by --minutes or by Ctrl-C are resumed by the same command. With --until_left a run ends once it has left the plateau, a
fraction of the time. Prints a table in Markdown; a seed has left the plateau
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

    def __init__(self, epochs: int, until_left: bool = False) -> None:
        self.until_left = until_left
        self.epochs, self.stopped = epochs, threading.Event()
        self._processes: set[subprocess.Popen[str]] = set()

    def train(self, folder: Path, seed: int, options: list[str]) -> dict[int, float]:
        """Dev SER in % by epoch, of a run or of the rest of it."""
        name = f"seed{seed}"
        log = folder / f"{name}.log"
        found = measured(log)
        if any(self._is_last(epoch, ser) for epoch, ser in found.items()) or self.stopped.is_set():
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
            if (match := MEASURED.search(line)) and self._is_last(int(match[1]), float(match[2])):
                process.send_signal(signal.SIGINT)
        self._processes.discard(process)
        if process.wait() not in (0, 130, -signal.SIGINT):
            print(f"{folder.name}, seed {seed}: {last}", file=sys.stderr)
        return measured(log)

    def _is_last(self, epoch: int, ser: float) -> bool:
        return epoch >= self.epochs or (self.until_left and ser < LEFT)

    def stop(self) -> None:
        """Ask all runs to save and end."""
        self.stopped.set()
        for process in list(self._processes):
            process.send_signal(signal.SIGINT)


def measured(log: Path) -> dict[int, float]:
    """Dev SER in % by epoch, out of the log of a run; of an epoch that was measured twice the last."""
    lines = log.read_text("utf-8").splitlines() if log.exists() else []
    return {int(match[1]): float(match[2]) for line in lines if (match := MEASURED.search(line))}


def left_at(found: dict[int, float]) -> int:
    """The first epoch after which a run has left the plateau; 0 where it has not."""
    return min((epoch for epoch, ser in found.items() if ser < LEFT), default=0)


def table(results: dict[str, dict[int, dict[int, float]]], epochs: int) -> str:
    """Rows of variants; results: dev SER by variant, seed and epoch."""
    lines = [
        f"| options | seeds | off the plateau after {epochs // 2} epochs | after {epochs} | epoch of each "
        "| mean SER | of each |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, by_seed in results.items():
        done = {seed: found for seed, found in by_seed.items() if left_at(found) or max(found, default=0) >= epochs}
        lefts = [left_at(found) for found in done.values()]
        end = [found[max(e for e in found if e <= epochs)] for found in done.values() if max(found) >= epochs]
        mean = f"{statistics.mean(end):.1f}" if end else "-"
        each = " ".join(f"{ser:.0f}" for ser in end)
        left = f"{sum(0 < e <= epochs // 2 for e in lefts)} | {sum(0 < e <= epochs for e in lefts)}"
        left += " | " + " ".join(str(e or "-") for e in lefts)
        lines.append(f"| {name} | {len(done)} of {len(by_seed)} | {left} | {mean} | {each} |")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("variants", nargs="+", metavar="NAME=OPTIONS")
    parser.add_argument("--seeds", type=int, nargs=2, default=(1, 10), metavar=("FIRST", "LAST"))
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="runs at a time")
    parser.add_argument("--minutes", type=float, help="stop after so many; the same command resumes")
    parser.add_argument("--until_left", action="store_true", help="end a run once it has left the plateau")
    args = parser.parse_args(argv)
    variants = {name: shlex.split(more) for name, _, more in (word.partition("=") for word in args.variants)}
    seeds = range(args.seeds[0], args.seeds[1] + 1)
    runs = Runs(args.epochs, args.until_left)
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
