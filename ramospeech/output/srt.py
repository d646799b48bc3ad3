"""SubRip subtitles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ramospeech.output.cues import clock, spoken_cues, without_last_mark
from ramospeech.output.writer import Writer

if TYPE_CHECKING:
    from ramospeech.transcript import Transcript


class SrtWriter(Writer):
    """Numbered cues with their times."""

    single = True

    def write(self, transcript: Transcript) -> None:
        for number, (start, end, text, speaker) in enumerate(spoken_cues(transcript), 1):
            name = f"{speaker}: " if speaker else ""
            print(
                f"{number}\n{clock(start, ',')} --> {clock(end, ',')}\n{name}{without_last_mark(text)}\n",
                file=self.file,
            )
