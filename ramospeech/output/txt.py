"""Plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ramospeech.output.writer import Writer, flat

if TYPE_CHECKING:
    from ramospeech.transcript import Transcript


class TxtWriter(Writer):
    """One line for each recording: its hanzi, or its syllables without a translator; empty where it failed.

    Of several recordings each line starts with the recording's id and a tab.
    """

    def write(self, transcript: Transcript) -> None:
        name = f"{flat(transcript.id)}\t" if self.several else ""
        print(name + (transcript.text or " ".join(transcript.pinyin)), file=self.file)
