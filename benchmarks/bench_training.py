"""Training throughput: this loop against the plain way, without each measure, and with two workers; one command.

    python benchmarks/bench_training.py [--clips 48] [--data_type demo --data_root demo --config_path data_config]

The plain way is the one of the original toolkit: every clip padded to 1,600 frames, features by scipy clip by clip in
the loader, torch's own BatchNorm over the padding, the same network, optimizer and machine, in the same run. Ours
and the plain way take turns, and the median of the rounds counts. Then each measure that makes it fast is taken away in
turn. Without Horovod the last part is left out.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import numpy as np
import scipy.fft
import scipy.signal
import torch
from table import write_section
from torch import nn

from ramospeech import audio, losses, parallel
from ramospeech.corpora import Limits
from ramospeech.data import Batch, Loader, dummy_batch, pad, read_clips, train_plan
from ramospeech.model import AcousticModel, ModelConfig
from ramospeech.text import Vocabulary
from ramospeech.training import Trainer, keep_freed_memory

ROOT = Path(__file__).resolve().parent.parent
HOROVODRUN = Path(sys.executable).with_name("horovodrun")
PLAIN_FRAMES = 1600
CHANGES = {
    "bf16": "float32 instead of bfloat16",
    "buckets": "clips in any order instead of those of one length together",
    "cache": "audio decoded in every epoch instead of kept",
    "memory": "freed memory given back to the system instead of kept",
    "compile": "the network through torch.compile (not counting the compilation)",
}


def new_model(seed: int = 1) -> AcousticModel:
    """The default DFCNN on spectrograms."""
    torch.manual_seed(seed)
    return AcousticModel(ModelConfig(Vocabulary.inventory().units, features="spectrogram", normalise="clip"))


def new_trainer(model: AcousticModel, workers: parallel.Workers, amp: str = "no") -> Trainer:
    """Steps with CTC and AdamW."""

    def forward(batch: Batch, _: int) -> losses.Loss:
        return losses.ctc(*model(batch.waveforms, batch.lengths), batch.labels, batch.label_lengths)

    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    return Trainer(model, optimizer, forward, workers, torch.device("cpu"), dummy_batch=dummy_batch(), amp=amp)


def run_ours(trainer: Trainer, loader: Loader, plan: list[list[int]]) -> float:
    """Audio-seconds per second over the batches of one worker's plan."""
    start, seconds = time.perf_counter(), 0.0
    for batch in loader(plan):
        seconds += trainer.step(batch, lr=1e-4).amount
    return seconds / (time.perf_counter() - start)


class Plain(nn.Module):
    """The same network, trained as the original did: fixed shapes, padding in the statistics, torch's own layers."""

    def __init__(self) -> None:
        super().__init__()
        model = new_model()
        self.encoder, self.output = model.encoder, model.ctc
        for module in list(self.encoder.modules()):
            for name, child in list(module.named_children()):
                if isinstance(child, nn.BatchNorm2d):
                    setattr(module, name, PlainBatchNorm(child.num_features))
                elif isinstance(child, nn.Dropout):
                    setattr(module, name, nn.Dropout(child.p))

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.output(self.encoder(features, torch.full((len(features),), PLAIN_FRAMES))[0])


class PlainBatchNorm(nn.BatchNorm2d):
    """torch's own, called with a mask that it does not use."""

    def forward(self, x: torch.Tensor, _: object = None) -> torch.Tensor:  # type: ignore[override]
        return super().forward(x)


def scipy_features(path: Path) -> tuple[np.ndarray, int]:
    """log(|FFT| + 1) of 25 ms Hamming windows, one frame after another, padded to 1,600: (1600, 200) and frames."""
    waveform = audio.load(path) * 32768.0
    window = scipy.signal.get_window("hamming", 400, fftbins=False)
    frames = 1 + (len(waveform) - 400) // 160
    features = np.zeros((PLAIN_FRAMES, 200), dtype=np.float32)
    for t in range(frames):
        features[t] = np.log(np.abs(scipy.fft.fft(waveform[160 * t : 160 * t + 400] * window))[:200] + 1.0)
    return features, frames


def run_plain(model: Plain, optimizer: torch.optim.Optimizer, loader: Loader, plan: list[list[int]]) -> float:
    """Audio-seconds per second of the plain way, batch by batch."""
    criterion = nn.CTCLoss(zero_infinity=True)
    start, seconds = time.perf_counter(), 0.0
    model.train()
    for indices in plan:
        made = [scipy_features(loader.data_root / loader.clips[i].path) for i in indices]
        labels = pad([np.zeros(1, np.float32)] * len(indices), [loader.labels_of(i) for i in indices], [])
        log_probs = model(torch.from_numpy(np.stack([features for features, _ in made])))
        lengths = torch.tensor([frames // 8 for _, frames in made])
        loss = criterion(log_probs.transpose(0, 1), labels.labels, lengths, labels.label_lengths)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        seconds += sum(loader.clips[i].seconds or 0.0 for i in indices)
    return seconds / (time.perf_counter() - start)


def clips_of(args: argparse.Namespace, workers: int) -> tuple[Loader, list[list[list[int]]]]:
    """The first clips of the list and their plan for so many workers."""
    vocabulary = Vocabulary.inventory()
    lists = [Path(args.config_path) / f"{name}_train.txt" for name in args.data_type.split(",")]
    part = read_clips(lists, args.data_root, Limits(PLAIN_FRAMES, vocabulary=vocabulary, durations="list"))
    clips = part.clips[:: max(1, len(part.clips) // args.clips)][: args.clips]
    cache_bytes = 0 if args.change == "cache" else 2**28
    loader = Loader(clips, args.data_root, vocabulary, 8, workers=1, cache_bytes=cache_bytes)
    seconds = [clip.seconds or 0.0 for clip in clips]
    return loader, train_plan(seconds, 1e9, args.batch_size, workers, seed=1, epoch=1)


def worker(args: argparse.Namespace) -> None:
    """One worker of a run in processes of its own: prints the audio-seconds per second of all workers together."""
    workers = parallel.connect()
    loader, plan = clips_of(args, workers.size)
    if args.change != "memory":
        keep_freed_memory()
    if args.change == "buckets":
        order = np.random.default_rng(1).permutation(len(loader.clips)).tolist()
        plan = [[order[i : i + args.batch_size]] for i in range(0, len(order), args.batch_size)]
    model = new_model()
    if args.change == "compile":
        model.encoder = torch.compile(model.encoder, dynamic=True)  # type: ignore[assignment]
    trainer = new_trainer(model, workers, args.amp if args.change != "bf16" else "no")
    mine = [step[workers.rank] for step in plan]
    for _ in loader(mine):  # decoded once and kept, as from the second epoch of a training on
        pass
    run_ours(trainer, loader, mine[: len(mine) // 3])  # until the memory of the longest batch is there
    rates = [run_ours(trainer, loader, mine) for _ in range(args.rounds)]
    if workers.rank == 0:
        print(f"rate {statistics.median(rates):.4f}", flush=True)


def measured(args: argparse.Namespace, workers: int = 1, amp: str = "no", change: str = "") -> float:
    """The rate of so many workers with one thread each, in processes of their own."""
    launch = [str(HOROVODRUN), "-np", str(workers)] if workers > 1 else []
    options = ["--data_type", args.data_type, "--data_root", args.data_root, "--config_path", args.config_path]
    options += ["--clips", str(4 * args.clips), "--rounds", "1", "--batch_size", str(args.batch_size)]
    options += ["--amp", amp, "--change", change]
    done = subprocess.run(
        [*launch, sys.executable, __file__, "--worker", *options],
        capture_output=True, text=True, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    return float(done.stdout.split("rate ")[1].split()[0])


def machine() -> str:
    """The processor, as far as the system tells."""
    names = [
        line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line
    ]
    return f"{names[0] if names else platform.processor()}, {len(os.sched_getaffinity(0))} cores"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data_type", default="demo")
    parser.add_argument("--data_root", default=str(ROOT / "demo"))
    parser.add_argument("--config_path", default=str(ROOT / "data_config"))
    parser.add_argument("--clips", type=int, default=48)
    parser.add_argument("--batch_size", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--part", choices=("all", "loop", "measures", "workers"), default="all")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--amp", default="no", help=argparse.SUPPRESS)
    parser.add_argument("--change", default="", help=argparse.SUPPRESS)
    args = parser.parse_args()
    torch.set_num_threads(1)
    if args.worker:
        worker(args)
        return 0

    keep_freed_memory()
    if args.part in ("all", "loop"):
        loop_section(args)
    if args.part in ("all", "measures"):
        measures_section(args)
    if args.part in ("all", "workers"):
        workers_section(args)
    return 0


def head(title: str, args: argparse.Namespace) -> str:
    """A section's title, command, date and machine."""
    return f"""## {title}

`python benchmarks/bench_training.py`, {date.today().isoformat()}, {machine()}. The default network (2.8 M parameters,
spectrogram), batches of {args.batch_size} clips, one thread a process, """


def loop_section(args: argparse.Namespace) -> None:
    """This loop against the plain way."""
    loader, plan = clips_of(args, 1)
    batches = [step[0] for step in plan]
    plain = Plain()
    optimizer = torch.optim.AdamW(plain.parameters(), lr=1e-4)
    trainers = {amp: new_trainer(new_model(), parallel.SingleProcess(), amp) for amp in ("no", "bf16")}
    rates: dict[str, list[float]] = {"plain": [], "no": [], "bf16": []}
    for _ in range(args.rounds):
        for name, trainer in trainers.items():
            rates[name].append(run_ours(trainer, loader, batches))
        rates["plain"].append(run_plain(plain, optimizer, loader, batches[:2]))
        print({name: f"{values[-1]:.2f}" for name, values in rates.items()}, file=sys.stderr, flush=True)
    median = {name: statistics.median(values) for name, values in rates.items()}
    mean_seconds = statistics.mean(clip.seconds or 0.0 for clip in loader.clips)
    rows = [
        f"clips of {mean_seconds:.1f} s on average, medians of {args.rounds} rounds in turn.\n",
        "| | audio-seconds per second | ratio |\n|---|---|---|",
        f"| the plain way: {PLAIN_FRAMES} frames per clip, scipy in the loader | {median['plain']:.2f} | 1.0 |",
        f"| this loop, float32 | {median['no']:.2f} | {median['no'] / median['plain']:.1f} |",
        f"| this loop, `--amp bf16` | {median['bf16']:.2f} | {median['bf16'] / median['plain']:.1f} |",
    ]
    publish("training", head("Training: this loop and the plain way", args) + "\n".join(rows))


def measures_section(args: argparse.Namespace) -> None:
    """This loop with one thing changed at a time."""
    usual = [measured(args, amp="bf16")]
    rates = {change: measured(args, amp="bf16", change=change) for change in CHANGES}
    usual.append(measured(args, amp="bf16"))  # once more at the end: the machine may have other work
    rate = statistics.mean(usual)
    rows = [
        f"`--amp bf16`, {4 * args.clips} clips, one epoch after the first; without a change measured twice.\n",
        "| change | audio-seconds per second | ratio |\n|---|---|---|",
        f"| none | {usual[0]:.2f}, {usual[1]:.2f} | 1.00 |",
        *(f"| {CHANGES[change]} | {rates[change]:.2f} | {rates[change] / rate:.2f} |" for change in CHANGES),
    ]
    publish("training_measures", head("Training: what each measure gains", args) + "\n".join(rows))


def workers_section(args: argparse.Namespace) -> None:
    """Two workers against one, on four times the clips: a step's batches are alike only where there are many."""
    if not HOROVODRUN.exists():
        print("Horovod is not installed here: no figures for two workers", file=sys.stderr)
        return
    one, two = measured(args), measured(args, workers=2)
    rows = [
        f"float32, {4 * args.clips} clips, decoded before.\n",
        "| | audio-seconds per second | ratio |\n|---|---|---|",
        f"| one worker | {one:.2f} | 1.00 |\n| two Horovod workers (Gloo) | {two:.2f} | {two / one:.2f} |",
    ]
    publish("training_workers", head("Training: two workers and one", args) + "\n".join(rows))


def publish(name: str, text: str) -> None:
    """Print a section and write it to docs/benchmarks.md."""
    print(text, "\n")
    write_section(name, text)


if __name__ == "__main__":
    raise SystemExit(main())
