"""One job of benchmarks/busy.py: does it for each line of stdin, and prints the seconds it took."""

# ruff: noqa: E402  (torch reads the environment when it is imported)
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from ramospeech import environment

OURS = sys.argv[2] == "ours"
if OURS:
    environment.prepare(environment.MAX_TRANSCRIBING_THREADS if sys.argv[1] == "transcribe" else None)

import time
from collections.abc import Callable

import torch
from bench_training import new_trainer

from ramospeech import parallel
from ramospeech.corpora import Limits
from ramospeech.data import Loader, read_clips
from ramospeech.model import AcousticModel, ModelConfig
from ramospeech.pipeline import Transcriber
from ramospeech.text import Vocabulary
from ramospeech.training import choose_device

CLIPS = 20
STEPS, BATCH = 2, 8


def transcribing() -> Callable[[], object]:
    """The demo's test clips by the shipped models."""
    transcriber = Transcriber.from_pretrained()
    clips = sorted((ROOT / "demo" / "audio" / "test").glob("*.ogg"))[:CLIPS]
    return lambda: list(transcriber.transcribe_batch(clips))


def training() -> Callable[[], object]:
    """Steps on clips of the demo that are in memory."""
    workers = parallel.connect()
    torch.manual_seed(1)
    if OURS:
        choose_device(0, "no", None, workers)
    model = AcousticModel(ModelConfig(units=Vocabulary.inventory().units, features="fbank"))
    trainer = new_trainer(model, workers)
    limits = Limits(reduction=model.reduction, vocabulary=model.vocabulary, durations="list")
    clips = read_clips([ROOT / "data_config" / "demo_train.txt"], ROOT / "demo", limits).clips
    load = Loader(clips, data_root=ROOT / "demo", vocabulary=model.vocabulary, reduction=model.reduction)
    batches = list(load([list(range(first, first + BATCH)) for first in range(0, STEPS * BATCH, BATCH)]))
    return lambda: [trainer.step(batch, 1e-4) for batch in batches]


def main() -> None:
    job = {"transcribe": transcribing, "train": training}[sys.argv[1]]()
    for _ in sys.stdin:
        started = time.perf_counter()
        job()
        print(time.perf_counter() - started, flush=True)


if __name__ == "__main__":
    main()
