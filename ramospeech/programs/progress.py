"""What a transcription has done and how long the rest will take, where stderr is a terminal."""

import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager

from tqdm import tqdm

from ramospeech.audio import Source, stated_seconds

_ASKED = 200  # recordings whose headers are read at most, to estimate the length of all


class Progress:
    """A bar of seconds of audio, with recordings done, time left and real-time factor. A context manager.

    recordings: how many there are.
    """

    def __init__(self, recordings: int):
        self._recordings, self._done = recordings, 0
        self._bar = tqdm(
            total=0,
            leave=False,
            disable=not sys.stderr.isatty(),
            bar_format="{percentage:3.0f}%|{bar}| {remaining} left{postfix}",
        )
        self._begin = time.monotonic()
        self._seconds = 0.0

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()

    def expect(self, sources: Sequence[Source]) -> None:
        """These are to be transcribed: by their headers, which may be wrong, the bar knows how long they are."""
        if sources and not self._bar.disable:
            asked = sources[:: -(-len(sources) // _ASKED)]
            self._bar.total = sum(map(stated_seconds, asked)) / len(asked) * len(sources)
        self._begin = time.monotonic()

    def audio(self, seconds: float) -> None:
        """So much more audio was recognised."""
        self._seconds += seconds
        if not self._bar.disable:
            self._bar.total = max(self._bar.total, self._seconds)
            self._bar.set_postfix_str(
                f"{self._done} of {self._recordings} recordings, real-time factor {self._factor():.3f}", refresh=False
            )
            self._bar.update(seconds)

    def recording(self) -> None:
        """Count one more recording that is written."""
        self._done += 1

    def say(self, line: str) -> None:
        """Print a line on stderr, above the bar."""
        self._bar.write(line, file=sys.stderr)

    def paused(self) -> AbstractContextManager[None]:
        """While results are written, perhaps to the same terminal, the bar is away."""
        return self._bar.external_write_mode(file=sys.stdout)

    def elapsed(self) -> float:
        """Return seconds since the transcription began."""
        return time.monotonic() - self._begin

    def _factor(self) -> float:
        return self.elapsed() / max(self._seconds, 1e-3)

    def speed(self) -> str:
        """Return how much audio was recognised, and in how much less time than it lasts."""
        elapsed = max(self.elapsed(), 1e-3)
        times = self._seconds / elapsed
        factor = f", real-time factor {self._factor():.3f}" if self._seconds else ""
        return f"{self._seconds:.1f} s of audio in {elapsed:.1f} s ({times:.1f} times real time{factor})"
