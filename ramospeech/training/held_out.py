"""Dev clips out of the training lists, where fine-tuning has no dev list."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePath

from ramospeech.corpora.recordings import Recording, split
from ramospeech.data import FilteredClips

SHARE = 0.1  # of the speakers, or of the clips, by default
SPEAKERS = "_speakers.tsv"  # NAME_train_speakers.tsv beside NAME_train.txt: path, tab, speaker


def hold_out(
    train: FilteredClips, lists: Sequence[Path], share: float = SHARE
) -> tuple[FilteredClips, FilteredClips, str]:
    """Return what stays to train on, the dev clips, a `share` of all, and a line on how they were chosen.

    Speakers are disjoint where three or more are known: from a table beside the list, or by the folders that the
    recordings lie in. Else each clip goes by a hash of its path. Both stay the same in every run.
    """
    known = {path: speaker for file in lists for path, speaker in _table(file.with_name(file.stem + SPEAKERS))}
    speakers = [known.get(clip.path) or PurePath(clip.path).parent.name for clip in train.clips]
    recordings = [
        Recording(clip.path, None, clip.text, speaker) for clip, speaker in zip(train.clips, speakers, strict=True)
    ]
    parts, how = split(recordings, share, 0.0)
    is_dev = [part.split == "dev" for part in parts]

    def taken(dev: bool) -> FilteredClips:
        kept = [i for i, belongs in enumerate(is_dev) if belongs == dev]
        chosen = train.take(kept)
        return replace(chosen, dropped=[], unknown=0) if dev else chosen

    return taken(False), taken(True), f"no dev list: {sum(is_dev)} of {len(is_dev)} training clips are dev, {how}"


def _table(path: Path) -> list[tuple[str, str]]:
    """Return rows of path and speaker; none where there is no such file."""
    if not path.is_file():
        return []
    rows = (line.split("\t") for line in path.read_text(encoding="utf-8").splitlines())
    return [(row[0], row[1].strip()) for row in rows if len(row) > 1]
