"""A corpus out of aligned recordings: clips cut at pauses, lists to train on, and what was left out and why."""

import io
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile

from ramospeech.align.aligner import AlignedWord, Alignment
from ramospeech.audio import SAMPLE_RATE, Source
from ramospeech.audio.reading import blocks
from ramospeech.corpora.lists import Utterance, write_list, write_text
from ramospeech.errors import ListError
from ramospeech.files import whole_file

PAUSE = 0.2  # seconds without speech at which a clip may begin or end
_PADDING = 0.2  # seconds of a pause that stay at each end of a clip, at most half of the pause
MIN_SCORE = -3.0  # mean log probability of the words of a clip
_DEV_EVERY = 20  # clips, of which one is for the dev list

REASONS = ("text does not fit", "speech without text", "no pause", "too short", "uncertain")


@dataclass(frozen=True)
class Clip:
    """A part of a recording from start to end in seconds, with the words in it."""

    start: float
    end: float
    words: tuple[AlignedWord, ...]

    @property
    def text(self) -> str:
        """The words as they are written."""
        return "".join(word.text for word in self.words)


@dataclass(frozen=True)
class LeftOut:
    """A part of a recording or text that is in no clip, and the reason: one of REASONS."""

    reason: str
    line: int | None
    column: int | None
    start: float
    end: float
    text: str


@dataclass
class Corpus:
    """The corpus in a folder, while recordings are added: clips go to `clips`, lists are written by `close`."""

    folder: Path
    name: str
    max_seconds: float
    min_seconds: float
    utterances: list[Utterance] = field(default_factory=list)
    left_out: list[tuple[str, LeftOut]] = field(default_factory=list)

    def add(self, source: Source, stem: str, alignment: Alignment) -> None:
        """Cut a recording. Raises ListError where a clip cannot be written."""
        clips, left_out = cut(alignment, self.min_seconds, self.max_seconds)
        self.left_out += [(alignment.id, part) for part in left_out]
        for number, (clip, waveform) in enumerate(zip(clips, _waveforms(source, clips), strict=True), 1):
            path = Path("clips") / stem / f"{number:05}.flac"
            content = io.BytesIO()
            soundfile.write(content, waveform, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
            with whole_file(self.folder / path, "wb", ListError, "make room or choose another --cut") as file:
                file.write(content.getvalue())
            labels = tuple(word.label for word in clip.words)
            self.utterances.append(Utterance(path.as_posix(), labels, clip.text, len(waveform) / SAMPLE_RATE))

    def close(self) -> str:
        """Write the lists and the table of what was left out; returns what became of it in one line.

        Raises ListError if no clip results.
        """
        rows = ["recording\treason\tline\tcolumn\tstart\tend\ttext\n"]
        for id, part in self.left_out:
            position = ("" if number is None else str(number) for number in (part.line, part.column))
            cells = (id, part.reason, *position, f"{part.start:.2f}", f"{part.end:.2f}", part.text)
            rows.append("\t".join(" ".join(cell.split()) for cell in cells) + "\n")
        write_text(self.folder / f"{self.name}_left_out.tsv", "".join(rows))
        if not self.utterances:
            raise ListError(f"{self.folder}: no clip could be cut ({self._counts()}); see {self.name}_left_out.tsv")
        dev = self.utterances[_DEV_EVERY // 2 :: _DEV_EVERY]
        train = [each for index, each in enumerate(self.utterances) if index % _DEV_EVERY != _DEV_EVERY // 2]
        for split, utterances in (("train", train), ("dev", dev)):
            if utterances:
                write_list(self.folder / f"{self.name}_{split}.txt", utterances)
        minutes = sum(utterance.seconds or 0.0 for utterance in self.utterances) / 60
        return (
            f"{self.folder}: {len(train)} clips for training and {len(dev)} for dev, {minutes:.1f} min; "
            f"left out: {self._counts() or 'nothing'}"
        )

    def _counts(self) -> str:
        counts = Counter(part.reason for _, part in self.left_out)
        seconds = Counter[str]()
        for _, part in self.left_out:
            seconds[part.reason] += round(part.end - part.start)  # type: ignore[assignment]
        return ", ".join(f"{counts[r]} {r} ({seconds[r]} s)" for r in REASONS if counts[r])


@dataclass(frozen=True)
class _Phrase:
    """Words between two pauses; fault: why they can be in no clip."""

    words: tuple[AlignedWord, ...]
    start: float
    end: float
    fault: str = ""


def cut(alignment: Alignment, min_seconds: float, max_seconds: float) -> tuple[list[Clip], list[LeftOut]]:
    """Return clips of at most `max_seconds`, cut at pauses, at the end of each line if there is one; and what is in
    none."""
    phrases = list(_phrases(alignment))
    clips: list[Clip] = []
    left_out: list[LeftOut] = []

    def leave_out(reason: str, words: Sequence[AlignedWord], start: float, end: float, text: str = "") -> None:
        line = alignment.lines[words[0].line].number if words else None
        column = words[0].column if words else None
        left_out.append(LeftOut(reason, line, column, start, end, text or "".join(word.text for word in words)))

    for begin, stop in _groups(phrases, max_seconds):
        first, last = phrases[begin], phrases[stop - 1]
        words = [word for phrase in phrases[begin:stop] for word in phrase.words]
        before = phrases[begin - 1].end if begin else 0.0
        after = phrases[stop].start if stop < len(phrases) else alignment.seconds
        start = max(first.start - max(0.0, min(_PADDING, (first.start - before) / 2)), 0.0)
        end = min(last.end + max(0.0, min(_PADDING, (after - last.end) / 2)), alignment.seconds)
        scores = [word.score for word in words if word.score is not None]
        if not words:
            continue  # speech alone, which is listed below
        if first.fault:
            leave_out(first.fault, words, first.start, last.end)
        elif last.end - first.start > max_seconds:
            leave_out("no pause", words, first.start, last.end)
        elif end - start < min_seconds:
            leave_out("too short", words, first.start, last.end)
        elif sum(scores) < MIN_SCORE * len(scores):
            leave_out("uncertain", words, first.start, last.end)
        else:
            clips.append(Clip(start, end, tuple(words)))
    for misfit in alignment.misfits:
        if misfit.kind == "speech":
            left_out.append(LeftOut("speech without text", None, None, misfit.start, misfit.end, misfit.text))
    return clips, sorted(left_out, key=lambda part: part.start)


def _phrases(alignment: Alignment) -> Iterator[_Phrase]:
    """Yield words between pauses. Speech without text belongs to the phrases that no pause separates it from."""
    items: list[tuple[float | None, float | None, AlignedWord | None]] = []
    speech = [misfit for misfit in alignment.misfits if misfit.kind == "speech"]
    for word in alignment.words:
        while speech and word.start is not None and speech[0].start < word.start:
            items.append((speech[0].start, speech[0].end, None))
            speech.pop(0)
        items.append((word.start, word.end, word))
    items += [(misfit.start, misfit.end, None) for misfit in speech]
    held: list[tuple[float | None, float | None, AlignedWord | None]] = []
    for item in items:
        if held and item[0] is not None and held[-1][1] is not None and item[0] - held[-1][1] >= PAUSE:
            yield from _phrase(held, alignment.seconds)
            held = []
        held.append(item)
    yield from _phrase(held, alignment.seconds)


def _phrase(
    items: Sequence[tuple[float | None, float | None, AlignedWord | None]], seconds: float
) -> Iterator[_Phrase]:
    words = tuple(word for _, _, word in items if word is not None)
    starts, ends = [start for start, _, _ in items if start is not None], [e for _, e, _ in items if e is not None]
    fault = ""
    if any(word.start is None for word in words):
        fault = "text does not fit"
    elif len(words) < len(items):
        fault = "speech without text"
    if starts:
        yield _Phrase(words, min(starts), max(ends), fault)
    else:
        yield _Phrase(words, seconds, seconds, fault)


def _groups(phrases: Sequence[_Phrase], max_seconds: float) -> Iterator[tuple[int, int]]:
    """Yield phrases begin <= i < end that make a clip: of one line, without a fault, no longer together than it may
    be."""
    begin = 0
    for index in range(1, len(phrases) + 1):
        if index < len(phrases):
            last, phrase = phrases[index - 1], phrases[index]
            if (
                not (phrase.fault or last.fault)
                and phrase.words[0].line == last.words[-1].line
                and phrase.end - phrases[begin].start <= max_seconds - 2 * _PADDING
            ):
                continue
        yield begin, index
        begin = index


def _waveforms(source: Source, clips: Sequence[Clip]) -> Iterator[np.ndarray]:
    """Yield the samples of each clip, read in one go through the recording in bounded memory."""
    waiting = list(clips)
    buffer, offset = np.zeros(0, np.float32), 0
    for block in blocks(source, lambda line: None):
        buffer = np.concatenate([buffer, block])
        while waiting and round(waiting[0].end * SAMPLE_RATE) <= offset + len(buffer):
            clip = waiting.pop(0)
            yield buffer[round(clip.start * SAMPLE_RATE) - offset : round(clip.end * SAMPLE_RATE) - offset]
        needed = round(waiting[0].start * SAMPLE_RATE) if waiting else offset + len(buffer)
        drop = max(0, min(needed - offset, len(buffer)))
        buffer, offset = buffer[drop:], offset + drop
    for clip in waiting:  # the last one, whose end was rounded up
        yield buffer[round(clip.start * SAMPLE_RATE) - offset : round(clip.end * SAMPLE_RATE) - offset]
