"""The lines of a run, with time and level: on stderr, and on rank 0 in a file beside the model."""

import sys
from datetime import datetime
from pathlib import Path

from tqdm import tqdm

from ramospeech.errors import on_fatal_error

WARNING = "warning: "  # what a line of that level begins with, where it has not been stamped yet


class RunLog:
    """Says lines and keeps them.

    path: the file that keeps them, and the error that ends the program; None for none. append: whether lines that are
    there stay (a resumed run). A file that cannot be written is named once, and the run continues.
    """

    def __init__(self, path: Path | None = None, append: bool = False) -> None:
        self.path = path
        if path is not None:
            on_fatal_error.append(lambda message: self.keep(message.removeprefix("error: "), "ERROR"))
            if not append:
                self._write("", "w")

    def say(self, line: str) -> None:
        """Print a line on stderr, above a progress bar where there is one, and keep it."""
        stamped = self.keep(line)
        tqdm.write(stamped, file=sys.stderr)
        sys.stderr.flush()

    def keep(self, line: str, level: str = "INFO") -> str:
        """Keep a line without printing it; the line with time and level."""
        if line.startswith(WARNING):
            line, level = line.removeprefix(WARNING), "WARNING"
        stamped = f"[{datetime.now().isoformat(' ', 'milliseconds').replace('.', ',')} {level}] {line}"
        self._write(stamped + "\n", "a")
        return stamped

    def _write(self, text: str, mode: str) -> None:
        if self.path is None:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open(mode, encoding="utf-8", errors="backslashreplace") as file:
                file.write(text)
        except OSError as error:
            path, self.path = self.path, None
            self.say(f"{WARNING}{path}: cannot be written ({error.strerror}); lines are on stderr only from here on")
