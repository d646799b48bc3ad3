"""WebVTT subtitles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ramospeech.output.cues import clock, cues, without_last_mark
from ramospeech.output.writer import Writer

if TYPE_CHECKING:
    from ramospeech.transcript import Transcript


class VttWriter(Writer):
    """Cues with their times; markup is escaped."""

    single = True
    head = "WEBVTT\n\n"

    def write(self, transcript: Transcript) -> None:
        for start, end, text in cues(transcript):
            escaped = without_last_mark(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
            print(f"{clock(start, '.')} --> {clock(end, '.')}\n{escaped}\n", file=self.file)
