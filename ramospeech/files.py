"""Files: written whole or not at all, read by lines that end at LF or CRLF only, and found in folders of any shape."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ramospeech.errors import ListError, RamospeechError

SHIPPED = {  # models, by their names
    "accurate": "accurate.safetensors",
    "fast": "fast.safetensors",
    "dfcnn": "dfcnn.safetensors",
}

# What holds sound though libsndfile does not read it: such a file is used or named, never passed over.
# fmt: off
MEDIA_EXTENSIONS = frozenset({
    ".3g2", ".3ga", ".3gp", ".aac", ".ac3", ".adts", ".aifc", ".amr", ".ape", ".asf", ".avi", ".awb", ".dsf", ".dss",
    ".dts", ".eac3", ".f4v", ".flv", ".m2ts", ".m4a", ".m4b", ".m4r", ".m4v", ".mka", ".mkv", ".mov", ".mp2", ".mp4",
    ".mpeg", ".mpg", ".mpga", ".mts", ".oga", ".ogv", ".ogx", ".qt", ".ra", ".rm", ".silk", ".slk", ".snd", ".spx",
    ".ts", ".tta", ".vob", ".wave", ".weba", ".webm", ".wma", ".wmv", ".wv",
})
# fmt: on


def is_device(path: Path) -> bool:
    """Return whether something is there that is neither a file nor a folder: a device or a pipe."""
    return path.exists() and not (path.is_file() or path.is_dir())


@contextmanager
def whole_file(path: str | Path, mode: str, error: type[RamospeechError], advice: str) -> Iterator[IO[Any]]:
    """Open `path` for writing: `mode` is "w" (UTF-8 text) or "wb". It gets its name when all of it is written.

    What had that name before is untouched until then, but a device or a pipe is written to as it is. Folders are made.
    Raises `error`, which ends with `advice`, where it cannot be written.
    """
    path = Path(path)
    name = path.name
    while len(os.fsencode(name)) > 230:  # file systems take 255 bytes, and a recording's name may have them all
        name = name[1:]
    part = path.with_name(f".{name}.{os.getpid()}.part")
    # Names of files, which go into our tables, need not be valid Unicode; such bytes are written as escapes.
    text: dict[str, Any] = {"encoding": "utf-8", "errors": "backslashreplace", "newline": "\n"} if mode == "w" else {}
    try:
        if is_device(path):
            with path.open(mode, **text) as device:
                yield device
            return
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
    """Return where the shipped models are: in the package where pip installed it, in `pretrained` in a checkout."""
    package = Path(__file__).resolve().parent
    installed = package / "pretrained"
    return installed if installed.is_dir() else package.parent / "pretrained"


def model_path(name: str | Path) -> Path:
    """Return the file of a model that is named by its path, or by its name in `SHIPPED`."""
    return pretrained_folder() / SHIPPED[str(name)] if str(name) in SHIPPED else Path(name)


def onnx_path(name: str | Path) -> Path:
    """Return where the ONNX file of a model is written by default, and looked for: NAME.onnx beside it."""
    folder = pretrained_folder() if str(name) in SHIPPED else Path(name).parent
    return folder / f"{Path(name).stem}.onnx"


def split_lines(text: str, name: str | Path) -> list[str]:
    r"""Return the lines of a text, which end at LF or CRLF; a byte order mark that begins a line is dropped.

    Other separators of `str.splitlines` (U+2028, NEL, form feed ...) is white space within a line. Raises
    ListError, which names the file, where lines end in CR alone.

    >>> split_lines("\ufeffa\u2028b\r\n\ufeffc\n", "list.txt")
    ['a\u2028b', 'c']
    """
    if "\n" not in text and "\r" in text.strip():
        raise ListError(f"{name}: its lines end in CR alone, as on old Macs; save it with line ends of LF")
    lines = [line.removesuffix("\r").lstrip("\ufeff") for line in text.split("\n")]
    return lines if lines[-1] else lines[:-1]


def list_lines(path: Path) -> list[str]:
    """Return the lines of a list in UTF-8, as `split_lines` has them. Raises ListError, which names the file."""
    try:
        return split_lines(path.read_bytes().decode("utf-8"), path)
    except OSError as error:
        raise ListError(f"{path}: cannot read this list ({error.strerror}); check the name") from None
    except UnicodeDecodeError:
        raise ListError(f"{path}: not UTF-8; save the list as UTF-8") from None


@dataclass(frozen=True)
class Walked:
    """What is below a folder.

    files: all that are not folders, sorted by their paths. unreadable: folders that cannot be looked into, and why.
    again: links to a folder that was entered already, and the path by which it was.
    """

    files: list[Path]
    unreadable: list[tuple[Path, OSError]]
    again: list[tuple[Path, Path]]


def explore(folder: Path) -> Walked:
    """Go through a folder and all folders below, through links to folders too.

    A folder is entered once, so loops end; links come last, so that what is reached both ways keeps its own name.
    """
    walked = Walked([], [], [])
    entered: dict[tuple[int, int], Path] = {}
    pending, links = [folder], list[Path]()
    while pending or links:
        directory = pending.pop() if pending else links.pop(0)
        try:
            status = directory.stat()
            entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
        except OSError as error:
            walked.unreadable.append((directory, error))
            continue
        first = entered.setdefault((status.st_dev, status.st_ino), directory)
        if first is not directory:
            walked.again.append((directory, first))
            continue
        for entry in entries:
            path = directory / entry.name
            if not _is_folder(entry):
                walked.files.append(path)
            else:
                (links if entry.is_symlink() else pending).append(path)
    walked.files.sort()
    return walked


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # such as a link to itself
        return False


def walk(folder: Path) -> list[Path]:
    """Return every file below a folder, sorted; see `explore`. Raises ListError for a folder that cannot be read."""
    walked = explore(folder)
    for directory, error in walked.unreadable:
        raise ListError(f"{directory}: cannot look into this folder ({error.strerror})")
    # Names that begin with ._ are the other half of a file that a Mac has copied.
    return [path for path in walked.files if not path.name.startswith("._")]
