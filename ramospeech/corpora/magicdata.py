"""MAGICDATA Mandarin Chinese Read Speech (OpenSLR 68, CC BY-NC-ND 4.0): 755 hours, 1,080 speakers, split.

    magicdata/{train,dev,test}/TRANS.txt        UtteranceID<TAB>SpeakerID<TAB>Transcription, with that header
    magicdata/{train,dev,test}/38_5716/38_5716_20170914202211.wav

Its three archives hold `train`, `dev` and `test` without a folder around them, so they get one of their own.
"""

import re
from pathlib import Path

from ramospeech.corpora.download import Archive
from ramospeech.corpora.lists import SPLITS
from ramospeech.corpora.recordings import Recording, Table, find_folder, match, recordings_in
from ramospeech.errors import ListError
from ramospeech.files import split_lines
from ramospeech.text.encoding import read_text

ARCHIVES = (
    Archive(68, "train_set.tar.gz", 52_627_842_921, folder="magicdata/train", unpack_into="magicdata"),
    Archive(68, "dev_set.tar.gz", 1_035_537_823, folder="magicdata/dev", unpack_into="magicdata"),
    Archive(68, "test_set.tar.gz", 2_201_936_013, folder="magicdata/test", unpack_into="magicdata"),
)
_NOISES = re.compile(r"\[?(?:FIL|SPK)\]?|[\[\]]")  # marks of fillers and noises, some without their brackets


def prepare_magicdata(root: Path) -> list[Recording]:
    """Return the utterances of MAGICDATA; those of splits that are not there are left out."""
    folder = find_folder(root, "magicdata", "*/TRANS.txt")
    utterances = []
    for split in SPLITS:
        if (folder / split).is_dir():
            recordings = (
                Recording(path.stem, path, None, speaker=path.parent.name, split=split)
                for path in recordings_in(folder / split)
            )
            utterances += match(recordings, _transcripts(folder / split / "TRANS.txt"))
    return utterances


def _transcripts(path: Path) -> Table:
    text, note = read_text(path)
    texts = Table(note)
    for number, line in enumerate(split_lines(text, path), 1):
        columns = line.split("\t")
        if not line.strip() or columns[0] == "UtteranceID":
            continue
        if len(columns) != 3:
            raise ListError(f"{path}:{number}: {len(columns)} columns, not 3; unpack the corpus again")
        texts.add(columns[0].removesuffix(".wav"), _NOISES.sub(" ", columns[2]), path, number)
    return texts
