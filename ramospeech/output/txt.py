"""Plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ramospeech.output.paragraphs import readable
from ramospeech.output.writer import Writer, flat

if TYPE_CHECKING:
    from ramospeech.transcript import Transcript


class TxtWriter(Writer):
    """One line for each recording: its text as people read it; its syllables without a translator.

    The line of a recording that failed is empty. Of several recordings each line starts with the recording's id and a
    tab. Where the style asks for paragraphs, these with their times, under the id where there are several, and an empty
    line behind each recording.
    """

    def write(self, transcript: Transcript) -> None:
        if self.style.paragraphs:
            heading, end = (f"{flat(transcript.id)}\n\n", "\n\n") if self.several else ("", "\n")
            print(heading + readable(transcript, self.style), end=end, file=self.file)
            return
        name = f"{flat(transcript.id)}\t" if self.several else ""
        print(name + (transcript.display or " ".join(transcript.pinyin)), file=self.file)
