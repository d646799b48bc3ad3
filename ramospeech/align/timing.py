"""When syllables begin and end. CTC tells a frame or two of each; pauses are found by loudness.

The frame lies early in the syllable: where no pause is between two, the second begins a quarter of the way back from
its frame to the one before. (`ramospeech.timing` does this for transcripts, without the sound.)
"""

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

import numpy as np

from ramospeech.align.posteriors import HOP_SECONDS

EARLY = 0.25  # of the time between two syllables, how long the second has begun before its frame
_LONGEST = 0.5  # seconds between two syllables from which there is a pause, audible or not
_MAX_SYLLABLE = 0.8  # seconds behind its frame that a syllable may last
_USUAL = 0.2  # seconds of a syllable, where no two follow each other
_PAUSE = 0.08  # seconds of silence from which a word ends before the next begins
_BLIP = 3  # hops of sound that interrupt no silence
_INSIDE = 0.06  # seconds behind the frame of a syllable in which it does not end, and as much for the next to begin
_FAR = 1.5  # seconds of silence are looked for before the first syllable and behind the last
_QUIET, _DEEP = 0.3, 35.0  # silence: this far from the noise to the speech in decibels, but not so far below speech
_REACH = 1000  # hops around, from which the levels of noise and speech are taken


def word_times(
    frames: Sequence[tuple[float, float] | None], loudness: np.ndarray, seconds: float
) -> list[tuple[float, float] | None]:
    """Start and end of each word from the start and end of its frames in seconds, in order; None stays None.

    Between a word and one that follows behind a None there need be no pause: what lies there is not known.
    """
    known = [index for index, frame in enumerate(frames) if frame is not None]
    starts = [frame[0] for frame in frames if frame is not None]
    steps = [b - a for a, b in pairwise(starts) if 0 < b - a <= _LONGEST]
    usual = median(steps or [_USUAL])
    silences = _Silences(loudness)
    times: list[tuple[float, float] | None] = [None] * len(frames)
    begin = (
        silences.end_before(starts[0], max(0.0, starts[0] - _FAR), max(0.0, starts[0] - EARLY * usual))
        if known
        else 0.0
    )
    for position, index in enumerate(known):
        start = starts[position]
        last = position == len(known) - 1
        following = min(start + _FAR, seconds) if last else starts[position + 1]
        reach = following if last else min(following + _INSIDE, seconds)
        end, after = silences.between(start + _INSIDE, reach)
        if end is None or after is None:
            if last or following - start > _LONGEST:
                end = min(start + (1 - EARLY) * usual, following)
                after = max(end, following - EARLY * usual)
            else:
                end = after = following - EARLY * (following - start)
        if following - start > _LONGEST:  # what lies between may be sound, too: a syllable is never so long
            end, after = min(end, start + _MAX_SYLLABLE), max(after, following - _MAX_SYLLABLE)
        times[index] = begin, max(end, begin)
        begin = max(after, times[index][1])  # type: ignore[index]
    return times


class _Silences:
    """Where a recording is silent."""

    def __init__(self, loudness: np.ndarray):
        self._silent = loudness < _thresholds(loudness)
        self._fill_blips()

    def _fill_blips(self) -> None:
        for begin, end in runs(~self._silent):
            if end - begin <= _BLIP:
                self._silent[begin:end] = True

    def between(self, begin: float, end: float) -> tuple[float | None, float | None]:
        """Return the start of the first pause and the end of the last within some seconds; None where there is none."""
        offset = round(begin / HOP_SECONDS)
        silent = runs(self._silent[offset : round(end / HOP_SECONDS)])
        pauses = [(a + offset, b + offset) for a, b in silent if (b - a) * HOP_SECONDS >= _PAUSE]
        return (pauses[0][0] * HOP_SECONDS, pauses[-1][1] * HOP_SECONDS) if pauses else (None, None)

    def end_before(self, start: float, begin: float, otherwise: float) -> float:
        """Return the end of the last pause from `begin` to a little behind `start`."""
        after = self.between(begin, start + _INSIDE)[1]
        return otherwise if after is None else after


def _thresholds(loudness: np.ndarray) -> np.ndarray:
    """Return decibels below which each hop counts as silence."""
    thresholds = np.empty(len(loudness))
    for begin in range(0, len(loudness), _REACH):
        around = loudness[max(0, begin - _REACH // 2) : begin + _REACH + _REACH // 2]
        noise, speech = np.quantile(around, [0.05, 0.95])
        thresholds[begin : begin + _REACH] = max(noise + _QUIET * (speech - noise), speech - _DEEP)
    return thresholds


def runs(flags: Sequence[bool] | np.ndarray) -> list[tuple[int, int]]:
    """Return (begin, end) of each run of True."""
    edges = np.flatnonzero(np.diff(np.array([False, *flags, False]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
