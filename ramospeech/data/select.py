"""Which clips of the lists a model can train on: the others are counted and listed, never silently dropped."""

from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from ramospeech import audio
from ramospeech.corpora import Clip, frames, read_list, too_short
from ramospeech.errors import AudioError
from ramospeech.text import Vocabulary


@dataclass(frozen=True)
class Selection:
    """The clips to use, each with its seconds, and those left out: (clip, reason, detail)."""

    clips: list[Clip]
    dropped: list[tuple[Clip, str, str]]
    unknown: int

    @property
    def seconds(self) -> list[float]:
        """The duration of each clip."""
        return [clip.seconds or 0.0 for clip in self.clips]

    def describe(self) -> str:
        """One line: how many clips and hours, what was left out and why."""
        line = f"{len(self.clips):,} clips, {sum(self.seconds) / 3600:.2f} h"
        if self.unknown:
            line += f", {self.unknown} syllables outside the inventory"
        reasons = Counter(reason for _, reason, _ in self.dropped)
        if reasons:
            line += ", left out: " + ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
            line += f" (first: {self.dropped[0][2]})"
        return line


def read_clips(
    lists: Iterable[str | Path],
    data_root: str | Path,
    vocabulary: Vocabulary,
    reduction: int,
    max_frames: int | None = None,
    max_labels: int | None = None,
    threads: int = 8,
) -> Selection:
    """Read lists and keep the clips that a model with this `reduction` can be trained on.

    A clip is left out where its file is missing or its header unreadable, where it is longer than `max_frames` (T) or
    has more than `max_labels` (U), and where CTC could not align it (T' < U + adjacent repeats).

    Raises: ListError: a bad line.
    """
    root = Path(data_root)
    clips = [clip for path in lists for clip in read_list(path)]

    def judge(clip: Clip) -> tuple[Clip, str, str]:
        path = root / clip.path
        try:
            seconds = clip.seconds if clip.seconds and path.is_file() else audio.duration(path)
        except AudioError as error:
            return clip, "missing or unreadable", str(error)
        clip = replace(clip, seconds=seconds)
        length, labels = frames(seconds), vocabulary.encode(clip.pinyin)
        if max_frames is not None and length > max_frames:
            return clip, "too long", f"{path}: {length} frames, more than --max_window {max_frames}"
        if max_labels is not None and len(labels) > max_labels:
            return clip, "too many labels", f"{path}: {len(labels)}, more than --max_seq_length {max_labels}"
        if too_short(length, labels, reduction):
            return clip, "too short for their labels", f"{path}: {seconds:.2f} s for {len(labels)} labels"
        return clip, "", ""

    with ThreadPoolExecutor(threads) as pool:
        judged = list(pool.map(judge, clips))
    kept = [clip for clip, reason, _ in judged if not reason]
    unknown = sum(len(vocabulary.unknown(clip.pinyin)) for clip in kept)
    return Selection(kept, [item for item in judged if item[1]], unknown)


def dropped_table(selections: Sequence[Selection]) -> str:
    """What was left out as lines `path<TAB>reason<TAB>detail` with a header."""
    rows = [f"{clip.path}\t{reason}\t{detail}" for part in selections for clip, reason, detail in part.dropped]
    return "\n".join(["path\treason\tdetail", *rows]) + "\n"
