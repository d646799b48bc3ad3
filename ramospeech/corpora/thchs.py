"""THCHS-30 (OpenSLR 18, Apache-2.0): 35 hours, 50 speakers, 1,000 sentences, split by the publisher.

data_thchs30/data/A11_0.wav, A11_0.wav.trn      the transcript's first line: words; then pinyin, phones
data_thchs30/{train,dev,test}/A11_0.wav         the split, as files or as links into data/
data_thchs30/{train,dev,test}/A11_0.wav.trn     a link, or a file that holds `../data/A11_0.wav.trn`
"""

from pathlib import Path

from ramospeech.corpora.download import Archive
from ramospeech.corpora.lists import SPLITS
from ramospeech.corpora.recordings import Recording, find_folder
from ramospeech.text.encoding import read_text

ARCHIVES = (Archive(18, "data_thchs30.tgz", 6_453_425_169, "2d2252bde5c8429929e1841d4cb95e90", folder="data_thchs30"),)


def prepare_thchs(root: Path) -> list[Recording]:
    """Return the utterances of THCHS-30; the speaker is the part of the name before `_`."""
    folder = find_folder(root, "data_thchs30", "train")
    return [
        Recording(name, _recording(folder, split, name), _words(folder, split, name), name.split("_")[0], split)
        for split in SPLITS
        for name in sorted({path.name.split(".")[0] for path in (folder / split).glob("*.wav*")})
    ]


def _recording(folder: Path, split: str, name: str) -> Path:
    """Return the split's own file, unless it is not audio but the text of a link; then the one in data/."""
    own = folder / split / f"{name}.wav"
    if own.exists() and own.stat().st_size < 100 and b"../data" in own.read_bytes():
        return folder / "data" / own.name
    return own if own.exists() or not (folder / "data" / own.name).exists() else folder / "data" / own.name


def _words(folder: Path, split: str, name: str) -> str | None:
    for trn in (folder / split / f"{name}.wav.trn", folder / "data" / f"{name}.wav.trn"):
        if trn.exists():
            words = read_text(trn)[0].partition("\n")[0].strip()
            if not words.endswith(".trn"):
                return words.replace("l =", "")  # a typing error in B11_374
    return None
