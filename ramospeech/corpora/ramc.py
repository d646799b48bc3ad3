"""MagicData-RAMC (OpenSLR 123, CC BY-NC-ND 4.0): 180 hours of Mandarin conversation, 663 speakers, split.

    MagicData-RAMC/DataPartition/{train,dev,test}.tsv       CTS-CN-F2F-2019-11-15-188.wav<TAB>...
    MagicData-RAMC/MDT2021S003/WAV/CTS-CN-F2F-2019-11-15-188.wav
    MagicData-RAMC/MDT2021S003/TXT/CTS-CN-F2F-2019-11-15-188.txt
        [1.319,6.691]<TAB>G00000140<TAB>女,普通话<TAB>爱数智慧语音采集二零一九年十一月六日

Lines of the speaker G00000000 mark what nobody speaks; `[*]` is speech that was not understood.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from ramospeech.audio import piece
from ramospeech.corpora.download import Archive
from ramospeech.corpora.lists import SPLITS
from ramospeech.corpora.recordings import Recording, find_folder
from ramospeech.errors import ListError
from ramospeech.files import split_lines
from ramospeech.text import UNK_UNIT
from ramospeech.text.encoding import read_text

ARCHIVES = (Archive(123, "MagicData-RAMC.tar.gz", 15_470_673_657, folder="MagicData-RAMC"),)  # no checksum published
_LINE = re.compile(r"\[(?P<start>[\d.]+),(?P<end>[\d.]+)\]\s+(?P<speaker>\S+)\s+\S+\s*(?P<text>.*)")
_NOBODY = "G00000000"


def prepare_ramc(root: Path) -> list[Recording]:
    """Return the pieces of MagicData-RAMC's conversations."""
    folder = find_folder(root, "MagicData-RAMC", "DataPartition/*.tsv")
    found: list[Recording] = []
    for split in SPLITS:
        table = folder / f"DataPartition/{split}.tsv"
        lines = split_lines(read_text(table)[0], table) if table.exists() else []
        names = [Path(line.split("\t")[0]).stem for line in lines if line.split("\t")[0].endswith(".wav")]
        for name in names:
            text, wav = (folder / f"MDT2021S003/{kind}/{name}.{kind.lower()}" for kind in ("TXT", "WAV"))
            if text.exists():
                found += list(_pieces(text, wav, split))
            else:
                found.append(Recording(name, wav, None, split=split, detail=f"no {text}"))
    return found


def _pieces(path: Path, wav: Path, split: str) -> Iterator[Recording]:
    for number, line in enumerate(split_lines(read_text(path)[0], path), 1):
        match = _LINE.fullmatch(line.strip())
        if line.strip() and not match:
            raise ListError(f"{path}:{number}: not `[start,end] speaker ... text`; unpack the corpus again")
        if match and match["speaker"] != _NOBODY:
            text = match["text"].replace("[*]", f" {UNK_UNIT} ")
            name = f"{path.stem}-{match['start']}"
            try:
                file = piece(wav, float(match["start"]), float(match["end"]))
            except ValueError as error:
                raise ListError(f"{path}:{number}: {error}; unpack the corpus again") from None
            yield Recording(name, file, text, match["speaker"], split, source=f"{path}:{number}")
