"""AISHELL-1 (OpenSLR 33, Apache-2.0): 178 hours, 400 speakers, split by the publisher.

    data_aishell/transcript/aishell_transcript_v0.8.txt     BAC009S0002W0122 而 对 楼市 ...
    data_aishell/wav/S0002.tar.gz                           one archive per speaker, with:
    data_aishell/wav/{train,dev,test}/S0002/BAC009S0002W0122.wav

325 of the 141,925 recordings have no transcript.
"""

from pathlib import Path

from ramospeech.corpora.download import Archive
from ramospeech.corpora.lists import SPLITS
from ramospeech.corpora.recordings import Recording, find_folder, match, read_table, recordings_in
from ramospeech.corpora.unpack import unpack_nested

ARCHIVES = (Archive(33, "data_aishell.tgz", 15_582_913_665, "2f494334227864a8a8fec932999db9d8", folder="data_aishell"),)


def prepare_aishell(root: Path) -> list[Recording]:
    """Return the utterances of AISHELL-1; speakers' archives that still are packed are unpacked."""
    folder = find_folder(root, "data_aishell", "transcript/aishell_transcript_v0.8.txt")
    wavs = folder / "wav"
    unpack_nested(wavs.glob("*.tar.gz"), wavs)
    recordings = (
        Recording(path.stem, path, None, speaker=path.parent.name, split=split)
        for split in SPLITS
        for path in recordings_in(wavs / split)
    )
    return match(recordings, read_table(folder / "transcript/aishell_transcript_v0.8.txt"))
