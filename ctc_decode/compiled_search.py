"""The compiled engine: ctc_decode/src, by way of ctc_decode._core. Importing this fails where it is not built."""

import numpy as np

from ctc_decode import _core
from ctc_decode.engine import BadFrameError, Result, Settings


class CompiledEngine:
    """Prefix beam search in C++; batches run on several threads with the GIL released."""

    def __init__(self, settings: Settings):
        self._core = _core.Core(
            settings.units,
            settings.blank,
            settings.beam_width,
            settings.top_k,
            settings.nbest,
            settings.length_bonus,
        )
        for automaton, scale in settings.automata:
            self._core.add(
                automaton.begin,
                automaton.unit,
                automaton.target,
                automaton.weight,
                automaton.fallback,
                automaton.fallback_weight,
                automaton.final,
                automaton.otherwise,
                automaton.start,
                scale,
            )

    def decode(self, log_probs: np.ndarray, lengths: np.ndarray, num_threads: int) -> list[list[Result]]:
        """Decode (B, T', V) float32 or float16, (B,) frames: the best label sequences of each item, or
        BadFrameError."""
        decoded = self._core.decode(_bits(log_probs), lengths.tolist(), num_threads)
        for item, (_, bad_frame) in enumerate(decoded):
            if bad_frame >= 0:
                raise BadFrameError(item, bad_frame)
        return [[Result(*row) for row in rows] for rows, _ in decoded]

    def stream(self) -> "CompiledStream":
        """Return a new utterance."""
        return CompiledStream(_core.Stream(self._core))


class CompiledStream:
    """One utterance, frame by frame."""

    def __init__(self, stream: _core.Stream):
        self._stream = stream

    def push(self, chunk: np.ndarray) -> None:
        """Take (T', V) more frames, or none of them and raise BadFrameError."""
        bad_frame = self._stream.push(_bits(chunk))
        if bad_frame >= 0:
            raise BadFrameError(0, bad_frame)

    def partial(self) -> tuple[list[int], int]:
        """Return the best label sequence so far, and how many of its first units are settled."""
        return self._stream.partial()

    def finish(self, log_probs: np.ndarray) -> list[Result]:
        """Return the best label sequences of all frames that were pushed, which are given again, best first."""
        return [Result(*row) for row in self._stream.finish(_bits(log_probs))]


def _bits(array: np.ndarray) -> np.ndarray:
    """Return float16 as its bits, which the core converts by itself."""
    return array.view(np.uint16) if array.dtype == np.float16 else array
