"""WebVTT subtitles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ramospeech.output.cues import clock, spoken_cues, without_last_mark
from ramospeech.output.writer import Writer

if TYPE_CHECKING:
    from ramospeech.transcript import Transcript


class VttWriter(Writer):
    """Cues with their times; markup is escaped."""

    single = True
    head = "WEBVTT\n\n"

    def write(self, transcript: Transcript) -> None:
        for start, end, text, speaker in spoken_cues(transcript):
            name = f"<v {_escaped(speaker)}>" if speaker else ""
            print(
                f"{clock(start, '.')} --> {clock(end, '.')}\n{name}{_escaped(without_last_mark(text))}\n",
                file=self.file,
            )


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
