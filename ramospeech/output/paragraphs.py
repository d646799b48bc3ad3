"""Text to read: a transcript in paragraphs that begin with their times, doubtful words marked."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ramospeech.output.cues import clock
from ramospeech.output.words import MARKS, text_of, words
from ramospeech.output.writer import Style
from ramospeech.text.units import spaced

if TYPE_CHECKING:
    from ramospeech.transcript import Token, Transcript

_PARAGRAPH = 1.5  # seconds without speech from which a new paragraph begins,
_LONG = 150  # or from which it does the sooner the longer the paragraph is: after so many syllables at half of that
_SHORTEST = 20  # syllables of a paragraph, whatever the pauses
_PHRASE = 0.3  # seconds without speech that become a space


def paragraphs(transcript: Transcript) -> Iterator[Sequence[Token]]:
    """Yield the tokens of each paragraph.

    The pause that ends a paragraph is the shorter the longer the paragraph is: 1.5 s at its beginning, half of that
    after 150 syllables, a quarter after 300. None has fewer than 20 syllables, but for the last, and those that end
    because another speaker begins.
    """
    tokens = transcript.tokens
    first = 0
    for number, (token, following) in enumerate(itertools.pairwise(tokens), 1):
        length = number - first
        ends = length >= _SHORTEST and following.start - token.end >= _PARAGRAPH * 0.5 ** (length / _LONG)
        if ends or following.speaker != token.speaker:
            yield tokens[first:number]
            first = number
    if tokens:
        yield tokens[first:]


def readable(transcript: Transcript, style: Style) -> str:
    """Return paragraphs, an empty line between them: `[00:01:02] speaker: text text`, a doubtful word as
    `[word?]`."""
    return "\n\n".join(
        f"[{clock(p[0].start, '.')[:8]}] {f'{p[0].speaker}: ' if p[0].speaker else ''}{_text(p, style)}"
        for p in paragraphs(transcript)
    )


def _text(tokens: Sequence[Token], style: Style) -> str:
    """Return the words of a paragraph, with spaces where the speaker pauses and no mark stands."""
    hanzi = all(token.hanzi for token in tokens)
    phrases: list[list[str]] = []
    end = 0.0
    for word in words(tokens):
        marked = phrases and phrases[-1][-1][-1:] in tuple(MARKS)
        if not phrases or (word[0].start - end >= _PHRASE and not marked):
            phrases.append([])
        text = text_of(word)
        if any(map(style.is_doubtful, word)):
            bare = text.rstrip(MARKS)
            text = f"[{bare}?]{text[len(bare) :]}"
        phrases[-1].append(text)
        end = word[-1].end
    return " ".join(spaced(phrase) if hanzi else " ".join(phrase) for phrase in phrases)
