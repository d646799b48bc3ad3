"""Who speaks: clips of different speakers joined into conversations, and how many syllables get another's name.

    python benchmarks/speakers.py --data_root DIR --model dfcnn SPEAKERS.tsv

SPEAKERS.tsv has lines of path, tab, speaker. A conversation has four clips of each of its two, three or four speakers,
in an order drawn from a fixed seed, with 0.3 s between. A syllable that the model finds belongs to the clip that it
lies in; its label is right by the best of all assignments of labels to speakers. Writes its section of
docs/benchmarks.md.
"""

import argparse
import sys
from collections import defaultdict
from datetime import date
from itertools import permutations
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from bench_training import machine
from table import write_section

from ramospeech import audio, errors
from ramospeech.files import list_lines
from ramospeech.pipeline import Transcriber

TURNS, GAP = 4, 0.3  # clips of each speaker; seconds between clips


def conversation(speakers: list[list[Path]], draw: Random) -> tuple[np.ndarray, list[tuple[float, int]]]:
    """A waveform (S,), and for each clip in it where it ends in seconds and the number of its speaker."""
    clips = [(path, number) for number, paths in enumerate(speakers) for path in draw.sample(paths, TURNS)]
    draw.shuffle(clips)
    gap = np.zeros(round(GAP * audio.SAMPLE_RATE), np.float32)
    parts, ends, samples = [], [], 0
    for path, number in clips:
        parts += [audio.load(path), gap]
        samples += len(parts[-2]) + len(gap)
        ends.append((samples / audio.SAMPLE_RATE, number))
    return np.concatenate(parts), ends


def wrong(labels: list[int], truth: list[int], count: int) -> int:
    """Labels that differ from the truth, by the best assignment."""
    return min(
        sum(order[label] != speaker for label, speaker in zip(labels, truth, strict=True))
        for order in permutations(range(count))
    )


@errors.program
def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("speakers", type=Path, metavar="SPEAKERS.tsv")
    parser.add_argument("--data_root", type=Path, default=Path("data"))
    parser.add_argument("--model", default="dfcnn")
    parser.add_argument("--conversations", type=int, default=8, help="of each number of speakers")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    clips: dict[str, list[Path]] = defaultdict(list)
    for line in list_lines(arguments.speakers):
        path, speaker = line.split("\t")
        clips[speaker].append(arguments.data_root / path)
    draw, known = Random(arguments.seed), sorted(name for name, paths in clips.items() if len(paths) >= TURNS)
    lines = []
    for count in range(2, min(4, len(known)) + 1):
        names = [str(number) for number in range(count)]
        transcriber = Transcriber.from_pretrained(arguments.model, translator=False, speakers=names)
        shares, syllables, seconds = [], 0, 0.0
        for _ in range(arguments.conversations):
            waveform, ends = conversation([clips[name] for name in draw.sample(known, count)], draw)
            tokens = transcriber.transcribe((waveform, audio.SAMPLE_RATE)).tokens
            truth = [next(number for end, number in ends if token.start < end) for token in tokens]
            shares.append(wrong([int(token.speaker or 0) for token in tokens], truth, count) / len(tokens))
            syllables, seconds = syllables + len(tokens), seconds + len(waveform) / audio.SAMPLE_RATE
        share = 100 * float(np.mean(shares))
        clean = sum(each == 0 for each in shares)
        lines.append(
            f"| {count} | {len(shares)} | {seconds / 60:.1f} | {syllables} | {share:.1f} | "
            f"{100 * max(shares):.1f} | {clean} |"
        )
        print(lines[-1], flush=True)
    head = "| speakers | conversations | minutes | syllables | wrong speaker, % | in the worst, % | without any error |"
    write_section(
        "speakers",
        f"## Who speaks\n\n`python benchmarks/speakers.py --model {arguments.model}`, {date.today().isoformat()}, "
        f"{machine()}. Four clips of each speaker of {arguments.speakers.stem}, joined; the number of speakers is "
        f"given.\n\n{head}\n|---|---|---|---|---|---|---|\n" + "\n".join(lines),
    )


if __name__ == "__main__":
    main()
