"""Training on a GPU: throughput, memory, how busy the GPU is, against what it could do; one command, 4 minutes.

    python benchmarks/gpu.py                          on a GPU; writes its section of docs/benchmarks.md
    python benchmarks/gpu.py --device cpu --steps 2   tries the program itself on a CPU; writes nothing

The network of the original and that of the recipe aishell train on random audio in memory, in batches that grow until
memory or time ends. The bound is the larger of two times: the operations of a step at the rate of a large matrix
product, and the bytes that its kernels read and write at the rate of a large copy, both measured here. Then the loader
alone, both together, and the losses of CPU and GPU on the same batches in float32.

Exit status 0; 1 where the losses differ by more than 1e-3; 2 without a GPU.
"""

import argparse
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path

import numpy as np
import soundfile
import torch
from gpu_bound import bound, synchronize
from table import write_section

from ramospeech.corpora import Clip
from ramospeech.data import Batch, Loader, dummy_batch, pad, train_plan
from ramospeech.model import AcousticModel, ModelConfig
from ramospeech.model.encoders import ENCODERS
from ramospeech.parallel import SingleProcess
from ramospeech.text import Vocabulary
from ramospeech.training import Trainer, keep_freed_memory

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 240.0  # what a run takes at most; batches stop growing at half of it
BATCH_SECONDS = (60.0, 120.0, 240.0, 480.0, 960.0, 1920.0)
MAX_LENGTH, LABELS = 8.0, 3.0  # seconds of the longest clip, labels per second
CURVE_STEPS, AGREE = 50, 1e-3
UNITS_OF_THE_ORIGINAL = 1215


def original() -> ModelConfig:
    """The network of the original: 2,779,903 parameters."""
    units = ("<blank>", "<UNK>", *(f"u{i}" for i in range(UNITS_OF_THE_ORIGINAL - 2)))
    sizes = {"maps": (32, 64, 128, 128), "fc": 128, "rnn": 128, "rnn_layers": 4, "reduction": 8, "dropout_scale": 1.0}
    return ModelConfig(units, "dfcnn", "spectrogram", "clip", **sizes)


def recipe(name: str) -> ModelConfig:
    """The network of a recipe; what the recipe does not name is the default."""
    values = tomllib.loads((ROOT / "data_config" / "recipes" / f"{name}.toml").read_text("utf-8"))
    architecture = values.get("model", "dfcnn")
    sizes = {item.name for item in fields(ENCODERS[architecture].Sizes)}
    known = {"features", "normalise", "share_parts"} | sizes
    chosen = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items() if k in known}
    return ModelConfig(Vocabulary.inventory().units, architecture, **chosen)


def clips_in_memory(config: ModelConfig, seconds: float, longest: float = MAX_LENGTH, seed: int = 0) -> Batch:
    """Random audio of about so many seconds, padding included, in clips of `longest` / 2 to `longest` seconds."""
    rng = np.random.default_rng(seed)
    lengths = (16_000 * rng.uniform(longest / 2, longest, max(1, round(seconds / longest)))).astype(int)
    waveforms = [rng.normal(0, 0.05, length).astype(np.float32) for length in lengths]
    labels = [rng.integers(2, len(config.units), max(1, int(LABELS * n / 16_000))).tolist() for n in lengths]
    return pad(waveforms, labels, dummy_batch().clips * len(lengths))


def new_trainer(config: ModelConfig, device: torch.device, amp: str) -> Trainer:
    torch.manual_seed(1)
    model = AcousticModel(config).to(device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, fused=True)
    return Trainer(model, optimizer, model.loss, SingleProcess(), device, dummy_batch=dummy_batch(), amp=amp)


def busy_seconds(trainer: Trainer, batch: Batch) -> float | None:
    """Time of all kernels of a step, by torch's profiler; None on a CPU and where the profiler sees none."""
    if trainer.device.type != "cuda":
        return None
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA, ProfilerActivity.CPU]) as seen:
        trainer.step(batch, lr=1e-4)
        synchronize(trainer.device)
    total = sum(event.self_device_time_total for event in seen.key_averages())
    return total / 1e6 or None


@dataclass
class Row:
    """One batch size: seconds of audio and of a step, seconds at the bound, kernels' seconds, peak bytes."""

    network: str
    amp: str
    audio: float
    step: float
    bound: float
    limit: str
    busy: float | None
    memory: int

    def markdown(self) -> str:
        busy = f"{100 * min(1.0, self.busy / self.step):.0f} %" if self.busy else "-"
        return (
            f"| {self.network} | {self.amp} | {self.audio:.0f} | {self.audio / self.step:,.0f} | {1e3 * self.step:.1f} "
            f"| {1e3 * self.bound:.1f} ({self.limit}) | {busy} | {self.memory / 2**30:.2f} |"
        )


def measure(name: str, config: ModelConfig, device: torch.device, amp: str, batch: Batch, steps: int) -> Row:
    """Steps with one batch. The batch is moved to the device in each step, as in training."""
    trainer = new_trainer(config, device, amp)
    for _ in range(2):
        trainer.step(batch, lr=1e-4)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    synchronize(device)
    start = time.perf_counter()
    for _ in range(steps):
        trainer.step(batch, lr=1e-4)
    synchronize(device)
    step = (time.perf_counter() - start) / steps
    memory = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
    busy = busy_seconds(trainer, batch)
    limit, lower_bound = bound(trainer, batch, amp)
    return Row(name, amp, batch.amount, step, lower_bound, limit, busy, memory)


def throughput(device: torch.device, steps: int, until: float, longest: float) -> Iterator[Row]:
    """Rows of both networks in both precisions, until memory or time ends; on a CPU for the smallest batch only."""
    networks = {"original": original(), "recipe aishell": recipe("aishell")}
    for seconds in BATCH_SECONDS if device.type == "cuda" else (2 * longest,):
        for name, config in networks.items():
            for amp in ("no", "bf16"):
                if time.monotonic() > until:
                    return
                try:
                    yield measure(
                        name, config, device, amp, clips_in_memory(config, seconds, min(MAX_LENGTH, seconds)), steps
                    )
                except torch.OutOfMemoryError:
                    print(f"{name}, --amp {amp}: {seconds:g} s do not fit into memory", file=sys.stderr)
                    torch.cuda.empty_cache()


def loader_section(device: torch.device, longest: float, until: float) -> list[str]:
    """The loader alone, decoding and from its cache, and how long it keeps training waiting."""
    config, clips, batch_seconds = recipe("aishell"), *((400, 240.0) if device.type == "cuda" else (4, 2.0))
    vocabulary = Vocabulary(config.units)
    with tempfile.TemporaryDirectory() as folder:
        rng = np.random.default_rng(1)
        listed = []
        for i in range(clips):
            waveform = rng.normal(0, 0.05, int(16_000 * rng.uniform(longest / 4, longest)))
            soundfile.write(f"{folder}/{i}.flac", waveform, 16_000)
            syllables = tuple(rng.choice(vocabulary.units[2:], max(1, int(longest / 2))).tolist())
            listed.append(Clip(f"{i}.flac", syllables, "", len(waveform) / 16_000))
        seconds = [clip.seconds or 0.0 for clip in listed]
        plan = [step[0] for step in train_plan(seconds, batch_seconds, 256, 1, seed=1, epoch=1)]
        rows = []
        for threads in (2, 8):
            options = {"workers": threads, "speeds": (0.9, 1.0, 1.1), "cache_bytes": 2**31}
            loader = Loader(listed, folder, vocabulary, config.sizes.reduction, **options)  # type: ignore[arg-type]
            rates = []
            for epoch in (0, 1):  # decoded, then kept
                start = time.perf_counter()
                audio = sum(batch.amount for batch in loader(plan, epoch))
                rates.append(audio / (time.perf_counter() - start))
            line = f"| {threads} | {rates[0]:,.0f} | {rates[1]:,.0f} |"
            if time.monotonic() < until:
                trainer = new_trainer(config, device, "bf16")
                trainer.step(clips_in_memory(config, longest, longest), lr=1e-4)
                waited, start, audio = 0.0, time.perf_counter(), 0.0
                batches = iter(loader(plan, 2))
                while True:
                    asked = time.perf_counter()
                    batch = next(batches, None)
                    waited += time.perf_counter() - asked
                    if batch is None:
                        break
                    audio += trainer.step(batch, lr=1e-4).amount
                wall = time.perf_counter() - start
                line += f" {audio / wall:,.0f} | {100 * waited / wall:.0f} % |"
            else:
                line += " - | - |"
            rows.append(line)
    return [
        f"The loader, {sum(seconds) / 60:.0f} minutes of flac at three speeds, audio-seconds per second; training is "
        f"`--recipe aishell --amp bf16` in batches of at most {batch_seconds:g} s.\n",
        "| threads | alone, decoding | alone, from its cache | with training | training waits for it |",
        "|---|---|---|---|---|",
        *rows,
    ]


def curves(device: torch.device, steps: int, longest: float) -> tuple[float, float, float]:
    """First and last loss on the CPU, and the largest relative difference of the device's, over `steps` steps."""
    matmul, cudnn = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    config = ModelConfig.from_dict({**recipe("aishell").to_dict(), "dropout_scale": 0.0})
    batches = [clips_in_memory(config, 2 * longest, longest, seed) for seed in range(5)]
    losses = []
    for where in (torch.device("cpu"), device):
        trainer = new_trainer(config, where, "no")
        losses.append([trainer.step(batches[i % len(batches)], lr=1e-4).loss for i in range(steps)])
    torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = matmul, cudnn
    difference = max(abs(a - b) / abs(a) for a, b in zip(*losses, strict=True))
    return losses[0][0], losses[0][-1], difference


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1 ...; cpu tries the program itself")
    parser.add_argument("--steps", type=int, default=10, help="of training, for each row of the table")
    args = parser.parse_args(argv)
    device = torch.device(args.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        print("error: torch finds no CUDA GPU here; `--device cpu --steps 2` tries the program", file=sys.stderr)
        return 2
    start = time.monotonic()
    on_gpu = device.type == "cuda"
    end, longest = (start + SECONDS, MAX_LENGTH) if on_gpu else (float("inf"), MAX_LENGTH / 8)
    if not on_gpu:
        keep_freed_memory()
    first, last, difference = curves(device, CURVE_STEPS if on_gpu else args.steps, longest / 4)
    rows = []
    for row in throughput(device, args.steps, end - SECONDS / 2, longest):
        rows.append(row.markdown())
        print(rows[-1], file=sys.stderr, flush=True)
    text = "\n".join([
        "## Training on a GPU\n",
        f"`python benchmarks/gpu.py`, {date.today().isoformat()}, "
        f"{torch.cuda.get_device_name(device) if on_gpu else 'CPU'}, torch {torch.__version__}. Clips of "
        f"{longest / 2:g} to {longest:g} s, decoded and in memory.\n",
        "| network | `--amp` | s of audio in a batch | audio-seconds per second | ms a step | bound in ms | GPU busy "
        "| peak GB |",
        "|---|---|---|---|---|---|---|---|",
        *rows,
        "",
        *loader_section(device, longest, end - SECONDS / 5),
        "",
        f"Losses of CPU and {'GPU' if on_gpu else 'CPU'} on the same batches, float32 without TF32, dropout and "
        f"augmentation: from {first:.3f} to {last:.3f}, largest relative difference {difference:.1e}.",
    ])  # fmt: skip
    print(text)
    print(f"{time.monotonic() - start:.0f} s", file=sys.stderr)
    if on_gpu:
        write_section("gpu", text)
    if not difference <= AGREE:
        print(f"error: the losses of CPU and GPU differ by more than {AGREE:g}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
