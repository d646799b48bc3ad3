"""AISHELL-2 (by application): 1,000 hours of Mandarin, 1,991 speakers, split by the publisher.

AISHELL-2/iOS/data/trans.txt                    IC0001W0001<TAB>厨房用品
AISHELL-2/iOS/data/wav/C0001/IC0001W0001.wav
**/{iOS,Android,Mic}/{dev,test}/{trans.txt,wav/D0010/...}       of AISHELL-DEV-TEST-SET
"""

from pathlib import Path

from ramospeech.corpora.recordings import Recording, absent, match, read_table, recordings_in

_SPLITS = {"data": "train", "dev": "dev", "test": "test"}


def prepare_aishell2(root: Path) -> list[Recording]:
    """Return the utterances of AISHELL-2 of every device that is there."""
    found = []
    for trans in sorted(
        {*root.glob("**/iOS/*/trans.txt"), *root.glob("**/Android/*/trans.txt"), *root.glob("**/Mic/*/trans.txt")}
    ):
        split = _SPLITS.get(trans.parent.name)
        if split:
            recordings = (
                Recording(path.stem, path, None, path.parent.name, split)
                for path in recordings_in(trans.parent / "wav")
            )
            found += match(recordings, read_table(trans))
    if not found:
        raise absent("AISHELL-2", root, "AISHELL-2/iOS/data/trans.txt")
    return found
