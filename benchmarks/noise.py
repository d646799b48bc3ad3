"""Errors in noise, music, babble, over a telephone and in rooms: the shipped model beside Whisper base.

    python benchmarks/noise.py --data_root DIR --noise DIR --music DIR --rooms DIR [--limit N] LIST...

Each clip is mixed once per condition, with a recording drawn by a fixed seed, at a signal-to-noise ratio over the
frames that have speech; babble is of other clips of the lists. All systems transcribe the same files; Whisper as in
inference.py. Writes its section of docs/benchmarks.md.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
from bench_training import machine
from inference import PEER, Run, run
from recordings import shown
from table import write_section

from ramospeech import audio, errors
from ramospeech.augment.channel import telephone
from ramospeech.augment.noise import Recordings, add_noise, babble
from ramospeech.augment.room import reverberate
from ramospeech.corpora import Clip, read_list
from ramospeech.score import cer, ser

RATIOS = (20, 10, 5)  # dB
SEED = 7

Change = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def conditions(arguments: argparse.Namespace, clips: list[np.ndarray]) -> dict[str, Change]:
    """What is done to the clips, by name."""
    found: dict[str, Change] = {"clean": lambda clip, rng: clip}
    sources: dict[str, Callable[[int, np.random.Generator], np.ndarray]] = {
        "noise": Recordings(arguments.noise),
        "music": Recordings(arguments.music),
        "babble": partial(babble, clips=lambda rng: clips[rng.integers(len(clips))]),
    }
    for name, source in sources.items():
        for ratio in RATIOS:
            found[f"{name}, {ratio} dB"] = lambda clip, rng, source=source, ratio=ratio: add_noise(  # type: ignore[misc]
                clip, source(len(clip), rng), ratio
            )
    responses = [audio.load(path) for path in Recordings(arguments.rooms).paths]
    found["telephone, 300 to 3400 Hz"] = lambda clip, rng: telephone(clip)
    found["a room"] = lambda clip, rng: reverberate(clip, responses[rng.integers(len(responses))])
    return found


def systems() -> Iterator[tuple[str, Callable[[list[Path]], Run]]]:
    yield "accurate", lambda paths: run(Path(sys.executable), "ramospeech", Path("accurate"), paths, 1)
    whisper, python = PEER / "models" / "whisper-base", PEER / "venv" / "bin" / "python"
    if whisper.is_dir() and python.is_file():
        yield "Whisper base", lambda paths: run(python, "whisper", whisper, paths, 1)
    else:
        print(f"noise: Whisper is left out, as {whisper} or {python} is not there", file=sys.stderr)


def rates(clips: list[Clip], found: Run) -> str:
    syllables = shown(ser([clip.pinyin for clip in clips], found.syllables))
    return f"{syllables} | {shown(cer([clip.hanzi for clip in clips], found.texts))}"


@errors.program
def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("lists", nargs="*", type=Path, metavar="LIST", help="of recordings")
    parser.add_argument("--data_root", type=Path, default=Path("data"))
    for name in ("noise", "music", "rooms"):
        parser.add_argument(f"--{name}", type=Path, help="folder of recordings")
    parser.add_argument("--limit", type=int, default=0, help="recordings of each list, 0 for all")
    arguments = parser.parse_args()
    if not arguments.lists:
        print("noise: skipped, as it needs lists of recordings", file=sys.stderr)
        return
    clips = [clip for path in arguments.lists for clip in read_list(path)[: arguments.limit or None]]
    waveforms = [audio.load(arguments.data_root / clip.path) for clip in clips]
    compared = list(systems())
    lines = []
    for condition, change in conditions(arguments, waveforms).items():
        with tempfile.TemporaryDirectory() as folder:
            paths = [Path(folder) / f"{number:04}.wav" for number in range(len(clips))]
            for number, (path, waveform) in enumerate(zip(paths, waveforms, strict=True)):
                mixed = change(waveform, np.random.default_rng((SEED, number)))
                soundfile.write(path, mixed / max(1.0, float(np.abs(mixed).max())), audio.SAMPLE_RATE, subtype="PCM_16")
            lines.append(f"| {condition} | " + " | ".join(rates(clips, it(paths)) for _, it in compared) + " |")
        print(lines[-1], flush=True)
    heads = "".join(f" {name}, SER | CER |" for name, _ in compared)
    lists = ", ".join(path.stem for path in arguments.lists)
    intro = (
        f"`python benchmarks/noise.py`, {date.today().isoformat()}, {machine()}: {len(clips)} recordings of {lists}."
    )
    rows = [f"| condition |{heads}", f"|---|{'---|---|' * len(compared)}", *lines]
    write_section("noise", f"## In noise\n\n{intro} Errors in %, with 95 % intervals.\n\n" + "\n".join(rows))


if __name__ == "__main__":
    raise SystemExit(main())
