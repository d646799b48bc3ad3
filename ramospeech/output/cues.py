"""Subtitles: a transcript cut into cues, at pauses where there are any and between words elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ramospeech.output.words import MARKS, begins, text_of, word_starts

if TYPE_CHECKING:
    from ramospeech.transcript import Token, Transcript

MAX_TOKENS = 20  # per cue
MAX_SECONDS = 7.0
_LINGER = 0.5  # seconds a subtitle stays after its last syllable, if the next one lets it
_PAUSE = 0.15  # seconds without speech that count as a pause
_LONG_PAUSE = 1.0  # from which a new cue begins in any case
_ENDING = "，。、"  # marks that subtitles leave out at their end


def clock(seconds: float, point: str) -> str:
    """Return seconds as HH:MM:SS and milliseconds after `point`.

    >>> clock(3661.0996, ",")
    '01:01:01,100'
    """
    total, milliseconds = divmod(round(seconds * 1000), 1000)
    minutes, second = divmod(total, 60)
    hour, minute = divmod(minutes, 60)
    return f"{hour:02}:{minute:02}:{second:02}{point}{milliseconds:03}"


def cues(transcript: Transcript) -> Iterator[tuple[float, float, str]]:
    """Yield subtitles (start, end, text) of a transcript, at most MAX_TOKENS syllables and MAX_SECONDS each.

    A phrase is the speech between two pauses. A cue that is too long is cut at its longest pause, recursively; a phrase
    that is too long by itself is cut near its middle, between words.
    """
    parts = [transcript.tokens] if transcript.tokens else []
    while parts:
        tokens = parts.pop()
        if cut := _cut(tokens):
            parts += [tokens[cut:], tokens[:cut]]
            continue
        following = parts[-1][0].start if parts else transcript.seconds
        end = max(tokens[-1].end, min(tokens[-1].end + _LINGER, following))
        yield tokens[0].start, min(end, max(tokens[-1].end, tokens[0].start + MAX_SECONDS)), text_of(tokens)


def without_last_mark(text: str) -> str:
    """Return the text of a cue as subtitles have it: without a comma or full stop at its end.

    >>> without_last_mark("你好，再见。")
    '你好，再见'
    """
    return text.rstrip(_ENDING)


def _cut(tokens: Sequence[Token]) -> int:
    """Return the number of the token before which to cut, never within a number; 0 for what may stay together."""
    pauses = {i: tokens[i].start - tokens[i - 1].end for i in range(1, len(tokens)) if begins(tokens[i])}
    longest = max(pauses.values(), default=0.0)
    too_long = len(tokens) > MAX_TOKENS or tokens[-1].end - tokens[0].start > MAX_SECONDS
    if not pauses or not (too_long or longest >= _LONG_PAUSE):
        return 0
    if longest >= _PAUSE:
        candidates = [i for i, pause in pauses.items() if pause > longest - 0.001]
    else:
        marked = [i for i in pauses if tokens[i - 1].shown[-1:] in tuple(MARKS)]
        candidates = marked or word_starts(tokens) or list(pauses)
    return min(candidates, key=lambda i: abs(i - len(tokens) / 2))
