"""All architectures on the same data with the same time to train: errors, sizes and speeds in one table.

    python benchmarks/architectures.py [--minutes 20] [--workers 2] [--only NAME...] [--runs DIR]

Trains each of NETWORKS on the corpus of the demo with about so many minutes of processor time, all workers together:
one epoch of each is timed, and the epochs that fit are run. Then the test part is transcribed with one thread and no
translator, as `ramospeech transcribe` decodes by default (greedily by the CTC head), and where there is an attention
head, by the search with both. Processor time hardly depends on the load. A run that is finished is not done again.
Writes its section of docs/benchmarks.md.
"""

import argparse
import json
import os
import re
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import torch
from bench_training import ROOT, machine
from recordings import shown
from table import write_section

from ramospeech import Transcriber, errors
from ramospeech.corpora import read_list
from ramospeech.model import load_model
from ramospeech.recogniser import AttentionDecoding
from ramospeech.score import ser

JOINT = "--heads ctc attention --speller 128 --speller_embedding 64 --speller_dropout 0.1 --attention_heads 2"
NETWORKS = {  # options of train.py
    "dfcnn": "--recipe demo",
    "dfcnn-attention": f"--recipe demo {JOINT}",
    "deepspeech": "--recipe demo-deepspeech2 --model deepspeech",
    "deepspeech2": "--recipe demo-deepspeech2",
    "las": "--recipe demo-las",
    "pyramidal": "--recipe demo-pyramidal",
}
TEST = ROOT / "data_config" / "demo_test.txt"


@dataclass(frozen=True)
class Run:
    """What training cost: epochs, and minutes of processor time of all workers."""

    epochs: int
    minutes: float


def child_minutes() -> float:
    """Return the processor time of the programs that have ended, in minutes."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (used.ru_utime + used.ru_stime) / 60


def train(name: str, epochs: int, workers: int, folder: Path) -> float:
    """Train and return the minutes of processor time. Raises TrainingError with what was printed last."""
    command = [sys.executable, str(ROOT / "train.py"), *NETWORKS[name].split(), "--epochs", str(epochs)]
    command += ["--model_path", str(folder), "--model_name", name, "--threads", "1", "--num_workers", "1"]
    command += ["--device", "cpu"]
    if workers > 1:
        command = [str(Path(sys.executable).with_name("horovodrun")), "-np", str(workers), *command]
    before = child_minutes()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    if done.returncode:
        raise errors.TrainingError(f"{name}: {(done.stderr + done.stdout)[-2000:]}")
    return child_minutes() - before


def trained(name: str, minutes: float, workers: int, runs: Path) -> Run:
    """Return what a finished run has cost, or train for so many minutes of processor time."""
    done = runs / f"{name}.done.json"
    if not done.exists():
        epochs = max(1, int(minutes / train(name, 1, workers, runs / "first")))
        used = train(name, epochs, workers, runs)
        done.write_text(json.dumps({"epochs": epochs, "minutes": used}))
    return Run(**json.loads(done.read_text()))


def row(name: str, run: Run, runs: Path) -> str:
    """Transcribe the test part and return the table's line."""
    path = runs / f"{name}.safetensors"
    model = load_model(path)
    torch.set_num_threads(1)
    score, speed = transcribed(Transcriber.from_pretrained(path, False))
    both = "-"
    if "attention" in model.config.heads:
        both, _ = transcribed(Transcriber.from_pretrained(path, False, decoder=lambda _: AttentionDecoding()))
    hours = float(model.summary["hours"]) * run.epochs
    described = re.sub(r" on .*", "", model.config.describe())
    heads = " and ".join(model.config.heads)
    return (
        f"| {name} | {described} | {heads} | {model.num_parameters / 1e6:.2f} | {run.epochs} | {run.minutes:.1f} | "
        f"{60 * hours / run.minutes:.0f} | {score} | {both} | {speed:.0f} |"
    )


def transcribed(transcriber: Transcriber) -> tuple[str, float]:
    """Return the error rate on the test part, and audio seconds per second of processor time."""
    clips = read_list(TEST)
    paths = [ROOT / "demo" / clip.path for clip in clips]
    list(transcriber.transcribe_batch(paths[:2]))
    began = time.process_time()
    found = [list(transcript.pinyin) for transcript in transcriber.transcribe_batch(paths)]
    speed = sum(clip.seconds or 0.0 for clip in clips) / (time.process_time() - began)
    return shown(ser([clip.pinyin for clip in clips], found)), speed


@errors.program
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--minutes", type=float, default=20.0, help="processor time for each, all workers together")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", nargs="+", default=tuple(NETWORKS), choices=tuple(NETWORKS), metavar="NAME")
    parser.add_argument("--runs", type=Path, default=ROOT / "runs" / "architectures")
    args = parser.parse_args()
    args.runs.mkdir(parents=True, exist_ok=True)
    lines = []
    for name in args.only:
        lines.append(row(name, trained(name, args.minutes, args.workers, args.runs), args.runs))
        print(lines[-1], flush=True)
    head = f"`python benchmarks/architectures.py --minutes {args.minutes:g} --workers {args.workers}`"
    titles = (
        "| network | encoder | heads | million parameters | epochs | CPU minutes | audio s trained on per CPU s | "
        "test SER % | by both heads | audio s transcribed per CPU s |"
    )
    write_section(
        "architectures",
        "\n".join(
            (
                "## Architectures",
                "",
                f"{head}, {date.today().isoformat()}, {machine()}: the 110 test clips of the demo, 95 % intervals.",
                "",
                titles,
                "|---|---|---|---|---|---|---|---|---|---|",
                *lines,
            )
        ),
    )


if __name__ == "__main__":
    raise SystemExit(main())
