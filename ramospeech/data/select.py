"""Which clips of the lists a model can train on: the others are counted and listed, never silently dropped."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ramospeech import audio
from ramospeech.audio.framing import HOP, SAMPLE_RATE, WINDOW
from ramospeech.corpora import Clip, ClipTable, Limits, check_clip, read_list
from ramospeech.corpora.index import read_index

INDEXED_FROM = 64 << 20  # bytes of lists from which an index of them is made, and clips stay on disk


@dataclass(frozen=True)
class FilteredClips:
    """The clips to use, the number of the list of each, and those left out: (clip, reason, detail)."""

    clips: Sequence[Clip]
    sources: Sequence[int] | np.ndarray
    dropped: list[tuple[Clip, str, str]]
    unknown: int

    @property
    def seconds(self) -> Sequence[float]:
        """The duration of each clip."""
        if isinstance(self.clips, ClipTable):
            return self.clips.seconds  # type: ignore[return-value]
        return [clip.seconds or 0.0 for clip in self.clips]

    @property
    def shards(self) -> np.ndarray | None:
        """The number of each clip's shard, -1 for none; None where no clip is in a shard."""
        if isinstance(self.clips, ClipTable):
            found = self.clips.shards
        else:
            names: dict[str | None, int] = {None: -1}
            numbers = [names.setdefault(audio.shard_of(clip.path), len(names) - 1) for clip in self.clips]
            found = np.array(numbers, np.int64)
        return found if len(found) and found.max() >= 0 else None

    def take(self, indices: Sequence[int]) -> "FilteredClips":
        """Return some of the clips."""
        clips = self.clips.take(indices) if isinstance(self.clips, ClipTable) else [self.clips[i] for i in indices]
        return replace(self, clips=clips, sources=[self.sources[i] for i in indices])

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
    paths = [Path(path) for path in lists]
    if limits.durations == "list" and sum(path.stat().st_size for path in paths if path.is_file()) >= INDEXED_FROM:
        return _indexed(paths, root, limits, watch)
    clips = [(number, clip) for number, path in enumerate(paths) for clip in read_list(path, limits.units)]
    with ThreadPoolExecutor(threads) as pool:
        examined = list(watch(pool.map(lambda item: check_clip(item[1], root, limits), clips), len(clips)))
    kept = [(number, clip) for (number, _), clip in zip(clips, examined, strict=True) if isinstance(clip, Clip)]
    dropped = [(clip, *why) for (_, clip), why in zip(clips, examined, strict=True) if not isinstance(why, Clip)]
    unknown = sum(len(limits.vocabulary.unknown(clip.tokens)) for _, clip in kept)
    return FilteredClips([clip for _, clip in kept], [number for number, _ in kept], dropped, unknown)


def _indexed(
    paths: Sequence[Path], root: Path, limits: Limits, watch: Callable[[Iterable[Any], int], Iterable[Any]]
) -> FilteredClips:
    """Return what `read_clips` does, by the indices of the lists: a clip is only looked at where they leave a doubt."""
    rows = [read_index(path, root, limits, watch) for path in paths]

    def column(name: str) -> np.ndarray:
        return np.concatenate([part[name] for part in rows])

    shards, known = [], 0
    for part in rows:  # lists count their shards from 0
        shards.append(np.where(part["shard"] < 0, -1, part["shard"] + known))
        known += int(part["shard"].max(initial=-1)) + 1
    sources = np.repeat(np.arange(len(rows), dtype=np.int32), [len(part) for part in rows])
    table = ClipTable(paths, limits.units, sources, column("offset"), column("seconds"), np.concatenate(shards))
    length = 1 + (np.rint(table.seconds * SAMPLE_RATE).astype(np.int64) - WINDOW) // HOP
    doubtful = (column("doubtful") > 0) | (length // limits.reduction <= column("needed"))
    if limits.max_frames is not None:
        doubtful |= length >= limits.max_frames
    if limits.max_labels is not None:
        doubtful |= column("labels") > limits.max_labels
    if limits.drop_unknown:
        doubtful |= column("unknown") > 0
    dropped = []
    for number in np.flatnonzero(doubtful).tolist():
        clip = table[number]
        result = check_clip(clip, root, limits)
        if isinstance(result, Clip):
            table.seconds[number] = result.seconds or 0.0
            doubtful[number] = False
        else:
            dropped.append((clip, *result))
    unknown = int(column("unknown")[~doubtful].sum())
    if dropped:
        table = table.take(np.flatnonzero(~doubtful))
    return FilteredClips(table, table.sources, dropped, unknown)


def dropped_table(selections: Sequence[FilteredClips]) -> str:
    """Return what was left out as lines `path<TAB>reason<TAB>detail` with a header."""
    rows = [f"{clip.path}\t{reason}\t{detail}" for part in selections for clip, reason, detail in part.dropped]
    return "\n".join(["path\treason\tdetail", *rows]) + "\n"
