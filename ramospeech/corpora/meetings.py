"""Meetings that a TextGrid tells, a tier for each speaker: AISHELL-4 and AliMeeting. Every interval is a piece.

    {train_L,train_M,train_S,test}/wav/20200616_M_R001S01C01.flac           AISHELL-4 (OpenSLR 111, CC BY-SA 4.0)
    {train_L,train_M,train_S,test}/TextGrid/20200616_M_R001S01C01.TextGrid
    Train_Ali_near/audio_dir/R0003_M0046_F_SPK0093.wav                      AliMeeting (OpenSLR 119, CC BY-SA 4.0)
    Train_Ali_near/textgrid_dir/R0003_M0046_F_SPK0093.TextGrid
    {Eval,Test}_Ali/{Eval,Test}_Ali_{near,far}/{audio_dir/R8001_M8004_MS801.wav,textgrid_dir/R8001_M8004.TextGrid}

Several channels are averaged. What other people speak over is kept, since the array hears them anyway, and counted.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from ramospeech.audio import piece
from ramospeech.corpora.download import Archive
from ramospeech.corpora.recordings import Recording, absent, recordings_in
from ramospeech.errors import ListError
from ramospeech.text.encoding import read_text

# OpenSLR states neither sizes in bytes nor checksums of these.
AISHELL4 = tuple(
    Archive(111, f"{part}.tar.gz", folder=f"aishell4/{part}", unpack_into="aishell4")
    for part in ("train_L", "train_M", "train_S", "test")
)
_ALI = "https://speech-lab-share-data.oss-cn-shanghai.aliyuncs.com/AliMeeting/openlr"
ALIMEETING = tuple(
    Archive(name=f"{part}.tar.gz", url=_ALI, folder=f"alimeeting/{part}", unpack_into="alimeeting")
    for part in ("Train_Ali_far", "Train_Ali_near", "Eval_Ali", "Test_Ali")
)
_ITEM = re.compile(
    r'name = "(?P<tier>(?:[^"]|"")*)"'
    r'|xmin = (?P<start>[\d.eE+-]+)\s+xmax = (?P<end>[\d.eE+-]+)\s+text = "(?P<text>(?:[^"]|"")*)"'
)


def prepare_aishell4(root: Path) -> list[Recording]:
    """Return the pieces of AISHELL-4, which has no dev part."""
    return _meetings(root, "AISHELL-4", "TextGrid", "wav", (".flac", ".wav"), {"train": "train", "test": "test"})


def prepare_alimeeting(root: Path) -> list[Recording]:
    """Return the pieces of AliMeeting, of headsets (near) and of the array (far), as far as they are there."""
    splits = {"train": "train", "eval": "dev", "test": "test"}
    return _meetings(root, "AliMeeting", "textgrid_dir", "audio_dir", (".wav",), splits)


def _meetings(
    root: Path, title: str, texts: str, audio: str, suffixes: tuple[str, ...], splits: dict[str, str]
) -> list[Recording]:
    found = []
    for folder in sorted(root.glob(f"**/{texts}")):
        split = next((split for name, split in splits.items() if folder.parent.name.lower().startswith(name)), None)
        if split is None:
            continue
        files = recordings_in(folder.parent / audio, suffixes)
        for grid in sorted(folder.glob("*.TextGrid")):
            file = next((path for path in files if path.stem.startswith(grid.stem)), None)
            missing = {"problem": "missing", "detail": f"no recording {grid.stem}* in {folder.parent / audio}"}
            found += list(_pieces(grid, file, folder.parent.name, split, {} if file else missing))
    if not found:
        raise absent(title, root, f"*/{texts}")
    return found


def _pieces(grid: Path, file: Path | None, part: str, split: str, problem: dict[str, str]) -> Iterator[Recording]:
    rows = list(intervals(grid))
    last = {tier: 0.0 for tier, *_ in rows}
    overlapped = set()
    for index, (tier, start, end, _) in sorted(enumerate(rows), key=lambda row: row[1][1]):
        if any(other > start for name, other in last.items() if name != tier):
            overlapped.add(index)
        last[tier] = max(last[tier], end)
    for index, (tier, start, end, text) in enumerate(rows):
        try:
            path = piece(file, start, end) if file else None
        except ValueError as error:
            raise ListError(f"{grid}: interval {text!r}: {error}; unpack the corpus again") from None
        note = "begins while another person speaks" if index in overlapped else ""
        yield Recording(
            f"{part}/{grid.stem}-{tier}-{index}", path, text, f"{grid.stem}-{tier}", split, note=note, **problem
        )


def intervals(path: Path) -> Iterator[tuple[str, float, float, str]]:
    """Yield tier, start, end and text of each interval of a TextGrid (the long form) that has a text."""
    tier = ""
    for match in _ITEM.finditer(read_text(path)[0]):
        if match["tier"] is not None:
            tier = match["tier"]
        elif text := match["text"].replace('""', '"').strip():
            yield tier, float(match["start"]), float(match["end"]), text
