"""AN4 (Carnegie Mellon, 1991): an hour of spelled names, numbers and dates in English, 84 speakers; no dev part.

    an4/etc/an4_train.transcription     <s> YES </s> (an251-fash-b)
    an4/etc/an4_test.transcription      RUBOUT G M E F THREE NINE (cen1-fash-b)
    an4/wav/{an4_clstk,an4test_clstk}/fash/an251-fash-b.raw     16 bits, big endian, without a header

deepspeech.pytorch's script turns it into {train,test}/an4/{wav,txt}/, which `folder` reads.
"""

import re
from pathlib import Path

from ramospeech.audio import headerless
from ramospeech.corpora.download import Archive
from ramospeech.corpora.recordings import Recording, find_folder, recordings_in
from ramospeech.errors import ListError
from ramospeech.files import split_lines
from ramospeech.text.encoding import read_text

# Its publisher states neither size nor checksum.
ARCHIVES = (Archive(name="an4_raw.bigendian.tar.gz", url="http://www.speech.cs.cmu.edu/databases/an4", folder="an4"),)
_LINE = re.compile(r"(?P<words>.*)\((?P<id>[^()\s]+)\)\s*")


def prepare_an4(root: Path, sample_rate: int = 16_000) -> list[Recording]:
    """Return the utterances of AN4, in upper case; samples without a header are at `sample_rate`."""
    folder = find_folder(root, "an4", "etc/an4_train.transcription")
    files = {path.stem: path for path in recordings_in(folder / "wav", (".raw", ".wav"))}
    found = []
    for split in ("train", "test"):
        path = folder / f"etc/an4_{split}.transcription"
        for number, line in enumerate(split_lines(read_text(path)[0], path), 1):
            match = _LINE.fullmatch(line)
            if not match:
                raise ListError(f"{path}:{number}: no id in brackets at its end; unpack the corpus again")
            words, name = match["words"].replace("<s>", "").split("</s>")[0].strip().upper(), match["id"]
            file = files.get(name)
            problem = {} if file else {"problem": "missing", "detail": f"no {name}.raw below {folder / 'wav'}"}
            raw = headerless(file, "b", sample_rate) if file and file.suffix == ".raw" else file
            speaker = file.parent.name if file else ""
            found.append(Recording(name, raw, words, speaker, split, source=f"{path}:{number}", **problem))
    return found
