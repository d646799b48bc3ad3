"""WenetSpeech (by application, CC BY 4.0 of the labels): 10,000 hours of Mandarin web video and podcasts.

    WenetSpeech/WenetSpeech.json        {"audios": [{"aid", "path", "segments": [{"sid", "begin_time", "end_time",
                                         "subsets": ["M", "L"], "text"}, ...]}, ...]}
    WenetSpeech/audio/train/youtube/B00000/Y0000000000_--5llN02F84.opus

--parts chooses the training set: L (10,005 hours, the default), M (1,000) or S (100), each within the larger one. DEV
is dev; TEST_NET and TEST_MEETING are test. The description, of some gigabytes, is read a recording at a time.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ramospeech.audio import piece
from ramospeech.corpora.recordings import Recording, find_folder
from ramospeech.errors import ListError

PARTS = ("L", "M", "S")
_SPLITS = {"DEV": "dev", "TEST_NET": "test", "TEST_MEETING": "test"}
_BLOCK = 1 << 22  # characters


def prepare_wenetspeech(root: Path, parts: tuple[str, ...] = ("L",)) -> list[Recording]:
    """Return the pieces of WenetSpeech that belong to the chosen training sets, to dev and to test."""
    folder = find_folder(root, "WenetSpeech", "WenetSpeech.json")
    splits = {**dict.fromkeys(parts, "train"), **_SPLITS}
    description = folder / "WenetSpeech.json"
    found = []
    try:
        for audio in _audios(description):
            for segment in audio["segments"]:
                split = next((splits[name] for name in segment["subsets"] if name in splits), None)
                if split:
                    path = piece(folder / audio["path"], float(segment["begin_time"]), float(segment["end_time"]))
                    found.append(Recording(segment["sid"], path, segment["text"], audio["aid"], split))
    except (KeyError, TypeError, ValueError) as error:
        raise ListError(f"{description}: not the published description ({error!r}); copy it again") from None
    return found


def _audios(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the records of the array `audios`; raises ValueError where the file ends within it."""
    decoder = json.JSONDecoder()
    with path.open(encoding="utf-8") as file:
        text = file.read(_BLOCK)
        text = text[text.index("[", text.index('"audios"')) + 1 :]
        while True:
            text = text.lstrip(" \t\r\n,")
            if text.startswith("]"):
                return
            try:
                record, end = decoder.raw_decode(text)
            except ValueError:
                more = file.read(_BLOCK)
                if not more:
                    raise
                text += more
            else:
                yield record
                text = text[end:]
