"""What a command line names: recordings, folders of them, and lists, as (id, path) of each recording."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ramospeech.audio import EXTENSIONS, exists, find_recordings, is_url
from ramospeech.errors import ListError, UsageError
from ramospeech.files import list_lines

LISTS = frozenset({".txt", ".tsv", ".lst", ".list", ".scp"})
_PATH_COLUMNS = ("path", "audio_filepath", "audio", "wav", "file", "filename")
_NAMED = 5  # ids that occur twice are named up to this many


@dataclass(frozen=True)
class Inputs:
    """recordings: (id, path). left_out: a line for each thing that looks like a recording and is not among them.

    notes: other remarks, one per line.
    """

    recordings: tuple[tuple[str, Path], ...]
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def recordings(inputs: Iterable[str], data_root: str | Path = "data") -> list[tuple[str, Path]]:
    """Return (id, path) of every recording that the inputs of a program name; see `find_inputs`."""
    return list(find_inputs(inputs, data_root).recordings)


def find_inputs(inputs: Iterable[str], data_root: str | Path = "data") -> Inputs:
    """Return every recording that the inputs of a program name.

    An input is an audio file, a folder (see `audio.find_recordings`), or a list: a .txt, .tsv, .lst or .list file with
    the path first (or in a column that a header calls `path`), alone or followed by a tab and more, or Kaldi's .scp,
    `id path` a line. Paths in lists are looked for under `data_root`, under its `clips`, beside the list, then as they
    are. The id of a recording is its path as given; in a .scp, the id there.
    Raises UsageError where there is nothing to transcribe, ListError for a list that cannot be read.
    """
    named: list[tuple[str, Path]] = []
    left_out: list[str] = []
    notes: list[str] = []
    for name in inputs:
        path = Path(name)
        if is_url(name):
            named.append((name, path))  # is refused when its turn comes
        elif path.is_dir():
            in_folder = find_recordings(path)
            named += [(str(p), p) for p in in_folder.recordings]
            left_out += in_folder.left_out
            notes += in_folder.notes
            if not in_folder.recordings:
                left_out.append(f"{name}: no audio in this folder ({', '.join(sorted(EXTENSIONS))}, m4a, mp4 ...)")
        elif path.suffix.lower() in LISTS:
            entries = list(_entries(path))
            if not entries:
                left_out.append(f"{name}: the list names no recordings")
            named += [(id, _located(entry, path, Path(data_root))) for id, entry in entries]
        else:
            named.append((name, path))
    if not named:
        raise UsageError("; ".join(left_out) or "no recordings given; name audio files, folders or lists")
    return Inputs(tuple(named), tuple(left_out), (*notes, *_repeated(id for id, _ in named)))


def _entries(path: Path) -> Iterator[tuple[str, str]]:
    """Return (id, path) of each line of a list."""
    column = None
    for number, line in enumerate(list_lines(path), 1):
        if not line.strip():
            continue
        if path.suffix.lower() == ".scp":
            id, *rest = line.split(maxsplit=1)
            yield id, rest[0].strip() if rest else id
            continue
        cells = [cell.strip() for cell in line.split("\t")]
        if column is None:
            column = _path_column(cells)
            if column is not None:
                continue
            column = 0
        if column >= len(cells) or not cells[column]:
            raise ListError(f"{path}:{number}: the path is missing; put it in column {column + 1}")
        yield cells[column], cells[column]


def _path_column(cells: list[str]) -> int | None:
    """Return the column of paths, if these cells are a header."""
    names = [cell.lower() for cell in cells]
    if names[0] == "id" and {"pinyin", "hanzi"} & set(names):  # a table that this program wrote
        return 0
    if len(names) > 1 or names[0] == "path":
        return next((names.index(name) for name in _PATH_COLUMNS if name in names), None)
    return None


def _located(entry: str, listed_in: Path, data_root: Path) -> Path:
    """Return where the recording of a list is."""
    candidates = (data_root, data_root / "clips", Path(), listed_in.parent, listed_in.parent / "clips")
    return next((folder / entry for folder in candidates if exists(folder / entry)), Path(entry))


def _repeated(ids: Iterable[str]) -> list[str]:
    """Return a line for each id that occurs more than once."""
    twice = [(id, count) for id, count in Counter(ids).items() if count > 1]
    lines = [f"{id}: is given {count} times, and transcribed as often" for id, count in twice[:_NAMED]]
    if len(twice) > _NAMED:
        lines.append(f"{len(twice) - _NAMED} more are given several times")
    return lines
