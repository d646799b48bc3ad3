"""Forced alignment of recordings of any length with their texts: the times of each word, and what does not match.

The recording is recognised piece by piece, the text is matched to what was recognised (`matching`), and within each
window the Viterbi algorithm of `ctc_decode.align` places the words. Where the text has several readings the audio
chooses. Words that the audio does not have get no time, and are reported with the speech that the text does not have.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from ctc_decode.align import align
from ramospeech.align.matching import STAR, Window, match
from ramospeech.align.posteriors import Posteriors, posteriors_of
from ramospeech.align.texts import WILDCARD, Line, Spellings, Word, readings, words_of
from ramospeech.align.timing import runs, word_times
from ramospeech.audio import Source, name_of
from ramospeech.errors import AudioError, ModelError
from ramospeech.model import AcousticModel
from ramospeech.text import pinyin

BAD_SCORE = -5.0  # mean log probability below which a word does not match the audio
_FEW = 3  # bad words together, or units of speech without text, that are reported; fewer are recognition errors
_MARGIN = 3.0  # nats by which another reading must be better than pypinyin's
_STAR_COST = 1.0  # nats per frame of audio outside the text
_MIN_FITTING = 0.3  # fraction of the words that must fit


@dataclass(frozen=True)
class AlignedWord:
    """A word of the text (see `texts.Word`), the spoken label, and its times; start and end are None if not spoken.

    score: mean log probability of the label over its frames, a natural log; near 0 where the audio agrees.
    """

    line: int
    column: int
    text: str
    label: str
    start: float | None = None
    end: float | None = None
    score: float | None = None


@dataclass(frozen=True)
class Misfit:
    """A part of the text or of the audio that the other does not have.

    kind: "text" that is not in the audio, or "speech" that is not in the text. text: the words of either.
    start, end: seconds; of text, the time between the words around it. line: number of the line in the file, with the
    columns of the first and the last character, from 1; None for speech.
    """

    kind: str
    text: str
    count: int
    start: float
    end: float
    line: int | None = None
    columns: tuple[int, int] | None = None

    def __str__(self) -> str:
        if self.kind == "text":
            assert self.columns
            return (
                f"line {self.line}, characters {self.columns[0]} to {self.columns[1]}: not in the audio between "
                f"{self.start:.2f} and {self.end:.2f} s: {_shortened(self.text)}"
            )
        return f"{self.start:.2f} to {self.end:.2f} s: speech that is not in the text: {_shortened(self.text)}"


@dataclass(frozen=True)
class Alignment:
    """A recording with its text. resolution: seconds of a frame of the model; times between pauses are no finer."""

    id: str
    seconds: float
    resolution: float
    lines: tuple[Line, ...]
    words: tuple[AlignedWord, ...]
    misfits: tuple[Misfit, ...]
    warnings: tuple[str, ...] = ()

    @property
    def fitting(self) -> int:
        """How many words have a time."""
        return sum(word.start is not None for word in self.words)

    def words_of_line(self) -> Iterator[tuple[Line, list[AlignedWord]]]:
        """Yield each line with its words that have a time."""
        timed: list[list[AlignedWord]] = [[] for _ in self.lines]
        for word in self.words:
            if word.start is not None:
                timed[word.line].append(word)
        yield from zip(self.lines, timed, strict=True)


class Aligner:
    """Aligns recordings with texts by a CTC model, which is switched to evaluation and moved to `device`."""

    def __init__(self, model: AcousticModel, device: torch.device):
        if model.units.composed:
            raise ModelError(
                f"a model of {model.units.name}, which are not aligned with hanzi; use one of pinyin or characters"
            )
        self.model = model.to(device).eval()
        self.device = device
        self._is_pinyin = model.units.name == "pinyin"

    def align(
        self,
        source: Source,
        lines: Sequence[Line],
        name: str = "text",
        progress: Callable[[float], object] | None = None,
    ) -> Alignment:
        """Align one recording.

        lines: the text (`texts.read_lines`); name: what to call it in messages. progress: takes the seconds of each
        batch that was recognised. Raises ListError for a line that cannot be read, AudioError for a recording that
        cannot, and where most of the text is not in it.
        """
        words = words_of(lines, self.model.units, self.model.vocabulary, name)
        if not words:
            raise AudioError(
                f"{name}: this text has nothing to pronounce; give the text of the recording in characters"
            )
        warnings: list[str] = []
        posteriors = posteriors_of(source, self.model, self.device, report=warnings.append, progress=progress)
        spans = self._find_spans(posteriors, words)
        kept = _without_bad_runs(spans)
        fitting = sum(span is not None for span in kept)
        if fitting < _MIN_FITTING * len(words):
            raise AudioError(
                f"{name_of(source)}: only {fitting} of {len(words)} characters of {name} are in it; "
                "is it the text of this recording?"
            )
        frame = self.model.seconds_per_frame
        frame_times = [
            (float(posteriors.times[p.begin]), float(posteriors.times[p.end - 1]) + frame) if p else None for p in kept
        ]
        times = word_times(frame_times, posteriors.loudness, posteriors.seconds)
        aligned = tuple(_aligned(*row) for row in zip(words, kept, times, strict=True))
        misfits = [*_unspoken(aligned, lines, posteriors.seconds), *self._unwritten(posteriors, kept)]
        return Alignment(
            name_of(source),
            posteriors.seconds,
            frame,
            tuple(lines),
            aligned,
            tuple(sorted(misfits, key=lambda misfit: (misfit.start, misfit.end))),
            tuple(warnings),
        )

    def _find_spans(self, posteriors: Posteriors, words: Sequence[Word]) -> list["_Span | None"]:
        """Return the frames of each word; None for those that are in no window, or whose window has too few frames."""
        units = self.model.vocabulary.units
        best = [self._base(units[number]) for number in posteriors.best.tolist()]
        matching = match(
            best,
            posteriors.first.tolist(),
            posteriors.last.tolist(),
            len(posteriors.times),
            [self._base(word.label) for word in words],
        )
        spans: list[_Span | None] = [None] * len(words)
        for window in matching.windows:
            log_probs = posteriors.window(window.begin, window.end)
            while True:
                in_window = _spans_in(window, log_probs, words, units)
                fewer = _without_core(window, in_window)
                if fewer == window:
                    break
                window = fewer
            for index, span in in_window.items():
                spans[index] = span
        return spans

    def _base(self, unit: str) -> str:
        return pinyin.toneless(unit) if self._is_pinyin else unit

    def _unwritten(self, posteriors: Posteriors, spans: Sequence["_Span | None"]) -> Iterator[Misfit]:
        """Runs of recognised units where no word is."""
        taken = np.zeros(len(posteriors.times) + 2, bool)
        for span in spans:
            if span:
                taken[max(0, span.begin - 1) : span.end + 1] = True
        free = [not taken[a:b].any() for a, b in zip(posteriors.first, posteriors.last, strict=True)]
        frame = self.model.seconds_per_frame
        for begin, end in runs(free):
            if end - begin >= _FEW:
                tokens = self.model.vocabulary.decode(posteriors.best[begin:end].tolist())
                start, stop = posteriors.times[posteriors.first[begin]], posteriors.times[posteriors.last[end - 1] - 1]
                text = " ".join(tokens) if self._is_pinyin else self.model.units.to_text(tokens)
                yield Misfit("speech", text, end - begin, float(start), float(stop) + frame)


@dataclass(frozen=True)
class _Span:
    """The frames begin <= t < end of a word, its score, and the label that was spoken."""

    begin: int
    end: int
    score: float
    label: str


def _without_core(window: Window, spans: Mapping[int, _Span]) -> Window:
    """Return a window without the words inside of a run that the audio does not have, which keep the others from their
    span.

    The first and the last word of such a run are tried again.
    """
    bad = [index == STAR or index not in spans or spans[index].score < BAD_SCORE for index in window.words]
    words = list(window.words)
    for begin, end in reversed(runs(bad)):
        if sum(index != STAR for index in words[begin:end]) >= _FEW:
            edges = [index for index in words[begin:end] if index != STAR]
            words[begin:end] = [edges[0], STAR, edges[-1]]
    return replace(window, words=tuple(words))


def _spans_in(window: Window, log_probs: np.ndarray, words: Sequence[Word], units: Sequence[str]) -> dict[int, _Span]:
    """Return the spans of the words of a window, log_probs (T', V), by index; none where the frames are too few."""
    if all(word == STAR for word in window.words):
        return {}
    columns = [log_probs[:, 0]]  # the blank, then one column for each way to spell a word
    column_of: dict[Spellings, int] = {}
    labels = []
    for index in window.words:
        spellings = WILDCARD if index == STAR else words[index].spellings
        if spellings not in column_of:
            column_of[spellings] = len(columns)
            costs = [log_probs[:, unit] - cost for unit, cost in spellings] or [log_probs.max(axis=1) - _STAR_COST]
            columns.append(np.max(costs, axis=0))
        labels.append(column_of[spellings])
    try:
        tokens = align(np.stack(columns, axis=1), labels)
    except ValueError:  # too many words for these frames: they are not of this audio
        return {}
    spans = {}
    for index, token in zip(window.words, tokens, strict=True):
        if index != STAR:
            frames = slice(token.start_frame, token.end_frame)
            label = _spoken_label(words[index], log_probs[frames], units)
            spans[index] = _Span(window.begin + frames.start, window.begin + frames.stop, token.score, label)
    return spans


def _spoken_label(word: Word, log_probs: np.ndarray, units: Sequence[str]) -> str:
    """Return the label of a word, or another reading of its character that clearly fits the audio better."""
    if len(word.spellings) < 2 or units[word.spellings[0][0]] != word.label:
        return word.label
    scores = {unit: float(log_probs[:, unit].mean()) for unit, _ in word.spellings}
    best = max(scores, key=lambda unit: scores[unit])
    is_reading = units[best] in readings(word.text)
    return units[best] if is_reading and scores[best] > scores[word.spellings[0][0]] + _MARGIN else word.label


def _aligned(word: Word, span: _Span | None, times: tuple[float, float] | None) -> AlignedWord:
    aligned = AlignedWord(word.line, word.column, word.text, word.label)
    if span is None or times is None:
        return aligned
    return replace(aligned, label=span.label, start=times[0], end=times[1], score=span.score)


def _without_bad_runs(spans: Sequence[_Span | None]) -> list[_Span | None]:
    """Put None for all words of a run that the audio does not have; a good word between two bad ones is chance."""
    bad = [span is None or span.score < BAD_SCORE for span in spans]
    joined = [
        flag or (0 < index < len(bad) - 1 and bad[index - 1] and bad[index + 1]) for index, flag in enumerate(bad)
    ]
    kept = list(spans)
    for begin, end in runs(joined):
        if sum(bad[begin:end]) >= _FEW or any(span is None for span in spans[begin:end]):
            kept[begin:end] = [None] * (end - begin)
    return kept


def _unspoken(words: Sequence[AlignedWord], lines: Sequence[Line], seconds: float) -> Iterator[Misfit]:
    """Runs of words without a time, line by line."""
    for begin, end in runs([word.start is None for word in words]):
        before = words[begin - 1].end if begin else 0.0
        after = words[end].start if end < len(words) else seconds
        assert before is not None and after is not None
        while begin < end:
            line = words[begin].line
            stop = next((index for index in range(begin, end) if words[index].line != line), end)
            columns = words[begin].column, max(word.column + len(word.text) - 1 for word in words[begin:stop])
            text = lines[line].text[columns[0] - 1 : columns[1]]
            yield Misfit("text", text, stop - begin, before, after, lines[line].number, columns)
            begin = stop


def _shortened(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:30]} ... {text[-7:]}"
