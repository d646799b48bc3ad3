"""What every writer of transcripts is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:  # writing needs no torch
    from ramospeech.transcript import Token, Transcript

DOUBTFUL = 0.5

_FLAT = str.maketrans("\t\r\n", "   ")


@dataclass(frozen=True)
class Style:
    """What may be chosen about the formats.

    paragraphs: txt in paragraphs with their times. words: json has the words, by jieba. doubtful: a syllable of less
    confidence is marked in html, and its word in paragraphs; 0 marks none.
    """

    paragraphs: bool = False
    words: bool = False
    doubtful: float = DOUBTFUL

    def is_doubtful(self, token: Token) -> bool:
        """Return whether a token is to be marked."""
        return token.confidence is not None and token.confidence < self.doubtful


class Writer(ABC):
    """Writes transcripts, one after the other, as one document to a text file.

    A document of a `single` format holds one recording: its times start at the beginning of that. several: whether
    more than one recording may come. ending: of the files, where it is not the name of the format. style: what was
    chosen.
    """

    single = False
    ending = ""
    head = ""
    tail = ""

    def __init__(self, file: IO[str], several: bool = False, style: Style | None = None):
        self.file = file
        self.several = several
        self.style = style or Style()
        file.write(self.head)

    @abstractmethod
    def write(self, transcript: Transcript) -> None:
        """Write one transcript."""

    def close(self) -> None:
        """Write what comes after the last transcript; the file stays open."""
        self.file.write(self.tail)


def flat(cell: str) -> str:
    """Return a cell of a table: tabs and line breaks become spaces."""
    return cell.translate(_FLAT)
