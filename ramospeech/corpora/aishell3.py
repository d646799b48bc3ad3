"""AISHELL-3 (OpenSLR 93, Apache-2.0): 85 hours of Mandarin, 218 speakers; train and test, no dev part.

    data_aishell3/{train,test}/content.txt          SSB00050001.wav<TAB>广 guang3 州 zhou1 女 nv3 大 da4
    data_aishell3/{train,test}/wav/SSB0005/SSB00050001.wav

The archive has no folder around its files, so it gets one. Labels are made of the characters, not of its pinyin, in
which erhua is one syllable (花儿 huar1).
"""

from pathlib import Path

from ramospeech.corpora.download import Archive
from ramospeech.corpora.recordings import Recording, Table, find_folder, match, read_table, recordings_in

# OpenSLR states neither its size in bytes nor a checksum.
ARCHIVES = (Archive(93, "data_aishell3.tgz", folder="data_aishell3", unpack_into="data_aishell3"),)


def prepare_aishell3(root: Path) -> list[Recording]:
    """Return the utterances of AISHELL-3."""
    folder = find_folder(root, "data_aishell3", "*/content.txt")
    found = []
    for split in ("train", "test"):
        content = folder / split / "content.txt"
        if not content.exists():
            continue
        written, texts = read_table(content), Table()
        for name, text in written.items():
            texts.add(name.removesuffix(".wav"), "".join(text.split()[::2]), content, 0)
        texts.note, texts.repeated = written.note, written.repeated
        recordings = (
            Recording(path.stem, path, None, path.parent.name, split) for path in recordings_in(folder / split / "wav")
        )
        found += match(recordings, texts)
    return found
