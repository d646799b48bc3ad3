"""Tars of others by WebDataset's convention, as they are: wenet's shards, data sets that are published as tars.

    **/*.tar        000017.flac and 000017.json {"text": ...} or 000017.txt; what else a tar holds is not read

Lists name the recordings in the tars, which are not unpacked. Folders or tars named train, dev (valid, val) and test
are the split. Our own shards (`ramospeech prepare pack`) come with their list.
"""

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from ramospeech.audio import EXTENSIONS, member_of
from ramospeech.corpora.manifests import split_of
from ramospeech.corpora.progress import progress
from ramospeech.corpora.recordings import Recording, absent
from ramospeech.errors import ListError
from ramospeech.files import MEDIA_EXTENSIONS
from ramospeech.text.encoding import decode

_TEXT = ("text", "transcript", "sentence", "txt")
_MOST = 1 << 20  # bytes of a text


def prepare_webdataset(root: Path) -> list[Recording]:
    """Return the recordings in all tars below a folder."""
    tars = sorted(root.glob("**/*.tar"))
    if not tars:
        raise absent("tars", root, "**/*.tar")
    return [recording for tar in progress(tars, "read", len(tars), "tar") for recording in _members(tar, root)]


def _members(path: Path, root: Path) -> Iterator[Recording]:
    names = (path.name, *(folder.name for folder in path.relative_to(root).parents))
    split = next((found for name in names if (found := split_of(name))), None)
    recordings: dict[str, Path] = {}
    texts: dict[str, tuple[str | None, str, str]] = {}  # text, speaker, note
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                # The key ends at the first dot of the name, in whatever folder that is.
                key, _, suffix = PurePosixPath(member.name).name.partition(".")
                key = str(PurePosixPath(member.name).with_name(key)) if key else member.name
                suffix = f".{suffix.lower()}"
                if suffix in EXTENSIONS | MEDIA_EXTENSIONS:
                    recordings[key] = member_of(path, member.offset_data, member.size)
                elif suffix in (".json", ".txt") and member.size <= _MOST and (file := tar.extractfile(member)):
                    texts[key] = _text(file.read(), suffix, f"{path}: {member.name}")
    except (tarfile.TarError, OSError, EOFError) as error:
        raise ListError(
            f"{path}: not a tar without compression ({error}); copy it again, or unpack and pack it"
        ) from None
    for key, recording in recordings.items():
        text, speaker, note = texts.get(key, (None, "", ""))
        yield Recording(f"{path.stem}/{key}", recording, text, speaker, split, note=note, source=f"{path}: {key}")


def _text(content: bytes, suffix: str, where: str) -> tuple[str | None, str, str]:
    if suffix == ".txt":
        text, note = decode(content, Path(where))
        return text, "", note
    try:
        record = json.loads(content)
    except ValueError as error:
        raise ListError(f"{where}: not JSON ({error})") from None
    if not isinstance(record, dict):
        return None, "", ""
    found = next((record[name] for name in _TEXT if isinstance(record.get(name), str)), None)
    return found, str(record.get("speaker") or ""), ""
