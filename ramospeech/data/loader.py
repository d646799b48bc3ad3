"""Clips of a plan -> padded batches, read ahead by threads.

Threads rather than processes: decoding and resampling release the interpreter lock, nothing is pickled, nothing forks
under Horovod, and one cache serves all.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ramospeech import audio
from ramospeech.audio.voice import without_silence
from ramospeech.augment import WaveAugment, as_int16, join, speed
from ramospeech.corpora import Clip, frames, frames_needed, too_short
from ramospeech.data.joining import Joined, JoinLabels
from ramospeech.errors import AudioError
from ramospeech.text import Vocabulary


@dataclass
class Batch:
    """Padded clips.

    Attributes: waveforms (B, S) float32; lengths (B,) int64 samples; labels (B, U) int64 padded with the blank;
    label_lengths (B,) int64; clips: B clips; unreadable: what was left out of this batch, as messages; taught: the
    posteriors and frames of teachers on these waveforms, which need not be computed again; None where they come once.
    """

    waveforms: Tensor
    lengths: Tensor
    labels: Tensor
    label_lengths: Tensor
    clips: list[Clip]
    unreadable: list[str] = field(default_factory=list)
    taught: dict[object, tuple[Tensor, Tensor]] | None = None

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def amount(self) -> float:
        """Seconds of audio without the padding."""
        return float(self.lengths.sum()) / audio.SAMPLE_RATE

    @property
    def padded_amount(self) -> float:
        """Seconds of audio with the padding."""
        return self.waveforms.numel() / audio.SAMPLE_RATE

    def to(self, device: torch.device) -> "Batch":
        """Return the same batch with its waveforms and labels on `device`; lengths stay on the CPU."""
        waveforms, labels = (values.to(device, non_blocking=True) for values in (self.waveforms, self.labels))
        return replace(self, waveforms=waveforms, labels=labels)

    def pinned(self) -> "Batch":
        """Return the same batch in memory that a GPU copies from by itself, while it computes."""
        return replace(self, waveforms=self.waveforms.pin_memory(), labels=self.labels.pin_memory())


def pad(waveforms: Sequence[np.ndarray], labels: Sequence[Sequence[int]], clips: list[Clip]) -> Batch:
    """Stack B waveforms (S,) and label sequences of different lengths."""
    longest = max((len(w) for w in waveforms), default=0)
    max_labels = max((len(ids) for ids in labels), default=0)
    padded = np.zeros((len(waveforms), longest), dtype=np.float32)
    padded_labels = np.full((len(labels), max_labels), Vocabulary.BLANK, dtype=np.int64)
    for row, waveform in enumerate(waveforms):
        padded[row, : len(waveform)] = waveform
        padded_labels[row, : len(labels[row])] = labels[row]
    return Batch(
        torch.from_numpy(padded),
        torch.tensor([len(w) for w in waveforms], dtype=torch.int64),
        torch.from_numpy(padded_labels),
        torch.tensor([len(ids) for ids in labels], dtype=torch.int64),
        clips,
    )


def dummy_batch() -> Batch:
    """Return one second of faint noise labelled as unknown: stands in for a batch of which no clip could be read."""
    waveform = np.random.default_rng(0).normal(0.0, 0.01, audio.SAMPLE_RATE).astype(np.float32)
    clip = Clip("<noise>", ("<UNK>",), "", 1.0)
    return pad([waveform], [[Vocabulary.UNK]], [clip])


class Loader:
    """Reads batches of clips ahead of the training loop, in order.

    Args:
        clips: what the indices of a plan refer to.
        data_root: the folder that the clips' paths are relative to.
        vocabulary: turns pinyin into ids.
        reduction: frames of 10 ms per output frame of the model, for the check that a clip can still be aligned.
        workers: threads that read (at least 1).
        speeds: factors of which one is drawn for each clip (seeded); (1.0,) for none.
        augment: effects on what the speed made of it, and of the clips joined with it.
        seed: of these draws, together with the epoch and the (first) clip: wherever a run resumes, it draws the same.
        cache_bytes: decoded audio kept in memory as 16-bit samples, at most.
        needed: output frames that labels need, in that check.
        remove_silence: whether to leave out what has no voice; `removed` has the seconds of each clip so far. A clip
            that would be too short for its labels then stays whole.
        pin: the batches are for a GPU.
    """

    def __init__(
        self,
        clips: Sequence[Clip],
        data_root: str | Path,
        vocabulary: Vocabulary,
        reduction: float,
        workers: int = 2,
        speeds: Sequence[float] = (1.0,),
        augment: WaveAugment | None = None,
        seed: int = 0,
        cache_bytes: int = 0,
        needed: Callable[[Sequence[int]], int] = frames_needed,
        remove_silence: bool = False,
        pin: bool = False,
    ) -> None:
        self.remove_silence = remove_silence
        self.removed: dict[int, float] = {}
        self.clips = clips
        self.data_root = Path(data_root)
        self._encode = vocabulary.encode
        self.join_labels = JoinLabels(vocabulary)
        self.reduction, self.needed = reduction, needed
        self.workers = max(1, workers)
        self.speeds = tuple(speeds)
        self.augment = augment
        self.seed = seed
        self._cache: dict[int, np.ndarray] = {}
        self._cache_room = cache_bytes
        self.pin = pin
        self._lock = threading.Lock()

    def labels_of(self, index: int) -> list[int]:
        """Return the label ids of a clip."""
        return self._encode(self.clips[index].tokens)

    def _waveform(self, index: int) -> np.ndarray:
        kept = self._cache.get(index)
        if kept is not None:
            return kept.astype(np.float32) / 32768.0
        waveform = audio.load(audio.located(self.data_root, self.clips[index].path))
        if self.remove_silence:
            voiced = without_silence(waveform)
            if self._fits(voiced, self.labels_of(index)):
                self.removed[index] = (len(waveform) - len(voiced)) / audio.SAMPLE_RATE
                waveform = voiced
        if self._cache_room >= 2 * len(waveform):
            with self._lock:
                self._cache_room -= 2 * len(waveform)
            self._cache[index] = as_int16(waveform)
        return waveform

    def _load(self, index: int, epoch: int) -> np.ndarray:
        waveform, labels = self._waveform(index), self.labels_of(index)
        factor = self.speeds[np.random.default_rng((self.seed, epoch, index)).integers(len(self.speeds))]
        if factor != 1.0:
            faster = speed(waveform, factor)
            if self._fits(faster, labels):
                waveform = faster
        if not self._fits(waveform, labels):
            raise AudioError(
                f"{audio.located(self.data_root, self.clips[index].path)}: {len(waveform) / audio.SAMPLE_RATE:.2f} s "
                f"of audio is too short for its {len(labels)} labels; its list gives another length: "
                "correct the list"
            )
        return waveform

    def _fits(self, waveform: np.ndarray, labels: Sequence[int]) -> bool:
        return not too_short(frames(len(waveform) / audio.SAMPLE_RATE), labels, self.reduction, self.needed)

    def _another(self, rng: np.random.Generator) -> np.ndarray:
        return self._waveform(int(rng.integers(len(self.clips))))

    def _example(self, item: int | Joined, epoch: int) -> tuple[np.ndarray, list[int], Clip]:
        """Waveform (S,), label ids and clip of one entry of a plan."""
        indices = (item,) if isinstance(item, int) else item.clips
        rng = np.random.default_rng((self.seed, epoch, indices[0], 1))
        waveforms = [self._load(index, epoch) for index in indices]
        labels: list[int] = []
        for index in indices:
            labels = self.join_labels(labels, self.labels_of(index))
        if isinstance(item, int):
            waveform, clip = waveforms[0], self.clips[item]
        else:
            waveform, clip = join(waveforms, item.pauses, rng), item.clip(self.clips)
        if self.augment:
            varied = self.augment(waveform, rng, self._another)
            waveform = varied if self._fits(varied, labels) else waveform
        return waveform, labels, clip

    def _batch(self, items: Sequence[int | Joined], epoch: int) -> Batch:
        examples, unreadable = [], []
        for item in items:
            try:
                examples.append(self._example(item, epoch))
            except AudioError as error:
                unreadable.append(str(error))
        waveforms, labels, clips = zip(*examples, strict=True) if examples else ((), (), ())
        batch = pad(waveforms, labels, list(clips))
        batch.unreadable = unreadable
        return batch.pinned() if self.pin else batch

    def __call__(self, plan: Iterable[Sequence[int | Joined]], epoch: int = 0) -> Iterator[Batch]:
        """Yield the batches of `plan` (lists of clip indices, or of joined clips) in order.

        A clip that cannot be read is left out and named; those joined with it are left out this time too.
        """
        ahead: deque[Future[Batch]] = deque()
        waiting = iter(plan)
        with ThreadPoolExecutor(self.workers, thread_name_prefix="loader") as pool:
            try:
                while True:
                    while len(ahead) <= 2 * self.workers and (items := next(waiting, None)) is not None:
                        ahead.append(pool.submit(self._batch, items, epoch))
                    if not ahead:
                        return
                    yield ahead.popleft().result()
            finally:
                for future in ahead:
                    future.cancel()
