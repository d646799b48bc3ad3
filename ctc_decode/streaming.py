"""One utterance decoded while it comes in."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ctc_decode.engine import BadFrameError, Result, StreamEngine
from ctc_decode.hypothesis import Hypothesis
from ctc_decode.inputs import checked_chunk, row_fault, rows_for_search


@dataclass(frozen=True)
class Partial:
    """The best label sequence so far.

    tokens, ids: its units. stable: how many of the first of them are settled: every prefix that the search still
    holds begins with them, so they will be the first of the final result. (With nbest > 1, which ranks earlier
    alternatives again at the end, that is so but for near ties.)
    """

    tokens: tuple[str, ...]
    ids: tuple[int, ...]
    stable: int


class Stream:
    """One utterance. `finish` gives what `decode` of all frames at once gives, whatever the chunks were.

    Made by `BeamSearchDecoder.stream`. It keeps the posteriors, from which exact scores and times come at the end:
    4 bytes V per frame, 3.6 MB per minute for 1,216 units and 12.5 frames per second.
    """

    def __init__(self, engine: StreamEngine, vocabulary: tuple[str, ...], hypothesis: Callable[[Result], Hypothesis]):
        self._engine = engine
        self._vocabulary = vocabulary
        self._hypothesis = hypothesis
        self._chunks: list[np.ndarray] = []
        self._frames = 0
        self._finished = False

    def push(self, log_probs: Any) -> None:
        """Take some more frames, (T', V) natural logs; T' may be 0.

        Raises ValueError for a wrong shape and for a frame that is not a distribution, counted from the utterance's
        start; the chunk is not taken then.
        """
        self._check_open()
        chunk = rows_for_search(checked_chunk(log_probs, len(self._vocabulary)).copy())
        try:
            self._engine.push(chunk)
        except BadFrameError as bad:
            raise ValueError(f"frame {self._frames + bad.frame}: {row_fault(chunk[bad.frame])}") from None
        self._chunks.append(chunk)
        self._frames += len(chunk)

    def partial(self) -> Partial:
        """Return the best label sequence of the frames so far. Raises ValueError after `finish`."""
        self._check_open()
        ids, stable = self._engine.partial()
        return Partial(tuple(self._vocabulary[i] for i in ids), tuple(ids), stable)

    def finish(self) -> list[Hypothesis]:
        """End the utterance: at most nbest hypotheses, best first. Raises ValueError when called again."""
        self._check_open()
        self._finished = True
        chunks = self._chunks or [np.zeros((0, len(self._vocabulary)), np.float32)]
        self._chunks = []
        return [self._hypothesis(result) for result in self._engine.finish(np.concatenate(chunks))]

    def _check_open(self) -> None:
        if self._finished:
            raise ValueError("this stream is finished; begin another with decoder.stream()")
