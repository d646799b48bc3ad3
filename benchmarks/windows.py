"""Batches of windows that are made on the device: how fast, which effect costs what, and how long training waits.

    python benchmarks/windows.py                       on a GPU, a minute; writes its section of docs/benchmarks.md
    python benchmarks/windows.py --device cpu          tries the program itself on a CPU with a small network

Clips of 1 to 8 s of random samples; effects as the recipe `accurate` has them, with recordings of noise and music. Then
Whisper base's encoder with a BiLSTM, from random weights, trains on the same batches.

Exit status 0; 2 without a GPU.
"""

import argparse
import sys
import time
import tomllib
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import torch
from gpu_bound import synchronize
from table import write_section

from ramospeech.augment import BATCH_EFFECTS, BatchAugment, Sounds, Sources
from ramospeech.data import Corpora, WindowBatches, WindowPlanner, dummy_batch
from ramospeech.data.windows import cut_out
from ramospeech.model import AcousticModel, ModelConfig
from ramospeech.parallel import SingleProcess
from ramospeech.text import Vocabulary
from ramospeech.training import Meter, Trainer

RECIPE = tomllib.loads((Path(__file__).resolve().parent.parent / "data_config/recipes/accurate.toml").read_text())
CLIPS, RATE = 400, 16_000


def new_batches(device: torch.device, words: list[str], seconds: list[float], batch_seconds: float) -> WindowBatches:
    """Batches of windows of random clips with the effects that `words` name."""
    rng = np.random.default_rng(1)
    waveforms = [rng.integers(-3_000, 3_000, int(RATE * s), np.int16) for s in rng.uniform(1.0, 8.0, CLIPS)]
    sounds = Sounds.of(waveforms, device)
    labels = [rng.integers(2, 2_000, max(1, len(waveform) // 5_000)).tolist() for waveform in waveforms]
    rooms = torch.randn(8, RATE, device=device) * torch.linspace(0, -8, RATE, device=device).exp()
    augment = BatchAugment.of(words, Sources((5.0, 30.0), sounds, sounds, rooms))
    corpora = Corpora(np.zeros(CLIPS, int), sounds.lengths, [1.0])
    planner = WindowPlanner(
        sounds, labels, corpora, seconds, batch_seconds, (0.87, 1.18), 4, lambda a, b: [*a, *b], sounds, 0.04
    )
    return WindowBatches(planner, sounds.samples, augment)


def milliseconds(work: Callable[[int], object], steps: int, device: torch.device) -> float:
    """Time of one call, after a first that is not counted."""
    work(0)
    synchronize(device)
    start = time.perf_counter()
    for number in range(1, steps + 1):
        work(number)
    synchronize(device)
    return 1e3 * (time.perf_counter() - start) / steps


def training(device: torch.device, batches: WindowBatches, steps: int) -> tuple[float, float, float]:
    """Audio seconds per second, the fraction of the time spent waiting for batches, and peak GB of the device."""
    on_gpu = device.type == "cuda"
    sizes = {} if on_gpu else {"width": 64, "layers": 1, "rnn": 16}
    model = AcousticModel(ModelConfig(Vocabulary.inventory().units, "whisper", share_parts=True, **sizes)).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
    amp = "bf16" if on_gpu else "no"
    trainer = Trainer(model, optimizer, model.loss, SingleProcess(), device, dummy_batch(), amp=amp, average=0.999)
    for batch in batches(range(3)):
        trainer.step(batch, lr=1e-5)
    synchronize(device)
    meter = Meter()
    for batch in meter.waiting(batches(range(3, 3 + steps))):
        meter.add(trainer.step(batch, lr=1e-5))
    synchronize(device)
    memory = torch.cuda.max_memory_allocated(device) / 2**30 if on_gpu else 0.0
    return meter.speed, meter.waiting_share, memory


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1 ...; cpu tries the program itself")
    parser.add_argument("--steps", type=int, help="of each measurement (default: 20, on a CPU 1)")
    parser.add_argument("--batch_seconds", type=float, help="of audio (default: those of the recipe, on a CPU 25)")
    args = parser.parse_args(argv)
    device = torch.device(args.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print("error: torch finds no CUDA GPU here; `--device cpu` tries the program", file=sys.stderr)
        return 2
    on_gpu = device.type == "cuda"
    steps = args.steps or (20 if on_gpu else 1)
    size = args.batch_seconds or (RECIPE["batch_seconds"] if on_gpu else 25.0)
    words = [*RECIPE["augment"], "noise=0.3", "music=0.1"]
    batches = new_batches(device, words, [12.0], size)
    plans = [batches.planner(number) for number in range(steps + 1)]
    alone = milliseconds(lambda number: batches.batch(plans[number], number), steps, device)
    planning = milliseconds(batches.planner, steps, device)
    cutting = milliseconds(lambda number: cut_out(plans[number], batches.samples), steps, device)
    lines = [f"| planning, by a thread | {planning:.1f} |", f"| cutting out, with speeds | {cutting:.1f} |"]
    for name in BATCH_EFFECTS:
        one = new_batches(device, [f"{name}=1"], [12.0], size)
        spent = milliseconds(lambda number, one=one: one.batch(plans[number], number), steps, device)
        lines.append(f"| {name}, on all windows | {max(0.0, spent - cutting):.1f} |")
    speed, waited, memory = training(device, new_batches(device, words, RECIPE["windows"], size), steps)
    text = "\n".join([
        "## Windows that are made on the device\n",
        f"`python benchmarks/windows.py`, {date.today().isoformat()}, "
        f"{torch.cuda.get_device_name(device) if on_gpu else 'CPU'}, torch {torch.__version__}. Batches of {size:g} s "
        f"with the effects of the recipe `accurate`: {alone:.1f} ms each, {size / alone * 1e3:,.0f} audio seconds per "
        f"second. In training of {'Whisper base' if on_gpu else 'a small network'} on them {speed:,.0f} audio seconds "
        f"per second, {waited:.0%} of the time spent waiting for batches, {memory:.1f} GB.\n",
        "| part of a batch | ms |",
        "|---|---|",
        *lines,
    ])  # fmt: skip
    print(text)
    if on_gpu:
        write_section("windows", text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
