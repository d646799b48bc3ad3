"""Primewords Chinese Corpus Set 1 (OpenSLR 47, CC BY-NC-ND 4.0): 100 hours, 296 speakers, no split of its own.

    primewords_md_2018_set1/set1_transcript.json        [{"id", "file", "user_id", "text", "length"}, ...]
    primewords_md_2018_set1/audio_files/0/00/<file>     by the first letters of the name

518 records name a recording that an earlier record has.
"""

import json
from pathlib import Path

from ramospeech.corpora.download import Archive
from ramospeech.corpora.recordings import Recording, find_folder, recordings_in
from ramospeech.errors import ListError
from ramospeech.text.encoding import read_text

ARCHIVES = (Archive(47, "primewords_md_2018_set1.tar.gz", 9_057_625_192, folder="primewords_md_2018_set1"),)


def prepare_primewords(root: Path) -> list[Recording]:
    """Return the utterances of Primewords, without a split."""
    folder = find_folder(root, "primewords_md_2018_set1", "set1_transcript.json")
    transcript = folder / "set1_transcript.json"
    paths = {path.name: path for path in recordings_in(folder / "audio_files")}
    try:
        records = [
            (str(record["file"]), str(record["text"]), str(record["user_id"]))
            for record in json.loads(read_text(transcript)[0])
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise ListError(f"{transcript}: not the published transcript ({error!r}); unpack it again") from None
    utterances = []
    for name, text, speaker in records:
        path = paths.get(name, folder / "audio_files" / name[:1] / name[:2] / name)
        utterances.append(Recording(Path(name).stem, path, text, speaker))
    named = {name for name, _, _ in records}
    return utterances + [Recording(paths[name].stem, paths[name], None) for name in sorted(paths.keys() - named)]
