"""TensorBoard's event files, through tensorboardX; a full disk ends them and nothing else."""

import os
from contextlib import suppress
from pathlib import Path
from typing import IO

from ramospeech.errors import extra

with extra("train"):
    from tensorboardX import SummaryWriter
    from tensorboardX.record_writer import register_writer_factory

_PREFIX = "events"  # of the paths that tensorboardX opens by way of EventFiles


class EventFile:
    """A file for tensorboardX, which writes it in a thread of its own.

    An error would end that thread, and who writes on, or ends the program, would wait for it for ever. So the first
    one is kept in `error` and nothing is written any more.
    """

    def __init__(self, path: Path) -> None:
        self.error: OSError | None = None
        self._file: IO[bytes] = path.open("wb")

    def write(self, data: bytes) -> None:
        """Write some bytes."""
        if self.error is None:
            try:
                self._file.write(data)
            except OSError as error:
                self._end(error)

    def flush(self) -> None:
        """Bring all bytes to the disk."""
        if self.error is None and not self._file.closed:
            try:
                self._file.flush()
                os.fsync(self._file.fileno())
            except OSError as error:
                self._end(error)

    def close(self) -> None:
        """Write the rest and close the file."""
        if self.error is None:
            try:
                self._file.close()
            except OSError as error:
                self._end(error)

    def _end(self, error: OSError) -> None:
        self.error = error
        with suppress(OSError):
            self._file.close()


class EventFiles:
    """Opens the files of one writer: a factory as `tensorboardX.record_writer.register_writer_factory` takes it."""

    def __init__(self) -> None:
        self._opened: list[EventFile] = []

    @property
    def error(self) -> OSError | None:
        """The first error of a file."""
        return next((file.error for file in self._opened if file.error), None)

    def directory_check(self, path: str) -> None:
        """Make the folder."""
        Path(path.removeprefix(f"{_PREFIX}:")).mkdir(parents=True, exist_ok=True)

    def open(self, path: str) -> EventFile:
        """Open a file, and not one that is there: names count seconds. Raises OSError."""
        target = name = path.removeprefix(f"{_PREFIX}:")
        number = 1
        while os.path.lexists(target):
            number += 1
            target = f"{name}.{number}"
        file = EventFile(Path(target))
        self._opened.append(file)
        return file


def open_events(folder: Path, done: int) -> tuple[SummaryWriter, EventFiles]:
    """Return a writer of events in `folder` and its files. Raises OSError where none can be made.

    done: steps before a resumed run; events of later ones, which are written again, are dropped.
    """
    files = EventFiles()
    register_writer_factory(_PREFIX, files)
    return SummaryWriter(f"{_PREFIX}:{folder}", purge_step=done or None, max_queue=10_000), files
