"""An hour of clips joined into one recording: errors beside those of the clips, memory, and times of subtitles.

    python benchmarks/long_recording.py --data_root DIR [--minutes 60] [--gap 1.0] [--snr DB] LIST...

The clips of the lists are joined in turn, one of each list after the other, with `--gap` seconds of silence between,
until the recording is as long as asked for, and written as a flac file. Clip by clip and as one file they are
transcribed by a process each. A boundary is where the speech of a clip begins or ends by its energy (25 dB below the
loudest 30 ms, lasting 0.1 s), with which its first cue and its last syllable are compared. The subtitles are read by
ffmpeg's libraries (PyAV) as srt and vtt. Writes its section of docs/benchmarks.md.
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import av
import numpy as np
import soundfile
from bench_training import machine
from table import write_section

from ramospeech.audio import SAMPLE_RATE, load
from ramospeech.corpora import Clip, read_list
from ramospeech.output import get_writer
from ramospeech.score import Score, cer, ser
from ramospeech.transcript import Token, Transcript

WORKER = Path(__file__).with_name("long_recording_worker.py")
HOP = SAMPLE_RATE // 100


@dataclass(frozen=True)
class Joined:
    """A clip within the long recording: where it lies, and where its speech begins and ends, in seconds."""

    clip: Clip
    start: float
    end: float
    first: float
    last: float


def speech_of(waveform: np.ndarray) -> tuple[float, float]:
    """Return where the speech of a clip begins and ends in seconds, by its energy."""
    hops = waveform[: len(waveform) // HOP * HOP].reshape(-1, HOP)
    power = np.square(hops - hops.mean(axis=1, keepdims=True)).mean(axis=1)
    power = np.convolve(power, np.full(3, 1 / 3), mode="same")
    loud = power > power.max() * 10**-2.5
    lasting = np.convolve(loud, np.ones(10), mode="valid") >= 9
    found = np.flatnonzero(lasting)
    return float(found[0]) / 100, float(found[-1] + 10) / 100


def join(lists: list[list[Clip]], data_root: Path, path: Path, seconds: float, gap: float) -> list[Joined]:
    """Write the long recording; returns its clips."""
    in_turn = [clip for clips in itertools.zip_longest(*lists) for clip in clips if clip is not None]
    joined: list[Joined] = []
    at = gap
    with soundfile.SoundFile(path, "w", SAMPLE_RATE, 1, "PCM_16") as file:
        file.write(np.zeros(int(gap * SAMPLE_RATE)))
        for clip in in_turn:
            waveform = load(data_root / clip.path)
            first, last = speech_of(waveform)
            joined.append(Joined(clip, at, at + len(waveform) / SAMPLE_RATE, at + first, at + last))
            file.write(waveform)
            file.write(np.zeros(int(gap * SAMPLE_RATE)))
            at += len(waveform) / SAMPLE_RATE + int(gap * SAMPLE_RATE) / SAMPLE_RATE
            if at >= seconds:
                break
    return joined


def transcribe(paths: list[Path]) -> dict[str, Any]:
    """Transcripts of a process of its own, with its CPU seconds and its memory in MB after each minute of audio."""
    given = json.dumps([str(path) for path in paths])
    done = subprocess.run([sys.executable, str(WORKER)], input=given, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def transcript_of(entry: dict[str, Any]) -> Transcript:
    tokens = tuple(Token(**token) for token in entry["tokens"])
    return Transcript(entry["id"], entry["text"], tuple(entry["pinyin"]), tokens, entry["seconds"])


def subtitles(transcript: Transcript, form: str, folder: Path) -> list[tuple[float, float, str]]:
    """Cues (start, end, text) as ffmpeg's libraries read them from a file. Raises av.FFmpegError where they cannot."""
    path = folder / f"long.{form}"
    with path.open("w", encoding="utf-8") as file:
        writer = get_writer(form, file)
        writer.write(transcript)
        writer.close()
    cues = []
    with av.open(str(path)) as container:
        base = container.streams.subtitles[0].time_base
        for packet in container.demux(subtitles=0):
            if packet.size:
                start, length = float(packet.pts * base), float(packet.duration * base)
                cues.append((start, start + length, bytes(packet).decode("utf-8")))
    return cues


def score(joined: list[Joined], entries: list[dict[str, Any]]) -> tuple[Score, Score]:
    """SER and CER of transcripts: of each clip, or of one that holds all."""
    pinyin, hanzi = [list(each.clip.pinyin) for each in joined], [each.clip.hanzi for each in joined]
    if len(entries) == 1:
        pinyin, hanzi = [list(itertools.chain(*pinyin))], ["".join(hanzi)]
    return ser(pinyin, [entry["pinyin"] for entry in entries]), cer(hanzi, [entry["text"] for entry in entries])


def offsets(
    joined: list[Joined], cues: list[tuple[float, float, str]], tokens: Sequence[Token]
) -> tuple[list[float], list[float], int]:
    """Seconds from where the speech of each clip begins to its first cue, and from where it ends to the end of its last
    syllable; and how many cues are of two clips."""
    starts, ends, across = [], [], 0
    for each in joined:
        own = [cue for cue in cues if each.start - 0.3 <= cue[0] < each.end]
        across += sum(cue[1] > each.end + 1.0 for cue in own)
        starts += [own[0][0] - each.first] if own else []
        ends += [token.end - each.last for token in tokens if each.start - 0.3 <= token.start < each.end][-1:]
    return starts, ends, across


def within(values: list[float], seconds: float) -> str:
    share = 100 * sum(abs(value) <= seconds for value in values) / len(values)
    return f"{share:.1f} %"


def report(lists: list[Path], gap: float, joined: list[Joined], whole: dict[str, Any], single: dict[str, Any]) -> None:
    """Write the section of docs/benchmarks.md."""
    transcript = transcript_of(whole["transcripts"][0])
    with tempfile.TemporaryDirectory() as folder:
        cues = {form: subtitles(transcript, form, Path(folder)) for form in ("srt", "vtt")}
    starts, ends, across = offsets(joined, cues["srt"], transcript.tokens)
    rows = [
        (f"{name} | {100 * a.rate:.2f} | {100 * b.rate:.2f}", found)
        for name, found in (("clips", single), ("one file", whole))
        for a, b in [score(joined, found["transcripts"])]
    ]
    memory = whole["memory"]
    curve = ", ".join(f"{megabytes:.0f}" for megabytes in memory[:: max(1, len(memory) // 6)])
    table = "\n".join(f"| {row} | {found['cpu']:.0f} | {max(found['memory']):.0f} |" for row, found in rows)
    reading = sorted(len(text) / (end - start) for start, end, text in cues["srt"])
    names = ", ".join(path.stem for path in lists)
    longest, most = max(end - start for start, end, _ in cues["srt"]), max(len(text) for _, _, text in cues["srt"])
    usual, fast = statistics.median(reading), reading[int(0.95 * len(reading))]
    write_section(
        "long_recording",
        f"""
## An hour in one file

`python benchmarks/long_recording.py`, {date.today()}, {machine()}: {len(joined)} clips of {names}
with {gap:g} s of silence between, {transcript.seconds / 60:.1f} minutes.

| | SER % | CER % | CPU seconds | peak MB |
|---|---|---|---|---|
{table}

Memory in MB as the file is transcribed, at equal distances: {curve}. {len(cues["srt"])} subtitles, read by ffmpeg's
libraries as srt and as vtt ({len(cues["vtt"])}) without an error; at most {most} characters, {longest:.1f} s;
characters per second: median {usual:.1f}, 95th percentile {fast:.1f}. The first of a clip begins
{statistics.median(starts):+.2f} s from where its speech begins (median; {within(starts, 0.2)} within 0.2 s), the last
syllable ends {statistics.median(ends):+.2f} s from where it ends ({within(ends, 0.2)}); {across} cues are of two clips.
""",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lists", type=Path, nargs="+", metavar="LIST")
    parser.add_argument("--data_root", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--gap", type=float, default=1.0, help="seconds of silence between clips")
    args = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.flac"
        clips = [list(read_list(each)) for each in args.lists]
        joined = join(clips, args.data_root, path, 60 * args.minutes, args.gap)
        whole = transcribe([path])
        single = transcribe([args.data_root / each.clip.path for each in joined])
    report(args.lists, args.gap, joined, whole, single)


if __name__ == "__main__":
    main()
