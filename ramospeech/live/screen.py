"""Updates as a person reads them: the open utterance in a line that is written over, and a line for each that ended."""

import json
import shutil
import unicodedata
from typing import TextIO

from ramospeech.live.update import Update

DIM, PLAIN, CLEARED = "\033[2m", "\033[0m", "\r\033[K"


class Screen:
    """Writes updates to a file; what may still change is dim. Of a file that is not a terminal, final texts only.

    as_json: every update, as a line of JSON.
    """

    def __init__(self, file: TextIO, as_json: bool = False):
        self.file, self.as_json, self.terminal = file, as_json, file.isatty()

    def show(self, update: Update) -> None:
        """Show an update."""
        if self.as_json:
            print(json.dumps(update.to_dict(), ensure_ascii=False), file=self.file, flush=True)
        elif update.final:
            if update.text:
                print(f"{CLEARED if self.terminal else ''}{update.display}", file=self.file, flush=True)
            elif self.terminal:
                print(end=CLEARED, file=self.file, flush=True)
        elif self.terminal:
            hidden = hidden_characters(update.text, shutil.get_terminal_size().columns - 1)
            stable, rest = update.text[hidden : update.stable], update.text[max(hidden, update.stable) :]
            print(f"{CLEARED}{'…' if hidden else ''}{stable}{DIM}{rest}{PLAIN}", end="", file=self.file, flush=True)


def hidden_characters(text: str, columns: int) -> int:
    """Return how many of the first characters to leave out, so that the rest fits behind a mark of that.

    >>> hidden_characters("打开电视", 8), hidden_characters("打开电视", 7)
    (0, 2)
    """
    widths = [2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text]
    if sum(widths) <= columns:
        return 0
    room, hidden = columns - 2, len(text)  # the mark takes two columns in some fonts
    while hidden and room >= widths[hidden - 1]:
        hidden -= 1
        room -= widths[hidden]
    return hidden
