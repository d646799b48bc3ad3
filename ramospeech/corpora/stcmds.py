"""ST-CMDS (OpenSLR 38, Surfingtech, CC BY-NC-ND 4.0): 110 hours, 855 speakers, no split of its own.

    ST-CMDS-20170001_1-OS/20170001P00001A0001.{wav,txt,metadata}

P00001 is the person, A or I the kind of recording.
"""

from pathlib import Path

from ramospeech.corpora.download import Archive
from ramospeech.corpora.recordings import Recording, find_folder, recordings_in
from ramospeech.text.encoding import read_text

ARCHIVES = (Archive(38, "ST-CMDS-20170001_1-OS.tar.gz", 8_231_662_593, folder="ST-CMDS-20170001_1-OS"),)


def prepare_stcmds(root: Path) -> list[Recording]:
    """Return the utterances of ST-CMDS, without a split."""
    folder = find_folder(root, "ST-CMDS-20170001_1-OS", "20170001*.wav")
    utterances = []
    for path in recordings_in(folder):
        written = path.with_suffix(".txt")
        text, note = read_text(written) if written.exists() else (None, "")
        utterances.append(Recording(path.stem, path, text, speaker=path.stem[8:14], note=note))
    return utterances
