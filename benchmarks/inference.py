"""From audio to hanzi: speed, memory and errors of the whole pipeline beside Whisper base, on the same recordings.

    python benchmarks/inference.py LIST... --data_root DIR [--threads 1 2] [--limit N] [--model a.onnx ...]
    PEER=~/.cache/ramospeech-peers python benchmarks/inference.py ...       where Whisper is

Each system runs in a process of its own for each number of threads, transcribes one second of silence to warm up, then
all recordings; loading is not counted. Whisper is the multilingual base model as int8 in faster-whisper, beam 5, in the
virtual environment $PEER/venv with its weights in $PEER/models/whisper-base; where it is absent it is left out with a
line. Its texts are made simplified, digits are read out, and its syllables are pypinyin's reading of them. Writes its
section of docs/benchmarks.md.
"""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench_training import machine
from recordings import shown
from table import write_section

from ramospeech import errors
from ramospeech.corpora import Clip, read_list
from ramospeech.files import SHIPPED
from ramospeech.score import cer, ser
from ramospeech.text import hanzi, pinyin

WORKER = Path(__file__).with_name("inference_worker.py")
PEER = Path(os.environ.get("PEER", "~/.cache/ramospeech-peers")).expanduser()


@dataclass(frozen=True)
class Run:
    """One system on all recordings: wall and CPU seconds, peak memory in MB, and a text and syllables for each."""

    seconds: float
    cpu: float
    memory: float
    texts: list[str]
    syllables: list[list[str]]


def run(python: Path, system: str, model: Path, paths: list[Path], threads: int) -> Run:
    """One system in a process of its own. Raises ModelError with what it printed where it fails."""
    given = json.dumps({"system": system, "model": str(model), "paths": [str(p) for p in paths], "threads": threads})
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    command = [str(python), str(WORKER)]
    done = subprocess.run(command, input=given, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise errors.ModelError(f"{system}: {done.stderr.strip()[-500:]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    texts = [hanzi.normalise(text).text for text in result["texts"]]
    syllables = result["syllables"] or [pinyin.from_hanzi(text) for text in texts]
    return Run(result["seconds"], result["cpu"], result["memory"], texts, syllables)


def row(name: str, threads: int, clips: list[Clip], audio: float, found: Run, times: str) -> str:
    hypotheses = shown(ser([clip.pinyin for clip in clips], found.syllables))
    characters = shown(cer([clip.hanzi for clip in clips], found.texts))
    return (
        f"| {name} | {threads} | {found.seconds / audio:.4f} | {audio / found.seconds:.0f} | {times} | "
        f"{found.memory:.0f} | {hypotheses} | {characters} |"
    )


@errors.program
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("lists", nargs="*", type=Path, metavar="LIST", help="of recordings")
    parser.add_argument("--model", type=Path, nargs="+", default=(), help="more acoustic models, such as ONNX files")
    parser.add_argument("--data_root", type=Path, default=Path("data"))
    parser.add_argument("--threads", type=int, nargs="+", default=(1, 2))
    parser.add_argument("--limit", type=int, default=0, help="recordings of each list, 0 for all")
    arguments = parser.parse_args()
    if not arguments.lists:
        print("inference: skipped, as it needs lists of recordings", file=sys.stderr)
        return
    clips = [clip for path in arguments.lists for clip in read_list(path)[: arguments.limit or None]]
    if any(clip.seconds is None for clip in clips):
        raise errors.ListError(f"{arguments.lists[0]}: the lists must have the seconds of every recording")
    paths, audio = [arguments.data_root / clip.path for clip in clips], sum(clip.seconds or 0.0 for clip in clips)
    whisper, python = PEER / "models" / "whisper-base", PEER / "venv" / "bin" / "python"
    models = [*map(Path, SHIPPED), *arguments.model]
    systems = [(f"ramospeech, {model.name}", "ramospeech", Path(sys.executable), model) for model in models]
    if whisper.is_dir() and python.is_file():
        systems.append(("Whisper base, int8", "whisper", python, whisper))
    else:
        print(f"inference: Whisper is left out, as {whisper} or {python} is not there", file=sys.stderr)
    lines = []
    for threads in arguments.threads:
        runs = {name: run(python, system, model, paths, threads) for name, system, python, model in systems}
        ours = runs["ramospeech, accurate"].seconds
        lines += [row(name, threads, clips, audio, it, f"{it.seconds / ours:.1f}") for name, it in runs.items()]
        print("\n".join(lines[-len(runs) :]), flush=True)
    names = ", ".join(path.stem for path in arguments.lists)
    write_section(
        "inference",
        f"## From audio to hanzi\n\n`python benchmarks/inference.py`, {date.today().isoformat()}, {machine()}: "
        f"{len(clips)} recordings, {audio / 60:.1f} minutes, of {names}. Errors in %, with 95 % intervals.\n\n"
        "| system | threads | real-time factor | times real time | time, accurate = 1 | peak MB | SER | CER |\n"
        "|---|---|---|---|---|---|---|---|\n" + "\n".join(lines),
    )


if __name__ == "__main__":
    raise SystemExit(main())
