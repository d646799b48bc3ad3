"""Clips of lists of any length: a line is parsed when its clip is asked for, and all else is in arrays."""

import mmap
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ramospeech.corpora.lists import Utterance, parse_line
from ramospeech.errors import ListError
from ramospeech.text.units import Units


class ClipTable(Sequence[Utterance]):
    """Clips of lists, read from the lists where they are asked for.

    Attributes: paths, units: of the lists; sources: (N,) the number of each clip's list; offsets: (N,) the byte that
    its line begins at; seconds: (N,) float64; shards: (N,) the number of its shard, -1 for none.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        units: Units,
        sources: np.ndarray,
        offsets: np.ndarray,
        seconds: np.ndarray,
        shards: np.ndarray,
    ) -> None:
        self.paths, self.units = list(paths), units
        self.sources, self.offsets, self.seconds, self.shards = sources, offsets, seconds, shards
        self._sizes = [path.stat().st_size for path in self.paths]
        self._open: dict[int, mmap.mmap] = {}

    def __len__(self) -> int:
        return len(self.offsets)

    def __getitem__(self, index):  # a clip, or a table of them for a slice
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        source = int(self.sources[index])
        lines, begin = self._lines(source), int(self.offsets[index])
        end = lines.find(b"\n", begin)
        line = lines[begin : end if end >= 0 else len(lines)]
        try:
            return parse_line(line, self.units, float(self.seconds[index]) or None)
        except ValueError as error:
            raise ListError(f"{self.paths[source]}: byte {begin}: {error}; it was changed while it was read") from None

    def take(self, indices: np.ndarray | Sequence[int]) -> "ClipTable":
        """Return a table of some of the clips."""
        rows = np.asarray(indices, np.int64)
        arrays = (self.sources, self.offsets, self.seconds, self.shards)
        return ClipTable(self.paths, self.units, *(array[rows] for array in arrays))

    def _lines(self, source: int) -> mmap.mmap:
        if source not in self._open:
            with self.paths[source].open("rb") as file:
                self._open[source] = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            if len(self._open[source]) != self._sizes[source]:
                raise ListError(f"{self.paths[source]}: was changed while it was read; start again")
        return self._open[source]

    def __getstate__(self) -> dict:
        return {**self.__dict__, "_open": {}}
