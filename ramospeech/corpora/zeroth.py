"""Zeroth-Korean (OpenSLR 40, CC BY 4.0): 52 hours of Korean sentences, 115 speakers; no dev part.

    zeroth_korean/{train_data_01,test_data_01}/003/104/104_003.trans.txt    104_003_0019 지난해 삼 월 ...
    zeroth_korean/{train_data_01,test_data_01}/003/104/104_003_0019.flac

Its archive has no folder around its files, so it gets one.
"""

from pathlib import Path

from ramospeech.corpora.download import Archive
from ramospeech.corpora.recordings import Recording, beside_tables, find_folder

ARCHIVES = (
    Archive(
        40,
        "zeroth_korean.tar.gz",
        10_339_720_618,
        "8e0a4268bb8e80db3773c331025ef1e2",
        folder="zeroth_korean",
        unpack_into="zeroth_korean",
    ),
)


def prepare_zeroth(root: Path) -> list[Recording]:
    """Return the utterances of Zeroth-Korean."""
    folder = find_folder(root, "zeroth_korean", "t*_data_01")
    return [
        recording
        for split in ("train", "test")
        if (folder / f"{split}_data_01").is_dir()
        for recording in beside_tables(folder / f"{split}_data_01", ".flac", "*/*/*.trans.txt", split)
    ]
