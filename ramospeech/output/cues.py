"""Subtitles: a transcript cut into cues, at pauses and punctuation where there are any and between words elsewhere."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from ramospeech.output.words import begins, text_of, word_starts

if TYPE_CHECKING:
    from ramospeech.transcript import Token, Transcript

MAX_CHARACTERS = 20  # per cue; a Latin letter is half a character
MAX_SECONDS = 7.0
READING_SPEED = 9.0  # characters per second that a subtitle stays for, if the next one lets it (Netflix's limit)
MIN_SECONDS = 5 / 6  # likewise
_LINGER = 0.5  # seconds that it stays after its last syllable, likewise
_PAUSE = 0.15  # seconds without speech that count as a pause
_LONG_PAUSE = 1.0  # from which a new cue begins in any case
_ENDING = "，。、"  # marks that subtitles leave out at their end

# Costs that the cutting of long speech weighs: a cut is free after a pause of 0.6 s or at the end of a sentence.
_FREE_PAUSE = 0.6
_BETWEEN_WORDS, _WITHIN_WORD = 1.5, 6.0
_OF_MARK = {"。": 0.1, "？": 0.1, "！": 0.1, "，": 0.4, "、": 0.7}
_USUAL, _SHORT = 12.0, 5.0  # characters that a cue has at best, and should have at least


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
    """Yield subtitles (start, end, text) of a transcript, as `spoken_cues` without the speakers."""
    return ((start, end, text) for start, end, text, _ in spoken_cues(transcript))


def spoken_cues(transcript: Transcript) -> Iterator[tuple[float, float, str, str | None]]:
    """Yield subtitles (start, end, text, speaker) of a transcript, at most MAX_CHARACTERS and MAX_SECONDS each.

    A cue ends at a pause of a second, and where another speaker begins. What is longer than a cue may be is cut where
    the sum of costs is lowest: after pauses and punctuation rather than between words, and into cues that are neither
    short nor of unequal length.
    """
    parts = [tokens for block in _blocks(transcript.tokens) for tokens in _cut(block)]
    for tokens, following in itertools.zip_longest(parts, parts[1:]):
        start, end = tokens[0].start, tokens[-1].end
        wanted = max(end + _LINGER, start + MIN_SECONDS, start + sum(map(_width, tokens)) / READING_SPEED)
        room = following[0].start if following else transcript.seconds
        yield start, max(end, min(wanted, room, start + MAX_SECONDS)), text_of(tokens), tokens[0].speaker


def _width(token: Token) -> float:
    """Return how many characters a token takes in a line."""
    if not token.hanzi:
        return 1.0
    return sum(0.5 if character.isascii() else 1.0 for character in token.shown)


def _blocks(tokens: Sequence[Token]) -> Iterator[Sequence[Token]]:
    """Yield the tokens between long pauses, of one speaker each."""
    first = 0
    for number in range(1, len(tokens)):
        before, token = tokens[number - 1], tokens[number]
        if (token.start - before.end >= _LONG_PAUSE or token.speaker != before.speaker) and begins(token):
            yield tokens[first:number]
            first = number
    if tokens:
        yield tokens[first:]


def _cut(tokens: Sequence[Token]) -> list[Sequence[Token]]:
    """Return the cues of tokens without a long pause, by dynamic programming over where they end."""
    ends = list(itertools.accumulate(map(_width, tokens), initial=0.0))

    def fits(first: int, last: int) -> bool:
        seconds = tokens[last - 1].end - tokens[first].start
        return ends[last] - ends[first] <= MAX_CHARACTERS and seconds <= MAX_SECONDS

    if fits(0, len(tokens)):
        return [tokens]
    costs = _costs(tokens, fits)
    best: dict[int, tuple[float, int]] = {0: (0.0, 0)}  # by where a cue ends: the cost so far, and where it begins
    before = [0]  # where one may begin
    for last in [*sorted(costs), len(tokens)]:
        choices: list[tuple[float, int]] = []
        for first in reversed(before):
            if not fits(first, last) and choices:
                break
            choices.append((best[first][0] + _of_length(ends[last] - ends[first]), first))
            if not fits(first, last):  # a number or a word that is too long by itself
                break
        cost, first = min(choices)
        best[last] = cost + costs.get(last, 0.0), first
        before.append(last)
    cuts = [len(tokens)]
    while cuts[-1]:
        cuts.append(best[cuts[-1]][1])
    return [tokens[first:last] for last, first in reversed(list(itertools.pairwise(cuts)))]


def _of_length(width: float) -> float:
    """Return what a cue of so many characters costs."""
    return 0.5 + 0.6 * (width / _USUAL - 1) ** 2 + 0.3 * max(0.0, _SHORT - width)


def _costs(tokens: Sequence[Token], fits: Callable[[int, int], bool]) -> dict[int, float]:
    """Return what a cut before a token costs, of those before which there may be one, never within a number.

    Only where speech between pauses and marks is too long for a cue are there cuts between words, or within them.
    """
    costs = {}
    for number in range(1, len(tokens)):
        pause = tokens[number].start - tokens[number - 1].end
        mark = _OF_MARK.get(tokens[number - 1].shown[-1:], 1.0)
        if begins(tokens[number]) and (pause >= _PAUSE or mark < 1):
            costs[number] = min(mark, max(0.0, 1 - pause / _FREE_PAUSE))
    places = [0, *costs, len(tokens)]
    too_long = [(a, b) for a, b in itertools.pairwise(places) if not fits(a, b)]
    if too_long:
        starts = set(word_starts(tokens))
        for number in (number for a, b in too_long for number in range(a + 1, b) if begins(tokens[number])):
            costs[number] = _BETWEEN_WORDS if number in starts else _WITHIN_WORD
    return costs


def without_last_mark(text: str) -> str:
    """Return the text of a cue as subtitles have it: without a comma or full stop at its end.

    >>> without_last_mark("你好，再见。")
    '你好，再见'
    """
    return text.rstrip(_ENDING)
