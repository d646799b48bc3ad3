"""TextGrid, the annotations of Praat (Boersma and Weenink, praat.org): tiers of intervals from 0 to the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ramospeech.output.cues import cues
from ramospeech.output.writer import Writer

if TYPE_CHECKING:
    from ramospeech.transcript import Transcript

Interval = tuple[float, float, str]
"""Start and end in seconds, and the text between them."""


class TextGridWriter(Writer):
    """The subtitles, the hanzi and the syllables of a recording, a tier each."""

    single = True
    ending = "TextGrid"

    def write(self, transcript: Transcript) -> None:
        tokens = transcript.tokens
        tiers = {
            "segments": list(cues(transcript)),
            "hanzi": [(token.start, token.end, token.hanzi) for token in tokens if token.hanzi],
            "pinyin": [(token.start, token.end, token.pinyin) for token in tokens if token.pinyin],
        }
        self.file.write(textgrid_of(tiers, transcript.seconds))


def textgrid_of(tiers: Mapping[str, Iterable[Interval]], seconds: float) -> str:
    """Write out a TextGrid with these tiers of a recording of so many seconds.

    Gaps become empty intervals. An interval that begins before the last one has ended is moved.
    """
    rows = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {seconds:.6f}"]
    rows += ["tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    for number, (name, given) in enumerate(tiers.items(), 1):
        intervals = _filled(given, seconds)
        rows += [f"    item [{number}]:", '        class = "IntervalTier"', f'        name = "{name}"']
        rows += ["        xmin = 0", f"        xmax = {seconds:.6f}"]
        rows.append(f"        intervals: size = {len(intervals)}")
        for number, (start, end, text) in enumerate(intervals, 1):
            quoted = text.replace('"', '""')
            rows += [
                f"        intervals [{number}]:",
                f"            xmin = {start:.6f}",
                f"            xmax = {end:.6f}",
            ]
            rows.append(f'            text = "{quoted}"')
    return "\n".join(rows) + "\n"


def _filled(intervals: Iterable[Interval], seconds: float) -> list[Interval]:
    """Return intervals from 0 to the end without gaps; what has no length, or begins before the last has ended, is
    moved."""
    filled: list[Interval] = []
    at = 0.0
    for start, end, text in sorted(intervals):
        start, end = max(round(start, 6), at), min(round(end, 6), seconds)
        if end <= start:
            if filled and filled[-1][2]:
                begin, stop, before = filled.pop()
                filled.append((begin, stop, f"{before} / {text}"))
                continue
            end = min(start + 0.001, seconds)
            if end <= start:
                continue
        if start > at:
            filled.append((at, start, ""))
        filled.append((start, end, text))
        at = end
    if at < seconds or not filled:
        filled.append((at, seconds, ""))
    return filled
