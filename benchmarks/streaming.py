"""How late and how right is live text? Clips recognised as if they were spoken now, on one core: docs/streaming.md.

    python benchmarks/streaming.py voices_dev.txt:30 aishell1_dev.txt:12 --data_root data

Each clip is a stream, with 1.5 s of silence behind it. Time is simulated: audio arrives at the pace of its time, and a
reading takes the CPU seconds that it took here; what has come in meanwhile is taken by the next one. A syllable ends
where the next one of the final text begins (before a pause: after the median length of a syllable). It is shown when a
reading first has any at its place (0.12 s), right when it is that of the final text, and stable when it is announced as
that. Two curves for each model and
window, from the same readings:

- what a recogniser would give that wrote syllables once and for all, as soon as they are a look-ahead old: the longer
  that is, the later its text, and the fewer errors;
- what is shown here at first and corrected later.

A model and window that are in --runs already are not run again.
"""

import argparse
import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from matplotlib.figure import Figure
from table import write_section

from ramospeech import audio
from ramospeech.files import list_lines
from ramospeech.live import LiveOptions, LiveRecogniser, Update
from ramospeech.live.update import with_settled
from ramospeech.pipeline import Transcriber
from ramospeech.score import ser
from ramospeech.transcript import Token

ROOT = Path(__file__).resolve().parent.parent
RATE = 16_000
SILENCE = 1.5  # seconds behind each clip
PLACE = 0.12  # seconds by which two readings of a syllable may differ
LOOK_AHEADS = (0.0, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0)


class Reading(NamedTuple):
    """All tokens of an utterance at a time. now: of the audio; clock: when it was ready; final: its utterance ended."""

    clock: float
    now: float
    tokens: tuple[Token, ...]
    settled: int
    final: bool


class Listened(NamedTuple):
    """A clip. costs: (seconds of the utterance, CPU seconds) of each reading; whole: the syllables as a recording."""

    ref: list[str]
    whole: list[str]
    seconds: float
    readings: list[Reading]
    costs: list[tuple[float, float]]


class Recorder(LiveRecogniser):
    """Keeps all readings, also those that change nothing."""

    def _show(self, tokens: tuple[Token, ...], now: float) -> bool:
        changed = super()._show(tokens, now)
        self.found.append(Reading(0.0, now, self._tokens, self._settled, False))
        return changed

    def _update(self, end: int, final: bool) -> Update:
        if final:
            self.found.append(Reading(0.0, end / RATE, self._tokens, self._settled, True))
        return super()._update(end, final)

    def take(self) -> list[Reading]:
        """Return the readings since the last call."""
        taken, self.found = self.found, []
        return taken

    found: list[Reading]


def listen(transcriber: Transcriber, waveform: np.ndarray, options: LiveOptions) -> tuple[list[Reading], list]:
    """Recognise a clip as it would be spoken, and return its readings and their costs."""
    live = Recorder(transcriber, options)
    live.found = []
    clock, done, step = 0.0, 0, round(options.step * RATE)
    readings, costs = [], []
    while done < len(waveform):
        there = int(clock * RATE)
        if there - done < step:  # nothing to do yet
            there, clock = done + step, (done + step) / RATE
        begin = time.process_time()
        live.push(waveform[done:there])
        cost = time.process_time() - begin
        costs.append((len(live._audio) / RATE, cost))
        clock, done = clock + cost, there
        readings += [reading._replace(clock=clock) for reading in live.take()]
    live.finish()
    return readings + [reading._replace(clock=clock) for reading in live.take()], costs


def run(model: str, window: float, clips: Iterable[tuple[Path, list[str]]]) -> list[Listened]:
    """Recognise all clips, live and as recordings."""
    transcriber = Transcriber.from_pretrained(model)
    found = []
    for path, ref in clips:
        waveform = np.concatenate([audio.load(path), np.zeros(round(SILENCE * RATE), np.float32)])
        readings, costs = listen(transcriber, waveform, LiveOptions(window=window))
        whole = list(transcriber.transcribe((waveform, RATE)).pinyin)
        found.append(Listened(ref, whole, len(waveform) / RATE, readings, costs))
    return found


def utterances(readings: Iterable[Reading]) -> Iterable[list[Reading]]:
    """Readings of each utterance, the last one final."""
    open_: list[Reading] = []
    for reading in readings:
        open_.append(reading)
        if reading.final:
            yield open_
            open_ = []


def once_for_all(readings: Sequence[Reading], look_ahead: float) -> tuple[list[str], list[float]]:
    """Syllables of an utterance that were written as soon as they were so old, and seconds from their ends to then."""
    written: tuple[Token, ...] = ()
    late = []
    for reading in readings:
        tokens = with_settled(written, reading.tokens)
        new = tokens[len(written) :]
        ready = [reading.final or token.end <= reading.now - look_ahead for token in new]
        count = ready.index(False) if False in ready else len(ready)
        late += [reading.clock - token.end for token in new[:count]]
        written = tokens[: len(written) + count]
    return [token.pinyin for token in written], late


def delays(readings: Sequence[Reading]) -> tuple[list[float], list[float], list[float], float, list[bool]]:
    """Of an utterance: seconds from the end of each syllable until something was shown at its place, until it was
    right, as in the final text, and until it was stable; until the final text; and of each place whether that was
    another syllable at first."""
    final = readings[-1]
    shown, right, stable, corrected = [], [], [], []
    for number, token in enumerate(final.tokens):
        near = [[t.pinyin for t in each.tokens if abs(t.start - token.start) <= PLACE] for each in readings]
        first = next(number for number, there in enumerate(near) if there)
        shown.append(readings[first].clock - token.end)
        right.append(
            next(r.clock for r, there in zip(readings, near, strict=True) if token.pinyin in there) - token.end
        )
        stable.append(next(each.clock for each in readings if each.settled > number) - token.end)
        corrected.append(token.pinyin not in near[first])
    return shown, right, stable, final.clock - final.tokens[-1].end, corrected


def table(runs: dict[tuple[str, float], list[Listened]]) -> str:
    """A row for each model and window."""
    lines = [
        "| model | window | CPU | longest reading | shown | right | stable | final | corrected | SER | whole |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for (model, window), clips in runs.items():
        spoken = [each for clip in clips for each in utterances(clip.readings) if each[-1].tokens]
        shown, right, stable, final, corrected = zip(*map(delays, spoken), strict=True)
        cpu = sum(cost for clip in clips for _, cost in clip.costs) / sum(clip.seconds for clip in clips)
        longest = max(cost for clip in clips for _, cost in clip.costs)
        refs = [clip.ref for clip in clips]
        live = [[t.pinyin for each in clip.readings if each.final for t in each.tokens] for clip in clips]
        cells = [
            *(f"`{model}`", f"{window:g} s", f"{cpu:.2f} s", f"{longest:.2f} s"),
            *(percentiles([value for each in values for value in each]) for values in (shown, right, stable)),
            percentiles(final),
            f"{100 * np.mean([value for each in corrected for value in each]):.1f} %",
            *(f"{100 * ser(refs, hyps).rate:.1f}" for hyps in (live, [clip.whole for clip in clips])),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def percentiles(seconds: Sequence[float]) -> str:
    """Median and 95th percentile, in milliseconds."""
    middle, most = np.percentile(1000 * np.array(seconds), [50, 95])
    return f"{middle:.0f} / {most:.0f}"


def curve(clips: Sequence[Listened]) -> list[tuple[float, float]]:
    """(95th percentile of the latency in ms, SER in %) for each look-ahead."""
    points = []
    for look_ahead in LOOK_AHEADS:
        written = [[once_for_all(each, look_ahead) for each in utterances(clip.readings)] for clip in clips]
        late = [value for clip in written for _, values in clip for value in values]
        hyps = [[syllable for syllables, _ in clip for syllable in syllables] for clip in written]
        points.append((1000 * float(np.percentile(late, 95)), 100 * ser([clip.ref for clip in clips], hyps).rate))
    return points


def draw(runs: dict[tuple[str, float], list[Listened]], path: Path) -> None:
    """Latency against SER: a line for each model and window, and a cross for what is shown here and corrected."""
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    for (model, window), clips in runs.items():
        late, rates = zip(*curve(clips), strict=True)
        [line] = axes.plot(late, rates, "o-", markersize=4, label=f"{model}, window {window:g} s: written once")
        shown = [
            value
            for clip in clips
            for each in utterances(clip.readings)
            if each[-1].tokens
            for value in delays(each)[0]
        ]
        live = [[t.pinyin for each in clip.readings if each.final for t in each.tokens] for clip in clips]
        rate = 100 * ser([clip.ref for clip in clips], live).rate
        axes.plot(1000 * np.percentile(shown, 95), rate, "X", color=line.get_color(), markersize=10)
    axes.axvline(500, color="grey", linestyle=":", label="500 ms")
    axes.plot([], [], "X", color="black", label="shown here and corrected later: SER of the final text")
    axes.set(xlabel="latency behind the end of a syllable, 95th percentile, ms", ylabel="toned SER, %")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=100)


def load(path: Path) -> list[Listened]:
    """Read what `save` wrote."""
    found = []
    for ref, whole, seconds, readings, costs in json.loads(path.read_text("utf-8")):
        parsed = [Reading(c, n, tuple(Token(*t) for t in tokens), k, f) for c, n, tokens, k, f in readings]
        found.append(Listened(ref, whole, seconds, parsed, [(a, b) for a, b in costs]))
    return found


def save(clips: Sequence[Listened], path: Path) -> None:
    """Write a run as JSON."""
    plain: list[Any] = []
    for clip in clips:
        readings = [
            (r.clock, r.now, [(t.pinyin, t.hanzi, t.start, t.end) for t in r.tokens], r.settled, r.final)
            for r in clip.readings
        ]
        plain.append((clip.ref, clip.whole, clip.seconds, readings, clip.costs))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(plain, ensure_ascii=False), "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lists", nargs="+", metavar="LIST[:CLIPS]", help="lists, and how many of their first clips")
    parser.add_argument("--data_root", type=Path, default=Path("data"), help="where lists and their paths begin")
    parser.add_argument("--models", nargs="+", default=["accurate", "dfcnn"])
    parser.add_argument("--windows", nargs="+", type=float, default=[LiveOptions.window], help="seconds")
    parser.add_argument("--runs", type=Path, default=Path("runs/streaming"), help="what is done already")
    args = parser.parse_args()
    torch.set_num_threads(1)
    clips = []
    for name in args.lists:
        name, _, count = name.partition(":")
        for line in list_lines(args.data_root / name)[: int(count) if count else None]:
            path, pinyin = line.split("\t")[:2]
            clips.append((args.data_root / path, pinyin.split()))
    runs = {}
    for model in args.models:
        for window in args.windows:
            path = args.runs / f"{model}_{window:g}.json"
            if not path.exists():
                save(run(model, window, clips), path)
            runs[model, window] = load(path)
    docs = ROOT / "docs"
    draw(runs, docs / "streaming.png")
    seconds = sum(clip.seconds for clip in next(iter(runs.values())))
    head = (
        f"By `benchmarks/streaming.py`: {len(clips)} clips ({', '.join(args.lists)}), {seconds:.0f} s, one core. "
        "CPU: seconds for one of audio. Shown, right, stable, final: milliseconds behind the end of a syllable (final: "
        "of the last one), median / 95th percentile. Whole: SER of the clips as recordings."
    )
    picture = "![Latency against SER](streaming.png)"
    rows = table(runs)
    write_section("streaming", "\n\n".join((head, rows, picture)), docs / "streaming.md")
    print(rows)


if __name__ == "__main__":
    main()
