"""Files that appear under their name whole or not at all, and where the shipped ones are."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from ramospeech.errors import RamospeechError


@contextmanager
def whole_file(path: str | Path, mode: str, error: type[RamospeechError], advice: str) -> Iterator[IO[Any]]:
    """Open `path` for writing: `mode` is "w" (UTF-8 text) or "wb". It gets its name when all of it is written.

    What had that name before is untouched until then. Folders are made. Raises `error`, which ends with `advice`,
    where it cannot be written.
    """
    path = Path(path)
    name = path.name
    while len(os.fsencode(name)) > 230:  # file systems take 255 bytes, and a recording's name may have them all
        name = name[1:]
    part = path.with_name(f".{name}.{os.getpid()}.part")
    # Names of files, which go into our tables, need not be valid Unicode; such bytes are written as escapes.
    text: dict[str, Any] = {"encoding": "utf-8", "errors": "backslashreplace", "newline": "\n"} if mode == "w" else {}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open(mode, **text) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as reason:
        raise error(f"{path}: not written ({reason.strerror}); {advice}") from reason
    finally:
        with suppress(OSError):
            part.unlink()


def pretrained_folder() -> Path:
    """Where the shipped models are: in the package where pip installed it, in `pretrained` in a checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "pretrained"
    return installed if installed.is_dir() else package.parent / "pretrained"
