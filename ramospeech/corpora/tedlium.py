"""TED-LIUM (release 3: OpenSLR 51, CC BY-NC-ND 3.0): 452 hours of English talks, split by the publisher.

    TEDLIUM_release-3/{data,legacy/dev,legacy/test}/{sph,stm}/AaronHuey_2010X.{sph,stm}
    TEDLIUM_release2/{train,dev,test}/{sph,stm}/AaronHuey_2010X.{sph,stm}       releases 1 and 2
        AaronHuey_2010X 1 AaronHuey_2010X 14.97 27.83 <o,f0,male> i 'm here today ...

A line of an .stm is a piece of its talk; those to be ignored in scoring have no text and are left out.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from ramospeech.audio import piece
from ramospeech.corpora.download import Archive
from ramospeech.corpora.recordings import Recording, find_folder
from ramospeech.errors import ListError
from ramospeech.files import split_lines
from ramospeech.text.encoding import read_text

ARCHIVES = (
    Archive(
        51,
        "TEDLIUM_release-3.tgz",
        md5="ad1e454d14d1ad550bc2564c462d87c7a7ec83d4dc2b9210f22ab4973b9eccdb",
        folder="TEDLIUM_release-3",
    ),
)
_IGNORED = "ignore_time_segment_in_scoring"


def prepare_tedlium(root: Path) -> list[Recording]:
    """Return the pieces of TED-LIUM's talks."""
    names = ("TEDLIUM_release-3", "TEDLIUM_release2", "TEDLIUM_release1")
    name = next((name for name in names if (root / name).is_dir()), names[0])
    folder = find_folder(root, name, "**/stm/*.stm")
    found = []
    for split, places in (
        ("train", ("data", "train")),
        ("dev", ("legacy/dev", "dev")),
        ("test", ("legacy/test", "test")),
    ):
        part = next((folder / place for place in places if (folder / place / "stm").is_dir()), None)
        for path in sorted(part.glob("stm/*.stm")) if part else ():
            found += list(_pieces(path, split))
    return found


def _pieces(path: Path, split: str) -> Iterator[Recording]:
    talk = path.parent.parent / "sph" / f"{path.stem}.sph"
    for number, line in enumerate(split_lines(read_text(path)[0], path), 1):
        if not line.strip() or line.startswith(";;"):
            continue
        try:
            _, _, speaker, start, end, _, *words = line.split(maxsplit=6)
            file = piece(talk, float(start), float(end))
        except ValueError as error:
            raise ListError(f"{path}:{number}: not a line of an .stm ({error}); unpack the corpus again") from None
        # `the(2)` is the second way to speak a word, `i 'm` one word.
        text = re.sub(r"\(\d+\)|\s+(?=['’])", "", words[0] if words else "")
        if text != _IGNORED:
            yield Recording(f"{path.stem}-{start}-{end}", file, text, speaker, split, source=f"{path}:{number}")
