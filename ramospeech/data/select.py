"""Which clips of the lists a model can train on: the others are counted and listed, never silently dropped."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ramospeech.corpora import Clip, Limits, check_clip, read_list


@dataclass(frozen=True)
class FilteredClips:
    """The clips to use, the number of the list of each, and those left out: (clip, reason, detail)."""

    clips: list[Clip]
    sources: list[int]
    dropped: list[tuple[Clip, str, str]]
    unknown: int

    @property
    def seconds(self) -> list[float]:
        """The duration of each clip."""
        return [clip.seconds or 0.0 for clip in self.clips]

    def describe(self) -> str:
        """Return one line: how many clips were found, how many are used and how long, what was left out and why."""
        found = len(self.clips) + len(self.dropped)
        line = f"{len(self.clips):,} of {found:,} clips, {sum(self.seconds) / 3600:.2f} h"
        if self.unknown:
            line += f", {self.unknown} tokens outside the units"
        reasons = Counter(reason for _, reason, _ in self.dropped)
        if reasons:
            line += ", left out: " + ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
            line += f" (first: {self.dropped[0][0].path}: {self.dropped[0][2]})"
        return line


def read_clips(
    lists: Iterable[str | Path],
    data_root: str | Path,
    limits: Limits,
    threads: int = 8,
    watch: Callable[[Iterable[Any], int], Iterable[Any]] = lambda items, total: items,
) -> FilteredClips:
    """Read lists and keep the clips that a model can be trained on: `limits` are the model's.

    `watch` is given the clips while they are checked, one by one, and their number: to show progress.

    Raises: ListError: a bad line.
    """
    root = Path(data_root)
    clips = [(number, clip) for number, path in enumerate(lists) for clip in read_list(path, limits.units)]
    with ThreadPoolExecutor(threads) as pool:
        examined = list(watch(pool.map(lambda item: check_clip(item[1], root, limits), clips), len(clips)))
    kept = [(number, clip) for (number, _), clip in zip(clips, examined, strict=True) if isinstance(clip, Clip)]
    dropped = [(clip, *why) for (_, clip), why in zip(clips, examined, strict=True) if not isinstance(why, Clip)]
    unknown = sum(len(limits.vocabulary.unknown(clip.tokens)) for _, clip in kept)
    return FilteredClips([clip for _, clip in kept], [number for number, _ in kept], dropped, unknown)


def dropped_table(selections: Sequence[FilteredClips]) -> str:
    """Return what was left out as lines `path<TAB>reason<TAB>detail` with a header."""
    rows = [f"{clip.path}\t{reason}\t{detail}" for part in selections for clip, reason, detail in part.dropped]
    return "\n".join(["path\treason\tdetail", *rows]) + "\n"
