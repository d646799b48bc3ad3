"""aidatatang_200zh (OpenSLR 62, CC BY-NC-ND 4.0): 200 hours, 600 speakers, split by the publisher.

    aidatatang_200zh/transcript/aidatatang_200_zh_transcript.txt    T0055G0002S0001 以后 你 是 男孩子
    aidatatang_200zh/corpus/{train,dev,test}/G0002.tar.gz           one archive per speaker, with:
    aidatatang_200zh/corpus/{train,dev,test}/G0002/T0055G0002S0001.{wav,txt,metadata}

OpenSLR has withdrawn it at times; the archive, from wherever, can be put into the root by hand.
"""

from pathlib import Path

from ramospeech.corpora.download import Archive
from ramospeech.corpora.lists import SPLITS
from ramospeech.corpora.recordings import Recording, find_folder, match, read_table, recordings_in
from ramospeech.corpora.unpack import unpack_nested

ARCHIVES = (
    Archive(62, "aidatatang_200zh.tgz", 18_756_983_399, "6e0f4f39cd5f667a7ee53c397c8d0949", folder="aidatatang_200zh"),
)
_TRANSCRIPT = "transcript/aidatatang_200_zh_transcript.txt"


def prepare_aidatatang(root: Path) -> list[Recording]:
    """Return the utterances of aidatatang_200zh; speakers' archives that still are packed are unpacked."""
    folder = find_folder(root, "aidatatang_200zh", _TRANSCRIPT)
    recordings = []
    for split in SPLITS:
        part = folder / "corpus" / split
        unpack_nested(part.glob("*.tar.gz"), part)
        for path in recordings_in(part):
            speaker = path.relative_to(part).parts[0]
            recordings.append(Recording(path.stem, path, None, speaker=speaker, split=split))
    return match(recordings, read_table(folder / _TRANSCRIPT))
