"""Recordings in a folder: which files look like media, by name or content, and which of them were left out and why."""

from dataclasses import dataclass
from pathlib import Path

from ramospeech.audio.bytesource import Bytes
from ramospeech.audio.sections import kind_of
from ramospeech.files import MEDIA_EXTENSIONS, explore

# Read by libsndfile.
EXTENSIONS = frozenset(
    {".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif", ".au", ".caf", ".w64", ".rf64", ".sph", ".voc"}
)
_ALL = EXTENSIONS | MEDIA_EXTENSIONS
# Look like audio and hold nothing that says rate and width.
_HEADERLESS = frozenset({".pcm", ".raw", ".sln", ".g722", ".g729"})
_TEXTS = ".txt .tsv .csv .json .jsonl .srt .vtt .lab .trn .textgrid .xml .md .py .log .jpg .png .pdf"
_NEVER = frozenset(_TEXTS.split())


@dataclass(frozen=True)
class Found:
    """recordings: in the order of their names. left_out: a line for each thing that looks like one and was not taken.

    notes: other remarks, one per line.
    """

    recordings: tuple[Path, ...]
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def find_recordings(folder: str | Path) -> Found:
    """Return every file in a folder, and in the folders below, that looks like media.

    Links to folders are followed, each folder is walked once (so loops end), hidden files are left out. A file with an
    unknown extension is taken where its first bytes are those of a recording.
    """
    walked = explore(Path(folder))
    recordings: list[Path] = []
    left_out = [f"{place}: cannot be searched ({error.strerror})" for place, error in walked.unreadable]
    notes = [f"{link}: a link to {first}, which is searched already" for link, first in walked.again]
    hidden = 0
    for path in walked.files:
        if path.name.startswith("."):
            hidden += path.suffix.lower() in _ALL
        elif reason := _not_taken(path):
            left_out.append(f"{path}: {reason}")
        elif path.suffix.lower() in _ALL or _sounds(path):
            recordings.append(path)
    if hidden:
        notes.append(f"{folder}: {hidden} hidden recordings were left out (their names begin with a dot)")
    return Found(tuple(recordings), tuple(left_out), tuple(notes))


def _not_taken(path: Path) -> str:
    """Return why something that looks like a recording is not taken; empty where it is, or looks like nothing."""
    suffix = path.suffix.lower()
    if suffix in _HEADERLESS:
        return (
            "samples without a header; say what they are: `ffmpeg -f s16le -ar 16000 -ac 1 -i FILE FILE.wav` "
            "and give the wav"
        )
    if suffix in _ALL and not path.is_file():
        return "a broken link" if path.is_symlink() and not path.exists() else "not a regular file"
    return ""


def _sounds(path: Path) -> bool:
    """Return whether a file of an unknown or missing extension begins like a recording."""
    if path.suffix.lower() in _NEVER or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return kind_of(Bytes(file)) in _CERTAIN
    except OSError:
        return False


_CERTAIN = frozenset({"pcm", "flac", "ogg", "mp3", "mp4", "matroska", "asf", "amr"})
