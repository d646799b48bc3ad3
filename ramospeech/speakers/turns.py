"""From the pieces of recordings and their transcripts to transcripts with speakers."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from ramospeech.errors import UsageError
from ramospeech.speakers.clustering import clusters, smoothed
from ramospeech.speakers.embedding import shipped_encoder
from ramospeech.stages import End, Piece
from ramospeech.transcript import Token, Transcript

MAX_SPEAKERS = 8
PAUSE = 0.3  # seconds: between such pauses one speaks, whoever most of it sounds like
NEAR = 0.5  # seconds from the middle of a window to that of a syllable
Voices = tuple[np.ndarray, np.ndarray]  # times (N,), and vectors (N, 256)


def speaker_names(text: str) -> list[str]:
    """Return the names in `A,B`, or for a number so many. Raises UsageError for fewer than 2 or more than 8.

    >>> speaker_names("王,李"), speaker_names("2")
    (['王', '李'], ['1', '2'])
    """
    names = [name.strip() for name in text.replace("，", ",").split(",") if name.strip()]
    if len(names) == 1 and names[0].isdecimal():
        names = [str(number) for number in range(1, min(int(names[0]), MAX_SPEAKERS + 1) + 1)]
    if not 2 <= len(names) <= MAX_SPEAKERS or len(set(names)) < len(names):
        raise UsageError(f"--speakers {text}: give 2 to {MAX_SPEAKERS} different names, as in A,B, or their number")
    return names


class Turns:
    """Listens to the pieces of recordings on their way to the recogniser, and labels their transcripts, which come in
    the same order.

    names: of the speakers of each recording, in the order in which they first speak; none for one whose speakers are
    not asked for. encoder: of voices.
    """

    def __init__(self, names: Iterable[Sequence[str]], encoder: Callable[[np.ndarray], Voices] | None = None) -> None:
        self.names = iter(names)
        self._encoder = encoder
        # Names and voices of recordings whose transcripts are not there yet.
        self._waiting: deque[tuple[Sequence[str], list[Voices]]] = deque()

    @property
    def encoder(self) -> Callable[[np.ndarray], Voices]:
        """The encoder of voices, whose weights are read where they are needed first."""
        if self._encoder is None:
            self._encoder = shipped_encoder()
        return self._encoder

    def listen(self, pieces: Iterable[Piece | End]) -> Iterator[Piece | End]:
        """Pass the pieces on."""
        names: Sequence[str] | None = None
        voices: list[Voices] = []
        for item in pieces:
            names = next(self.names) if names is None else names
            if isinstance(item, Piece):
                if names:
                    times, vectors = self.encoder(item.waveform)
                    voices.append((item.start + times, vectors))
            else:
                self._waiting.append((names, voices))
                names, voices = None, []
            yield item

    def label(self, transcript: Transcript) -> Transcript:
        """Return the transcript of the next recording with the speakers of its syllables."""
        names, voices = self._waiting.popleft()
        if not transcript.tokens or not voices:
            return transcript
        times, vectors = (np.concatenate(parts) for parts in zip(*voices, strict=True))
        numbers = speakers_of(transcript.tokens, times, vectors, len(names))
        tokens = (replace(t, speaker=names[n]) for t, n in zip(transcript.tokens, numbers, strict=True))
        return replace(transcript, tokens=tuple(tokens))


def speakers_of(tokens: Sequence[Token], times: np.ndarray, vectors: np.ndarray, count: int) -> list[int]:
    """Return the number of the speaker of each token, from 0 in the order in which they first speak.

    times, vectors: of windows (N,), (N, D). Windows without a syllable near their middle take no part.
    """
    middles = np.array([(token.start + token.end) / 2 for token in tokens])
    near = np.abs(middles[_nearest(middles, times)] - times) < NEAR
    if near.any():
        times, vectors = times[near], vectors[near]
    of_tokens = smoothed(vectors, clusters(vectors, count))[_nearest(times, middles)]
    starts = [0, *(i for i, (a, b) in enumerate(pairwise(tokens), 1) if b.start - a.end >= PAUSE), len(tokens)]
    for first, last in pairwise(starts):
        of_tokens[first:last] = np.bincount(of_tokens[first:last], minlength=count).argmax()
    order = list(dict.fromkeys(of_tokens.tolist()))
    return [order.index(number) for number in of_tokens.tolist()]


def _nearest(times: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return the index of the time (N,), in order, that is nearest to each that is wanted (M,)."""
    after = np.searchsorted(times, wanted).clip(max=len(times) - 1)
    before = np.maximum(after - 1, 0)
    return np.where(np.abs(times[before] - wanted) <= np.abs(times[after] - wanted), before, after)
