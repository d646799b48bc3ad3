"""What the acoustic model says of a whole recording, kept small: the best units of each frame, and the loudness.

All posteriors of an hour would take 770 MB; the best 32 units of each frame and the mean of the others take 25 MB.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ctc_decode import GreedyDecoder
from ramospeech.audio import SAMPLE_RATE, Source, name_of, segments, too_short
from ramospeech.batching import map_by_length, windows
from ramospeech.model import AcousticModel

HOP_SECONDS = 0.01  # of the loudness
_HOP = round(HOP_SECONDS * SAMPLE_RATE)
_KEPT = 32  # units of each frame
_BATCH_SECONDS = {"cpu": 8.0, "cuda": 60.0}
_WINDOW_BATCHES = 8  # batches that are read ahead and sorted by length


@dataclass(frozen=True)
class _Part:
    """The posteriors of one piece; frames are counted within it. See `Posteriors`."""

    ids: np.ndarray
    log_probs: np.ndarray
    rest: np.ndarray
    times: np.ndarray
    best: np.ndarray
    first: np.ndarray
    last: np.ndarray


@dataclass(frozen=True)
class Posteriors(_Part):
    """Of one recording with N frames.

    ids, log_probs: (N, 32) the most probable units of each frame, the blank always among them; rest: (N,) the natural
    log of the mean probability of all others. times: (N,) seconds at which each frame starts. best: ids of the greedy
    hypothesis, with the frames first <= t < last of each. loudness: decibels of each 10 ms. seconds: of the recording.
    """

    loudness: np.ndarray
    seconds: float
    num_units: int

    def window(self, begin: int, end: int) -> np.ndarray:
        """Return the posteriors (end - begin, V) of some frames, what was not kept filled with the mean of it."""
        dense = np.repeat(self.rest[begin:end, None], self.num_units, axis=1)
        np.put_along_axis(dense, self.ids[begin:end].astype(np.int64), self.log_probs[begin:end], axis=1)
        return dense


def posteriors_of(
    source: Source,
    model: AcousticModel,
    device: torch.device,
    max_seconds: float = 20.0,
    report: Callable[[str], None] = lambda line: None,
    progress: Callable[[float], object] | None = None,
) -> Posteriors:
    """Read and recognise a recording of any length, piece by piece.

    max_seconds: of a piece; report: takes a line for what should be known about the recording; progress: takes the
    seconds of each batch that was recognised. Raises AudioError for a recording that cannot be read or is too short.
    """
    decoder = GreedyDecoder(model.vocabulary.units)
    parts: list[_Part] = []
    loudness: list[np.ndarray] = []
    samples = 0
    budget = int(_BATCH_SECONDS.get(device.type, 60.0) * SAMPLE_RATE)

    @torch.inference_mode()
    def recognise(batch: list[tuple[float, np.ndarray]]) -> list[_Part]:
        waveforms = torch.zeros(len(batch), len(batch[0][1]))
        for row, (_, waveform) in zip(waveforms, batch, strict=True):
            row[: len(waveform)] = torch.from_numpy(waveform)
        lengths = torch.tensor([len(waveform) for _, waveform in batch])
        log_probs, frames = model(waveforms.to(device), lengths.to(device))
        if progress:
            progress(int(lengths.sum()) / SAMPLE_RATE)
        rows = zip(batch, log_probs.float().cpu().numpy(), frames.tolist(), strict=True)
        return [_part(start, row[:length], decoder, model.seconds_per_frame) for (start, _), row, length in rows]

    def pieces() -> Iterator[tuple[float, np.ndarray]]:
        nonlocal samples
        for start, waveform in segments(source, model.piece_seconds(max_seconds), report):
            samples += len(waveform)
            loudness.append(_loudness(waveform))
            if len(waveform) >= model.min_samples:
                yield start, waveform

    for window in windows(pieces(), lambda item: len(item[1]), _WINDOW_BATCHES * budget):
        parts += map_by_length(recognise, window, lambda item: len(item[1]), budget)
    if not parts:
        raise too_short(name_of(source), samples, model.min_samples)
    return _joined(parts, np.concatenate(loudness), samples / SAMPLE_RATE, len(model.vocabulary))


def _part(start: float, log_probs: np.ndarray, decoder: GreedyDecoder, frame: float) -> _Part:
    T, V = log_probs.shape
    [[hypothesis]] = decoder.decode(log_probs[None], np.array([T]))
    kept = min(_KEPT, V)
    ranked = log_probs.copy()
    ranked[:, decoder.blank] = np.inf
    ids = np.argpartition(-ranked, kept - 1, axis=1)[:, :kept]
    top = np.take_along_axis(log_probs, ids, axis=1)
    others = np.clip(1.0 - np.exp(top.astype(np.float64)).sum(axis=1), 1e-9, 1.0) / max(1, V - kept)
    return _Part(
        ids.astype(np.int32),
        top,
        np.log(others).astype(np.float32),
        start + frame * np.arange(T),
        *(np.array(numbers, np.int64) for numbers in (hypothesis.ids, hypothesis.start_frames, hypothesis.end_frames)),
    )


def _joined(parts: Sequence[_Part], loudness: np.ndarray, seconds: float, num_units: int) -> Posteriors:
    offsets = np.cumsum([0, *(len(part.rest) for part in parts)])[:-1]

    def all_of(name: str) -> np.ndarray:
        return np.concatenate([getattr(part, name) for part in parts])

    def counted_on(name: str) -> np.ndarray:
        return np.concatenate([getattr(part, name) + offset for part, offset in zip(parts, offsets, strict=True)])

    return Posteriors(
        ids=all_of("ids"),
        log_probs=all_of("log_probs"),
        rest=all_of("rest"),
        times=all_of("times"),
        best=all_of("best"),
        first=counted_on("first"),
        last=counted_on("last"),
        loudness=loudness,
        seconds=seconds,
        num_units=num_units,
    )


def _loudness(waveform: np.ndarray) -> np.ndarray:
    """Return decibels of each 10 ms, the last of them perhaps shorter."""
    padded = np.pad(waveform, (0, -len(waveform) % _HOP)).reshape(-1, _HOP).astype(np.float64)
    return (10 * np.log10(padded.var(axis=1) + 1e-10)).astype(np.float32)
