"""What every writer of transcripts is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:  # writing needs no torch
    from ramospeech.transcript import Transcript

_FLAT = str.maketrans("\t\r\n", "   ")


class Writer(ABC):
    """Writes transcripts, one after the other, as one document to a text file.

    A document of a `single` format holds one recording: its times start at the beginning of that. several: whether
    more than one recording may come. ending: of the files, where it is not the name of the format.
    """

    single = False
    ending = ""
    head = ""
    tail = ""

    def __init__(self, file: IO[str], several: bool = False):
        self.file = file
        self.several = several
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
