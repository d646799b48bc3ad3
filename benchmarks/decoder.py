"""CTC decoders side by side: time, memory, and how often each one misses the best label sequence.

    python benchmarks/decoder.py [--sets peaky flat long] [--beams 10 30 100 500] [--peers DIR]

All decode the same posteriors, each in a process of its own on one thread, without a language model; 40 units per frame
where a decoder has that option, else its own pruning. Answers are compared by their exact log probability under CTC
(torch.nn.functional.ctc_loss, float64) to the best one that any decoder found with any beam. Peers run in the Python
DIR/venv/bin/python, with the folders DIR/site_* on its path; what is not installed there is left out. Writes its
section of docs/benchmarks.md.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import posteriors
import torch
from bench_training import machine
from decoder_worker import DECODERS, OURS
from table import BENCHMARKS, write_section

WORKER = Path(__file__).with_name("decoder_worker.py")
SAME = 1e-3  # nats: label sequences nearer than this are equally good


@dataclass(frozen=True)
class Cell:
    """What a decoder did on a set with a beam. CPU microseconds a frame; `missed` by how many nats, by utterance."""

    micros: float
    megabytes: float
    missed: tuple[float, ...]

    def text(self) -> str:
        if len(self.missed) == 1:
            return f"{self.micros:,.1f} ({self.missed[0]:.1f})"
        return f"{self.micros:,.1f} ({sum(gap > SAME for gap in self.missed)} of {len(self.missed)})"


class Judge:
    """Exact log probabilities of label sequences, and the best label sequence of each utterance so far."""

    def __init__(self, arrays: Sequence[np.ndarray]):
        self.arrays = [torch.from_numpy(array).double()[:, None] for array in arrays]
        self.scores: list[dict[tuple[int, ...], float]] = [{} for _ in arrays]

    def add(self, answers: Sequence[Sequence[int]]) -> None:
        """Label sequences of the first utterances."""
        for log_probs, scores, answer in zip(self.arrays, self.scores, map(tuple, answers), strict=False):
            if answer not in scores:
                labels = torch.tensor([answer], dtype=torch.long)
                lengths = torch.tensor([len(log_probs)]), torch.tensor([len(answer)])
                loss = torch.nn.functional.ctc_loss(log_probs, labels, *lengths, reduction="sum")
                scores[answer] = -float(loss)

    def missed(self, answers: Sequence[Sequence[int]]) -> tuple[float, ...]:
        """How far below the best known each one is."""
        return tuple(
            max(scores.values()) - scores[answer]
            for scores, answer in zip(self.scores, map(tuple, answers), strict=False)
        )


class Runner:
    """Runs workers, and keeps what cannot be run with the reason."""

    def __init__(self, peers: Path, budget: float, limit: float, gigabytes: float):
        self.peers, self.budget, self.limit, self.gigabytes = peers, budget, limit, gigabytes
        self.absent: dict[str, str] = {}
        self.versions: dict[str, str] = {}

    def run(self, name: str, file: Path, beam: int, threads: int = 0) -> dict[str, Any] | str:
        """The worker's result, or why there is none."""
        python = Path(sys.executable) if name in OURS else self.peers / "venv" / "bin" / "python"
        if not python.exists():
            self.absent[name] = f"no Python at {python}"
            return "absent"
        command = [str(python), str(WORKER), name, str(file), "--beam", str(beam), "--budget", str(self.budget)]
        command += ["--gigabytes", str(self.gigabytes), "--threads", str(threads)]
        path = "" if name in OURS else os.pathsep.join(map(str, sorted(self.peers.glob("site_*"))))
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": path}
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=self.limit, env=environment)
        except subprocess.TimeoutExpired:
            return f"> {self.limit:.0f} s"
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
            if any(sign in reason for sign in ("ModuleNotFoundError", "ImportError", "does not load")):
                self.absent[name] = reason
                return "absent"
            memory = "bad_alloc" in reason or "MemoryError" in reason or "memory allocation" in reason
            return f"> {self.gigabytes:.0f} GB" if memory else f"fails: {reason[:60]}"
        result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        self.versions[name] = result["version"]
        return result


def measure(
    runner: Runner, names: Sequence[str], beams: Sequence[int], file: Path, arrays: Sequence[np.ndarray]
) -> Mapping[tuple[str, int], Cell | str]:
    """All decoders with all beams on one set, those of one beam after one another."""
    judge = Judge(arrays)
    results: dict[tuple[str, int], dict[str, Any] | str] = {}
    for beam in beams:
        for name in names:
            if name in runner.absent:
                continue
            smaller = [results.get((name, other)) for other in beams if other < beam]
            gave_up = any(isinstance(result, str) for result in smaller)
            result = "" if gave_up else runner.run(name, file, beam)
            if result == "absent":
                print(f"{name}: left out, {runner.absent[name]}", file=sys.stderr, flush=True)
                continue
            results[name, beam] = result
            if isinstance(result, dict):
                judge.add(result["answers"])
                shown = f"{1e6 * result['cpu'] / result['frames']:.1f} µs per frame"
            else:
                shown = result
            print(f"{file.stem}, beam {beam}, {name}: {shown}", file=sys.stderr, flush=True)
    return {
        key: result
        if isinstance(result, str)
        else Cell(1e6 * result["cpu"] / result["frames"], result["megabytes"], judge.missed(result["answers"]))
        for key, result in results.items()
    }


def table(title: str, cells: Mapping[tuple[str, int], Cell | str], names: Sequence[str], beams: Sequence[int]) -> str:
    """A row a decoder, a column a beam; memory with the largest beam that it managed."""
    lines = [f"### {title}", "", "| decoder | " + " | ".join(f"beam {beam}" for beam in beams) + " | MB |"]
    lines.append("|---" * (len(beams) + 2) + "|")
    for name in names:
        row = [cells[name, beam] for beam in beams if (name, beam) in cells]
        if not row:
            continue
        texts = [cell.text() if isinstance(cell, Cell) else cell or "-" for cell in row]
        memory = max((cell.megabytes for cell in row if isinstance(cell, Cell)), default=float("nan"))
        lines.append(f"| {name} | {' | '.join(texts)} | {memory:,.0f} |")
    return "\n".join(lines)


def ratios(cells: Mapping[tuple[str, int], Cell | str], beams: Sequence[int]) -> str:
    """How many times our time each peer takes, with each beam."""
    lines = []
    for beam in beams:
        ours = cells.get(("ctc_decode", beam))
        others = {
            name: cell.micros
            for (name, other), cell in cells.items()
            if other == beam and name != "ctc_decode" and isinstance(cell, Cell)
        }
        if isinstance(ours, Cell) and others:
            listed = ", ".join(f"{name} {micros / ours.micros:.1f}" for name, micros in others.items())
            lines.append(f"Times of ctc_decode that others take, beam {beam}: {listed}.")
    return "\n\n".join(lines)


def threads(runner: Runner, file: Path, beam: int) -> str:
    """One batch on one thread and on two."""
    one, two = (runner.run("ctc_decode", file, beam, threads) for threads in (1, 2))
    if isinstance(one, str) or isinstance(two, str):
        return f"Batch on two threads: {one if isinstance(one, str) else two}."
    micros = [1e6 * result["wall"] / result["frames"] for result in (one, two)]
    return (
        f"{file.stem} as one batch, beam {beam}, wall time: {micros[0]:.1f} µs per frame on one thread, "
        f"{micros[1]:.1f} on two, {micros[0] / micros[1]:.2f} times as fast."
    )


def read_or_make(folder: Path | None, sets: Sequence[str], seed: int) -> Mapping[str, list[np.ndarray]]:
    """The posteriors: from FOLDER/<set>.npz with arrays logp_0, logp_1, ..., or made."""
    if folder is None:
        return posteriors.make(seed)
    made = {}
    for name in sets:
        with np.load(folder / f"{name}.npz") as file:
            made[name] = [file[f"logp_{i}"] for i in range(sum(key.startswith("logp_") for key in file))]
    return made


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--sets", nargs="+", default=["peaky", "flat", "long"])
    parser.add_argument("--beams", nargs="+", type=int, default=[10, 30, 100, 500])
    parser.add_argument("--decoders", nargs="+", default=list(DECODERS), choices=list(DECODERS), metavar="NAME")
    parser.add_argument("--posteriors", type=Path, help="folder of .npz files instead of posteriors made here")
    parser.add_argument("--seed", type=int, default=20261122)
    parser.add_argument("--peers", type=Path, default=Path("~/.cache/ramospeech-peers/decoders").expanduser())
    parser.add_argument("--budget", type=float, default=10.0, help="CPU seconds a decoder has for a set and a beam")
    parser.add_argument("--limit", type=float, default=90.0, help="seconds after which it is stopped")
    parser.add_argument("--gigabytes", type=float, default=6.0, help="memory that it may have")
    parser.add_argument("--output", type=Path, default=BENCHMARKS, help="the document with the section to write")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    runner = Runner(arguments.peers, arguments.budget, arguments.limit, arguments.gigabytes)
    sets = read_or_make(arguments.posteriors, arguments.sets, arguments.seed)
    beams = sorted(arguments.beams)
    parts = []
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.sets:
            file = Path(folder) / f"{name}.npz"
            arrays: dict[str, Any] = {f"logp_{i}": array for i, array in enumerate(sets[name])}
            np.savez(file, **arrays)
            cells = measure(runner, arguments.decoders, beams, file, sets[name])
            frames = sum(map(len, sets[name]))
            title = f"{name}: {len(sets[name])} of {frames / len(sets[name]):,.0f} frames on average"
            parts.append(table(title, cells, arguments.decoders, beams))
            parts.append(ratios(cells, beams))
            if len(sets[name]) > 1 and "ctc_decode" not in runner.absent and "ctc_decode" in arguments.decoders:
                parts.append(threads(runner, file, 30))
    releases = ", ".join(f"{name} {release}" for name, release in runner.versions.items() if release)
    head = f"""## CTC decoding

`python benchmarks/decoder.py`, {date.today().isoformat()}, {machine()}. {posteriors.V} units, one thread, no
language model. A cell is CPU microseconds a frame and, in brackets, how many utterances got a label sequence of lower
exact probability than the best known (of one utterance: how many nats lower). MB is what decoding adds to the process
at most. A decoder gets {arguments.budget:.0f} CPU seconds for a cell (utterances then left are not counted), at most
{arguments.limit:.0f} s and {arguments.gigabytes:.0f} GB. The hotwords are random phrases of 2 to 5 units with a boost
of 5: what they add is not in the exact probability. {releases}."""
    absent = [f"Left out: {name} ({reason})." for name, reason in runner.absent.items()]
    text = "\n\n".join(part for part in [head, *parts, *absent] if part)
    print(text)
    write_section("decoder", text, arguments.output)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
