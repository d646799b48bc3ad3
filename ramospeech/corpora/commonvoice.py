"""Common Voice (Mozilla, CC0): sentences read by volunteers, any language; split by the publisher.

    cv-corpus-17.0-2024-03-15/zh-CN/{train,dev,test,validated,...}.tsv      client_id path ... sentence ...
    cv-corpus-17.0-2024-03-15/zh-CN/clips/common_voice_zh-CN_18524189.mp3

Its publisher asks for a name before a download, so unpack it yourself. Where train.tsv, dev.tsv and test.tsv are not
there, validated.tsv is split by its speakers. The other tables hold the same clips again, or clips that were not found
right: they are not read.
"""

from pathlib import Path

from ramospeech.corpora.manifests import read_manifests
from ramospeech.corpora.recordings import Recording, absent
from ramospeech.errors import UsageError


def prepare_commonvoice(root: Path) -> list[Recording]:
    """Return the clips of one language of a release."""
    places = [root, *sorted(root.glob("*")), *sorted(root.glob("cv-corpus-*/*"))]
    folders = [place for place in places if (place / "clips").is_dir() and _tables(place)]
    if not folders:
        raise absent("Common Voice", root, "cv-corpus-*/LANGUAGE/{clips/,validated.tsv}")
    if len(folders) > 1:
        raise UsageError(f"{len(folders)} languages below {root}; give one with --root, such as {folders[0]}")
    return read_manifests(_tables(folders[0]))


def _tables(folder: Path) -> list[Path]:
    parts = [path for name in ("train", "dev", "test") if (path := folder / f"{name}.tsv").is_file()]
    validated = folder / "validated.tsv"
    return parts or ([validated] if validated.is_file() else [])
