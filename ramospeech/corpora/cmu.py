"""The arrays of Carnegie Mellon's course 11-785 (homework 4, part 2, on Kaggle): LibriSpeech as MFCCs and characters.

    hw4p2/{train-clean-100,dev-clean}/mfcc/103-1240-0000.npy            (T, 27 or 28) float: no audio can be had of it
    hw4p2/{train-clean-100,dev-clean}/transcript/raw/103-1240-0000.npy  ['<sos>' 'C' 'H' 'A' ... '<eos>']

Networks here compute their features from audio, by which speed, noise and rooms are varied; so the arrays' transcripts
are joined with the recordings that they were made of: put LibriSpeech's folder below --root too (`librispeech
--download --parts train-clean-100 dev-clean`). Utterances without their recording are named and left out.
"""

from pathlib import Path

import numpy as np

from ramospeech.corpora.recordings import Recording, absent, recordings_in
from ramospeech.errors import ListError

_NONE = "an array of features, of which no audio can be had; put LibriSpeech's recordings below --root too"


def prepare_cmu(root: Path) -> list[Recording]:
    """Return the utterances of the arrays of characters, with LibriSpeech's recordings."""
    arrays = sorted({*root.glob("**/transcript/**/*.npy"), *root.glob("**/transcripts/**/*.npy")})
    if not arrays:
        raise absent("transcripts of 11-785", root, "**/transcript/*.npy")
    recordings = {path.stem: path for path in recordings_in(root, (".flac", ".wav"))}
    found = []
    for path in arrays:
        try:
            letters = [str(letter) for letter in np.load(path).reshape(-1)]
        except ValueError as error:
            raise ListError(f"{path}: not an array of characters ({error})") from None
        text = "".join(letter for letter in letters if not letter.startswith("<"))
        part = next(folder for folder in path.parents if folder.name.startswith("transcript")).parent.name
        split = "dev" if part.startswith("dev") else "test" if part.startswith("test") else "train"
        audio = recordings.get(path.stem)
        problem = {} if audio else {"problem": "missing", "detail": _NONE}
        found.append(Recording(path.stem, audio, text, path.stem.split("-")[0], split, source=f"{path}", **problem))
    return found
