"""Time and memory of a list of millions of clips: making its index, starting with it, an epoch's plan, its batches.

    python benchmarks/large_lists.py --clips 10000000 --folder /tmp/large

Writes a list of about 1 GB per ten million clips into the folder, and empty shards; --delete removes them at the end.
Each figure is of a process of its own; memory is the most that it has held.
"""

import argparse
import json
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

STAGES = ("index", "start")
PER_SHARD = 4000
LABELS = ("jin1 tian1 tian1 qi4 hen3 hao3", "ni3 hao3", "wo3 men5 qu4 bei3 jing1", "qing3 ba3 deng1 da3 kai1 yi1 xia4")
TEXTS = ("今天天气很好", "你好", "我们去北京", "请把灯打开一下")


def generate(folder: Path, clips: int) -> None:
    """Write the list and its shards, unless they are there."""
    path = folder / "large_train.txt"
    if path.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    for shard in range(-(-clips // PER_SHARD)):
        (folder / f"shard-{shard:06d}.tar").touch()
    rng = np.random.default_rng(0)
    with path.open("w", encoding="utf-8") as file:
        for begin in range(0, clips, 100_000):
            seconds = rng.uniform(1.0, 12.0, min(100_000, clips - begin))
            kinds = rng.integers(len(LABELS), size=len(seconds)).tolist()
            for number, (length, kind) in enumerate(zip(seconds.tolist(), kinds, strict=True), begin):
                place = f"shard-{number // PER_SHARD:06d}.tar#{512 + number % PER_SHARD * 66048}+64044"
                file.write(f"{place}\t{LABELS[kind]}\t{TEXTS[kind]}\t{length:.3f}\n")


def measure(folder: Path) -> dict[str, float]:
    """Do once what training does with its list; the figures."""
    from ramospeech.corpora import Limits
    from ramospeech.data import epoch_plan, in_order, read_clips

    def seconds(of: float) -> float:
        return round(time.perf_counter() - of, 1)

    begun = time.perf_counter()
    found = read_clips([folder / "large_train.txt"], folder, Limits(durations="list"))
    figures: dict[str, float] = {"read": seconds(begun), "clips": len(found.clips)}
    begun = time.perf_counter()
    weights, shards = np.ones(len(found.clips)), found.shards
    plan = epoch_plan(found.clips, weights, 0.0, 0.0, 64, 120.0, 256, 8, 1, 1, shards, 32)
    count, batch = in_order(plan)
    figures |= {"plan": seconds(begun), "batches": count}
    begun = time.perf_counter()
    taken = [found.clips[index] for place in range(1000) for index in batch(place)]
    figures |= {"taken": len(taken), "taking": seconds(begun)}
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return figures | {"user": round(usage.ru_utime, 1), "peak_mb": round(usage.ru_maxrss / 1024)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--delete", action="store_true", help="remove the folder at the end")
    parser.add_argument("--stage", choices=STAGES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.stage:
        print(json.dumps(measure(args.folder)))
        return
    generate(args.folder, args.clips)
    for stage in STAGES:  # with an index to be made, and with one that is there
        command = [sys.executable, __file__, "--folder", str(args.folder), "--stage", stage]
        print(stage, subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip(), flush=True)
    if args.delete:
        shutil.rmtree(args.folder)


if __name__ == "__main__":
    main()
