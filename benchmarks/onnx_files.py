"""ONNX files beside torch: what is installed, what a model weighs, how fast it is, and its errors.

    python benchmarks/onnx_files.py --data_root DIR [--limit N] LIST...

Exports the shipped models in float32 and 8 bits into a temporary folder. Each runs in a process of its own with one
thread, transcribes one second of silence to warm up, then all recordings; CPU seconds are those of the process without
loading. Installed packages are counted with all that they require. Writes its section of docs/benchmarks.md.
"""

import argparse
import re
import sys
import tempfile
from datetime import date
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench_training import machine
from inference import Run, run
from packaging.requirements import Requirement
from recordings import shown
from table import write_section

from ramospeech import errors
from ramospeech.corpora import Clip, read_list
from ramospeech.files import SHIPPED, model_path
from ramospeech.model import load_model
from ramospeech.model.export import export_onnx
from ramospeech.score import ser

NEEDED = ("numpy", "soundfile", "soxr", "safetensors", "tqdm")  # by both


def closure(names: tuple[str, ...]) -> set[str]:
    """The packages of these names and all that they require, as far as they are installed."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found:
            continue
        try:
            required = [Requirement(line) for line in distribution(name).requires or []]
        except PackageNotFoundError:
            continue
        found.add(name)
        waiting += [each.name for each in required if each.marker is None or each.marker.evaluate({"extra": ""})]
    return found


def megabytes(names: set[str]) -> float:
    """What the files of installed packages take on disk."""
    paths = [
        Path(str(distribution(name).locate_file(file))) for name in names for file in distribution(name).files or []
    ]
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6


def row(name: str, model: Path, found: Run, audio: float, clips: list[Clip]) -> str:
    errors_of = shown(ser([clip.pinyin for clip in clips], found.syllables))
    size = f"{model.stat().st_size / 1e6:.1f}"
    return f"| {name} | {size} | {found.cpu / audio:.4f} | {found.memory:.0f} | {errors_of} |"


@errors.program
def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("lists", nargs="+", type=Path, metavar="LIST", help="of recordings")
    parser.add_argument("--data_root", type=Path, default=Path("data"))
    parser.add_argument("--limit", type=int, default=0, help="recordings of each list, 0 for all")
    arguments = parser.parse_args()
    clips = [clip for path in arguments.lists for clip in read_list(path)[: arguments.limit or None]]
    if any(clip.seconds is None for clip in clips):
        raise errors.ListError(f"{arguments.lists[0]}: the lists must have the seconds of every recording")
    paths, audio = [arguments.data_root / clip.path for clip in clips], sum(clip.seconds or 0.0 for clip in clips)
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        for name in SHIPPED:
            models = {"torch": model_path(name)}
            for kind, int8 in (("ONNX, float32", False), ("ONNX, 8 bits", True)):
                models[kind] = Path(folder) / f"{name}{int8:d}.onnx"
                export_onnx(load_model(model_path(name)), models[kind], int8)
            for kind, model in models.items():
                lines.append(
                    row(
                        f"{name}, {kind}", model, run(Path(sys.executable), "ramospeech", model, paths, 1), audio, clips
                    )
                )
                print(lines[-1], flush=True)
    both = closure(NEEDED)
    with_torch, with_onnx = (megabytes(both | closure((name,))) for name in ("torch", "onnxruntime"))
    names = ", ".join(path.stem for path in arguments.lists)
    versions = {name: f"{name} {distribution(name).version}" for name in ("torch", "onnxruntime")}
    write_section(
        "onnx",
        f"## ONNX files beside torch\n\n`python benchmarks/onnx_files.py`, {date.today().isoformat()}, {machine()}, "
        f"one thread: {len(clips)} recordings, {audio / 60:.1f} minutes, of {names}. Packages on disk: "
        f"{with_torch:.0f} MB with {versions['torch']}, {with_onnx:.0f} MB with {versions['onnxruntime']} "
        f"({megabytes(both):.0f} MB of either are {', '.join(NEEDED)}); ramospeech and its models come on top.\n\n"
        "| model | MB of its file | CPU seconds per second of audio | peak MB of the process | SER in % |\n"
        "|---|---|---|---|---|\n" + "\n".join(lines),
    )


if __name__ == "__main__":
    main()
