"""The four stages of a transcription: cut recordings, recognise their pieces, translate those, join transcripts.

Each stage is an iterator of records in, an iterator of records out, in the same order, and looks ahead by a bounded
amount only. The pieces of a recording come one after the other and are followed by the recording's End, which goes
through all stages as it is. No record is changed once it is made.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ctc_decode import ConfusionNetwork, Hypothesis
from ramospeech.audio import SAMPLE_RATE, Channel, Source, name_of, segments, too_short
from ramospeech.audio.voice import Spans, sounding
from ramospeech.batching import map_by_length, windows
from ramospeech.errors import AudioError
from ramospeech.malloc import release_freed_memory
from ramospeech.recogniser import Recognised, Recogniser
from ramospeech.text.units import WORD_BREAK, spaced
from ramospeech.timing import syllable_times
from ramospeech.transcript import Token, Transcript, no_speech_warnings, unended_warnings, written_tokens
from ramospeech.translate import Phrases, Translation, Translator

_WINDOW_BATCHES = 16  # that pieces are read ahead and sorted by length within


@dataclass(frozen=True)
class End:
    """A recording, once all of it was read. error: None, or why it has no transcript. channel: None of a whole one."""

    id: str
    seconds: float
    warnings: tuple[str, ...] = ()
    error: str | None = None
    channel: int | None = None


@dataclass(frozen=True)
class Piece:
    """A part of a recording, short enough for the model. start: in seconds; waveform: (S,) float32 at 16 kHz."""

    start: float
    waveform: np.ndarray
    hotwords: Phrases | None = None


@dataclass(frozen=True)
class RecognisedPiece:
    """A piece that went through the model and the decoder."""

    start: float
    hotwords: Phrases | None
    result: Recognised


@dataclass(frozen=True)
class TranslatedPiece:
    """A piece with its texts, best first.

    hypothesis: the best of the decoder. frames, confidences: of each syllable of the best text the first and one past
    the last frame, and its probability at its position, None if unknown. no_speech: frames taken as noise or music.
    unended: see `Recognised`.
    """

    start: float
    hypothesis: Hypothesis
    texts: tuple[Translation, ...]
    frames: tuple[tuple[int, int], ...]
    confidences: tuple[float | None, ...]
    no_speech: tuple[tuple[int, int], ...] = ()
    unended: bool = False


def cut(
    sources: Iterable[tuple[Source, Phrases | None]],
    max_seconds: float,
    min_samples: int,
    progress: Callable[[float], object] | None = None,
    spans: Spans = sounding,
) -> Iterator[Piece | End]:
    """Read recordings, each with its hotwords, and cut those that are longer than `max_seconds` at pauses.

    What is shorter than `min_samples` is left out. spans: the parts of a piece that are worth recognising; progress: is
    called with the seconds of the rest. A recording that cannot be read, or has nothing left, has an End
    with the reason as its `error`.
    """
    for source, hotwords in sources:
        name = name_of(source)
        warnings: list[str] = []
        samples = pieces = unvoiced = 0
        error = None
        try:
            for start, waveform in segments(source, max_seconds, warnings.append):
                samples += len(waveform)
                if len(waveform) < min_samples:
                    continue
                pieces += 1
                parts = [(first, last) for first, last in spans(waveform) if last - first >= min_samples]
                left_out = len(waveform) - sum(last - first for first, last in parts)
                unvoiced += left_out
                if progress and left_out:
                    progress(left_out / SAMPLE_RATE)
                for first, last in parts:
                    yield Piece(start + first / SAMPLE_RATE, waveform[first:last], hotwords)
            if not pieces:
                raise too_short(name, samples, min_samples)
        except AudioError as reason:
            error = str(reason)
        if unvoiced and spans is not sounding:
            seconds, of = unvoiced / SAMPLE_RATE, samples / SAMPLE_RATE
            warnings.append(f"{name}: {seconds:.1f} of {of:.1f} s have no voice and were left out (--vad)")
        channel = source.number if isinstance(source, Channel) else None
        yield End(name, samples / SAMPLE_RATE, tuple(warnings), error, channel)


def recognise(
    pieces: Iterable[Piece | End],
    recogniser: Recogniser,
    batch_seconds: float,
    progress: Callable[[float], object] | None = None,
) -> Iterator[RecognisedPiece | End]:
    """Recognise pieces in batches of about the same length, so that little is padded.

    batch_seconds: audio of a batch, padding included. progress: is called with the seconds of audio of each batch.
    """

    def batch(pieces: list[Piece]) -> list[Recognised]:
        lengths = np.array([len(piece.waveform) for piece in pieces])
        waveforms = np.zeros((len(pieces), lengths.max()), np.float32)
        for row, piece in zip(waveforms, pieces, strict=True):
            row[: len(piece.waveform)] = piece.waveform
        results = recogniser(waveforms, lengths)
        if progress:
            progress(int(lengths.sum()) / SAMPLE_RATE)
        return results

    budget = int(batch_seconds * SAMPLE_RATE)
    in_windows = windows(
        pieces, lambda item: 0 if isinstance(item, End) else len(item.waveform), _WINDOW_BATCHES * budget
    )
    for number, window in enumerate(in_windows):
        if number:  # what malloc keeps of one window in fragments does not serve the next: 1 MB per minute of audio
            release_freed_memory()
        waiting = [item for item in window if isinstance(item, Piece)]
        results = iter(map_by_length(batch, waiting, lambda piece: len(piece.waveform), budget))
        for item in window:
            yield item if isinstance(item, End) else RecognisedPiece(item.start, item.hotwords, next(results))


def translate(
    pieces: Iterable[RecognisedPiece | End], translator: Translator | None, nbest: int
) -> Iterator[TranslatedPiece | End]:
    """Find the texts of pieces; without a translator the one text has the recognised syllables and no hanzi.

    The translator searches the alternatives at each position of the best hypothesis, by the posteriors,
    weighted by the language model and the hotwords of a beam search. The hotwords of a piece take part in its search.
    Where a recogniser has no posteriors it reads the best hypothesis alone, with the hotwords of the piece. The pinyin
    of a text is how it is read, as in the lists that models are trained with; confidences are of what was recognised.
    """
    for piece in pieces:
        if isinstance(piece, End):
            yield piece
            continue
        hypothesis, network = piece.result.hypotheses[0], piece.result.network
        if network is None and piece.hotwords is not None:
            network = ConfusionNetwork.certain(hypothesis)
        frames = tuple(zip(hypothesis.start_frames, hypothesis.end_frames, strict=True))
        confidences: tuple[float | None, ...] = hypothesis.confidences or (None,) * len(frames)
        if translator is None:
            texts = [Translation("", 0.0, hypothesis.tokens)]
        elif network is None:
            [texts] = translator.translate_batch([hypothesis.tokens], nbest)
        else:
            [texts] = translator.translate_networks([network], nbest, [piece.hotwords])
            slots = [network.slots[number] for number in texts[0].slots]
            frames = tuple((slot.start_frame, slot.end_frame) for slot in slots)
            of_slots = zip(slots, texts[0].syllables, strict=True)
            if piece.result.network is None:
                confidences = tuple(confidences[number] for number in texts[0].slots)
            else:
                confidences = tuple(dict(slot.alternatives).get(syllable, 0.0) for slot, syllable in of_slots)
        yield TranslatedPiece(
            piece.start,
            hypothesis,
            tuple(replace(text, syllables=text.readings or text.syllables, readings=()) for text in texts),
            frames,
            confidences,
            piece.result.no_speech,
            piece.result.unended,
        )


def join(
    pieces: Iterable[TranslatedPiece | End],
    seconds_per_frame: float,
    nbest: int,
    translated: bool,
    written: bool = False,
) -> Iterator[Transcript]:
    """Put the pieces of each recording together.

    translated: whether a translator made the texts. written: whether the model writes characters itself, which are
    then the text, without pinyin.
    """
    waiting: list[TranslatedPiece] = []
    for item in pieces:
        if isinstance(item, TranslatedPiece):
            waiting.append(item)
            continue
        if item.error is not None:
            yield Transcript(
                item.id, seconds=item.seconds, error=item.error, warnings=item.warnings, channel=item.channel
            )
        else:
            texts = _combined([piece.texts for piece in waiting], nbest)
            shown = with_words(texts[0])
            tokens = _tokens(waiting, texts[0], item.seconds, seconds_per_frame, translated, written)
            no_speech = _no_speech(waiting, item.seconds, seconds_per_frame)
            yield Transcript(
                id=item.id,
                text=spaced(token.hanzi for token in tokens) if written else shown.hanzi,
                pinyin=() if written else shown.syllables,
                tokens=tokens,
                seconds=item.seconds,
                score=texts[0].score if translated else sum(piece.hypothesis.score for piece in waiting),
                nbest=tuple(map(with_words, texts)) if translated else (),
                warnings=(
                    *item.warnings,
                    *no_speech_warnings(item.id, no_speech, item.seconds),
                    *unended_warnings(item.id, [piece.start for piece in waiting if piece.unended]),
                ),
                no_speech=no_speech,
                channel=item.channel,
            )
        waiting = []


def _tokens(
    pieces: Sequence[TranslatedPiece],
    text: Translation,
    seconds: float,
    seconds_per_frame: float,
    translated: bool,
    written: bool,
) -> tuple[Token, ...]:
    spikes = [
        (piece.start + first * seconds_per_frame, piece.start + last * seconds_per_frame)
        for piece in pieces
        for first, last in piece.frames
    ]
    times = syllable_times(spikes, seconds)
    confidences = [confidence for piece in pieces for confidence in piece.confidences]
    if written:
        return written_tokens([piece.hypothesis.tokens for piece in pieces], times, confidences)
    hanzi = text.hanzi if translated else [""] * len(text.syllables)
    of_all = zip(text.syllables, hanzi, times, confidences, strict=True)
    return tuple(Token(*_shown(p, h), *time, confidence) for p, h, time, confidence in of_all)


def with_words(text: Translation) -> Translation:
    """Return a translation with the words of other scripts among its hanzi, which a translator passes on."""
    if not any(syllable.startswith(WORD_BREAK) for syllable in text.syllables):
        return text
    hanzi = text.hanzi or [""] * len(text.syllables)  # "" where nobody translated
    shown = [_shown(*pair) for pair in zip(text.syllables, hanzi, strict=True)]
    return replace(text, hanzi=spaced(h for _, h in shown), syllables=tuple(p for p, _ in shown))


def _shown(syllable: str, hanzi: str) -> tuple[str, str]:
    """Return what stands in the two columns of a syllable, or of a word, which is the same in both."""
    word = syllable.removeprefix(WORD_BREAK)
    return (syllable, hanzi) if word == syllable else (word, word if hanzi else "")


def _no_speech(
    pieces: Sequence[TranslatedPiece], seconds: float, seconds_per_frame: float
) -> tuple[tuple[float, float], ...]:
    """Return where syllables were taken as noise or music, in seconds; spans that touch are one."""
    spans: list[tuple[float, float]] = []
    for piece in pieces:
        for first, last in piece.no_speech:
            start, end = piece.start + first * seconds_per_frame, min(piece.start + last * seconds_per_frame, seconds)
            touches = bool(spans) and start - spans[-1][1] < 2 * seconds_per_frame
            spans[-1:] = [(spans[-1][0], end)] if touches else [*spans[-1:], (start, end)]
    return tuple(spans)


def _combined(parts: Iterable[Sequence[Translation]], nbest: int) -> list[Translation]:
    """Return the best `nbest` of all combinations of the texts of consecutive parts."""
    texts = [Translation("", 0.0)]
    for part in parts:
        pairs = (
            Translation(a.hanzi + b.hanzi, a.score + b.score, a.syllables + b.syllables) for a in texts for b in part
        )
        texts = heapq.nlargest(nbest, pairs, key=lambda text: text.score)
    return texts
