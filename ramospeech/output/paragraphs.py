"""Text to read: a transcript in paragraphs that begin with their times, doubtful words marked."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ramospeech.output.cues import clock
from ramospeech.output.words import text_of, words
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
    after 150 syllables, a quarter after 300. None has fewer than 20 syllables, but for the last.
    """
    tokens = transcript.tokens
    first = 0
    for number, (token, following) in enumerate(itertools.pairwise(tokens), 1):
        length = number - first
        if length >= _SHORTEST and following.start - token.end >= _PARAGRAPH * 0.5 ** (length / _LONG):
            yield tokens[first:number]
            first = number
    if tokens:
        yield tokens[first:]


def readable(transcript: Transcript, style: Style) -> str:
    """Return paragraphs, an empty line between them: `[00:01:02] text text`, a doubtful word as `[word?]`."""
    return "\n\n".join(f"[{clock(p[0].start, '.')[:8]}] {_text(p, style)}" for p in paragraphs(transcript))


def _text(tokens: Sequence[Token], style: Style) -> str:
    """Return the words of a paragraph, with spaces where the speaker pauses."""
    hanzi = all(token.hanzi for token in tokens)
    phrases: list[list[str]] = []
    end = -_PHRASE
    for word in words(tokens):
        if word[0].start - end >= _PHRASE:
            phrases.append([])
        text = text_of(word)
        phrases[-1].append(f"[{text}?]" if any(map(style.is_doubtful, word)) else text)
        end = word[-1].end
    return " ".join(spaced(phrase) if hanzi else " ".join(phrase) for phrase in phrases)
