"""Transcribing and training on an idle machine and on a busy one, as our programs compute and as torch does by itself.

    python benchmarks/busy.py [--rounds 3]         a few minutes, on a machine that does nothing else meanwhile

Each job runs in two processes, one with threads and waiting as our programs set them (ramospeech/environment.py), one
as torch has them. They take turns: idle, beside a process that keeps one core busy, and beside one for each core; they
start under that load, at which our programs look. The median of the rounds counts. A busy core is shared by two, so the
fair share of a machine of C cores with B of them busy is 1 - B / 2C of it; the time it should take is that of the
faster process on the idle machine divided by that. Writes its section of docs/benchmarks.md.
"""

import argparse
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench_training import machine
from table import write_section

from ramospeech import environment, errors

WORKER = Path(__file__).with_name("busy_worker.py")
JOBS = {"transcribe": "transcribing 20 demo clips", "train": "2 training steps of 8 demo clips"}
SETTINGS = {"ours": "ramospeech", "torch": "torch's own"}
IDLE_RUNS = 5  # in a round: what an idle machine loses is a few per cent, so it needs more of them
Times = dict[tuple[str, int], list[float]]  # by setting and busy cores: the seconds of each round


class Worker:
    """A process that does a job each time it is asked to."""

    def __init__(self, job: str, setting: str):
        command = [sys.executable, str(WORKER), job, setting]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self) -> float:
        """Do the job once; its seconds. Raises UsageError where the process failed; its own message is on stderr."""
        assert self._process.stdin and self._process.stdout
        try:
            self._process.stdin.write("run\n")
            self._process.stdin.flush()
            return float(self._process.stdout.readline())
        except (OSError, ValueError):
            raise errors.UsageError(f"{WORKER.name} failed, see above") from None

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


@contextmanager
def busy(count: int) -> Iterator[None]:
    """Keep `count` cores busy meanwhile."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def measure(job: str, loads: list[int], rounds: int) -> Times:
    """The seconds of a job in each setting under each load."""
    times: Times = {(setting, load): [] for setting in SETTINGS for load in loads}
    for load in loads:
        with busy(load), ExitStack() as stack:  # programs look at the load when they start
            workers = {}
            for setting in SETTINGS:
                workers[setting] = worker = Worker(job, setting)
                stack.callback(worker.close)
                worker.run()  # warms up, and has started before the next one does
            for _ in range(rounds * (1 if load else IDLE_RUNS)):
                for setting, worker in workers.items():
                    times[setting, load].append(worker.run())
    return times


def rows(name: str, times: Times, cores: int) -> list[str]:
    """A row of the table for each setting."""
    medians = {key: statistics.median(seconds) for key, seconds in times.items()}
    loads = sorted({load for _, load in times})
    best = min(medians[setting, 0] for setting in SETTINGS)
    table = []
    for setting, shown in SETTINGS.items():
        idle = medians[setting, 0]
        cells = [f"{idle:.2f} s, {100 * (idle / best - 1):+.1f} %"]
        for load in loads[1:]:
            fair = best / (1 - load / (2 * cores))
            cells.append(f"{medians[setting, load]:.2f} s, {medians[setting, load] / fair:.2f}")
        table.append(f"| {name} | {shown} | " + " | ".join(cells) + " |")
    return table


@errors.program
def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=3, help="of which the median counts")
    arguments = parser.parse_args(argv)
    if arguments.rounds < 1:
        raise errors.UsageError(f"--rounds is {arguments.rounds}; it must be at least 1")
    cores = environment.cores()
    loads = sorted({0, 1, cores})
    lines = []
    for job, name in JOBS.items():
        lines += rows(name, measure(job, loads, arguments.rounds), cores)
        print("\n".join(lines[-len(SETTINGS) :]), flush=True)
    heads = ["job", "threads", "idle, more than the faster", *(f"{load} of {cores} cores busy" for load in loads[1:])]
    write_section(
        "busy",
        f"## Busy machines\n\n`python benchmarks/busy.py`, {date.today().isoformat()}, {machine()}. Threads and how "
        "they wait as our programs set them, beside torch's own. Beside other programs: seconds, and that divided by "
        "what a fair share of the machine would take.\n\n"
        f"| {' | '.join(heads)} |\n" + "|---" * len(heads) + "|\n" + "\n".join(lines),
    )


if __name__ == "__main__":
    raise SystemExit(main())
