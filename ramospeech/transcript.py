"""The results of transcription: a Transcript for each recording, with a Token for each syllable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ramospeech.text.units import spaced, word_spans

if TYPE_CHECKING:  # a transcript needs no torch
    from ramospeech.translate import Translation


@dataclass(frozen=True)
class Token:
    """A syllable, the hanzi it became ("" without a translator), and its times in seconds.

    Of a model that writes characters a token is a hanzi or a word of letters, in `hanzi`; `pinyin` is empty.
    confidence: from 0 to 1, the probability of the syllable among the alternatives at its position; for a word the
        minimum over its letters. None if the decoder gives none.
    display: what people are shown where that is not the hanzi, such as the hanzi with a mark behind it. The first
        syllable of a number in digits has all of it, the others "". speaker: their name; None where nobody asked.
    """

    pinyin: str
    hanzi: str
    start: float
    end: float
    confidence: float | None = None
    display: str | None = None
    speaker: str | None = None

    @property
    def shown(self) -> str:
        """What people are shown for it."""
        return self.hanzi if self.display is None else self.display


def written_tokens(
    labels: Iterable[Sequence[str]],
    times: Sequence[tuple[float, float]],
    confidences: Sequence[float | None] | None = None,
) -> tuple[Token, ...]:
    """Return hanzi and words of the pieces of a recording, from their characters, and the times and confidences of all
    of these in order."""
    tokens: list[Token] = []
    done = 0
    for label in labels:
        for word, first, last in word_spans(label):
            letters = slice(done + first, done + last + 1)
            known = [] if confidences is None else [each for each in confidences[letters] if each is not None]
            start, end = times[done + first][0], times[done + last][1]
            tokens.append(Token("", word, start, end, min(known, default=None)))
        done += len(label)
    return tuple(tokens)


@dataclass(frozen=True)
class Transcript:
    """The transcript of one recording.

    id: the source as it was given; of a channel with `#` and its number, which is in `channel` too. text: hanzi; ""
        without a translator. seconds: length of the recording.
    score: of the text, the sum of natural logarithms by which the translator chose it (that of the first of `nbest`);
        without a translator, of the syllables or characters by the decoder. Compares texts of one recording only.
    nbest: as many texts for the syllables as were asked for, best first, with their scores on that scale.
    error: None, or why it could not be transcribed; everything but id and seconds is then empty.
    warnings: what should be known about the recording although it was transcribed, such as bytes that are not audio.
    no_speech: from where to where in seconds syllables were found that were taken as noise or music and left out;
        `warnings` has a line about them.
    """

    id: str
    text: str = ""
    pinyin: tuple[str, ...] = ()
    tokens: tuple[Token, ...] = ()
    seconds: float = 0.0
    score: float = 0.0
    error: str | None = None
    nbest: tuple[Translation, ...] = ()
    warnings: tuple[str, ...] = ()
    no_speech: tuple[tuple[float, float], ...] = ()
    channel: int | None = None

    @property
    def display(self) -> str:
        """The text with punctuation, digits and script as asked for; `text` has the hanzi as they were recognised."""
        changed = any(token.display is not None for token in self.tokens)
        return spaced(token.shown for token in self.tokens) if changed else self.text


def no_speech_warnings(name: str, spans: Sequence[tuple[float, float]], seconds: float) -> tuple[str, ...]:
    """Return a line about the parts of a recording that were taken as noise or music; none without such parts."""
    if not spans:
        return ()
    where = ", ".join(f"{start:.1f}-{end:.1f}" for start, end in spans[:3]) + (", ..." if len(spans) > 3 else "")
    total = sum(end - start for start, end in spans)
    return (
        f"{name}: {total:.1f} of {seconds:.1f} s taken as noise or music, not speech ({where} s); "
        "--min_confidence 0 writes what was found there too",
    )


def unended_warnings(name: str, starts: Sequence[float]) -> tuple[str, ...]:
    """Return a line about the parts of a recording, by their starts in seconds, whose text the model did not end."""
    if not starts:
        return ()
    where = ", ".join(f"{start:.1f}" for start in starts[:3]) + (", ..." if len(starts) > 3 else "")
    return (
        f"{name}: the model did not end the text that begins at {where} s, which may lack its end or repeat itself; "
        "where the model has a CTC head too, more --ctc_weight may help",
    )
