"""FLEURS (Google, CC BY 4.0): sentences of Wikipedia read in 102 languages, about 12 hours each, split.

    cmn_hans_cn/{train,dev,test}.tsv                id, file, text as written, text, letters, samples, gender
    cmn_hans_cn/{,audio/}{train,dev,test}/10006080268645178300.wav

--download fetches Mandarin (cmn_hans_cn); of another language give its folder with --root.
"""

from pathlib import Path

from ramospeech.corpora.download import Archive
from ramospeech.corpora.lists import SPLITS
from ramospeech.corpora.recordings import Recording, find_folder
from ramospeech.errors import ListError
from ramospeech.files import split_lines
from ramospeech.text.encoding import read_text

_URL = "https://huggingface.co/datasets/google/fleurs/resolve/main/data/cmn_hans_cn"
# Neither sizes nor checksums are stated beside the files.
ARCHIVES = (
    *(Archive(name=f"{split}.tsv", url=_URL, save_in="cmn_hans_cn") for split in SPLITS),
    *(
        Archive(
            name=f"{split}.tar.gz",
            url=f"{_URL}/audio",
            save_in="cmn_hans_cn/audio",
            folder=f"cmn_hans_cn/audio/{split}",
            unpack_into="cmn_hans_cn/audio",
        )
        for split in SPLITS
    ),
)


def prepare_fleurs(root: Path) -> list[Recording]:
    """Return the utterances of one language of FLEURS."""
    folder = find_folder(root, "cmn_hans_cn", "*.tsv")
    found = []
    for split in SPLITS:
        table = folder / f"{split}.tsv"
        for number, line in enumerate(split_lines(read_text(table)[0], table) if table.exists() else (), 1):
            columns = line.split("\t")
            if len(columns) < 4:
                raise ListError(f"{table}:{number}: {len(columns)} columns, not 7; copy it again")
            places = (folder / split, folder / "audio" / split)
            path = next(
                (place / columns[1] for place in places if (place / columns[1]).is_file()), places[1] / columns[1]
            )
            found.append(Recording(Path(columns[1]).stem, path, columns[2], split=split, source=f"{table}:{number}"))
    return found
