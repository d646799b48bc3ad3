"""Posteriors of dev recordings, in memory and in a file, for programs that decode the same ones many times."""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from ctc_decode import Hypothesis
from ramospeech import audio, errors
from ramospeech.batching import map_by_length, windows
from ramospeech.corpora import Clip
from ramospeech.files import whole_file
from ramospeech.model import AcousticModel
from ramospeech.score import Score, ser

BATCH_SECONDS = 8.0
_WINDOW_BATCHES = 16  # that recordings are read ahead and sorted by length within
BATCH_FRAMES = 2000  # of posteriors that are decoded at once
MAX_SECONDS = 20.0  # longer recordings are cut at pauses, as for transcription


@dataclass(frozen=True)
class Posteriors:
    """Log-posteriors (T', V) of each piece of the recordings, and the clip of each piece."""

    references: list[tuple[str, ...]]
    pieces: list[np.ndarray]
    clips: list[int]

    def score(self, decode: Callable[[np.ndarray, np.ndarray], list[list[Hypothesis]]]) -> Score:
        """Syllable errors of a decoder."""

        def best(pieces: list[np.ndarray]) -> list[tuple[str, ...]]:
            padded = pad_sequence([torch.from_numpy(piece) for piece in pieces], batch_first=True)
            lengths = np.array([len(piece) for piece in pieces])
            return [hypotheses[0].tokens for hypotheses in decode(padded.numpy(), lengths)]

        read = map_by_length(best, self.pieces, len, BATCH_FRAMES)
        whole: list[list[str]] = [[] for _ in self.references]
        for clip, tokens in zip(self.clips, read, strict=True):
            whole[clip] += tokens
        return ser(self.references, whole)


@torch.inference_mode()
def listen(model: AcousticModel, clips: Sequence[Clip], data_root: Path, device: str = "cpu") -> Posteriors:
    """Compute the posteriors of all clips; unreadable ones are reported on stderr. Raises ListError if none is left."""
    references: list[tuple[str, ...]] = []
    of_clips: list[int] = []

    def pieces() -> Iterator[np.ndarray]:
        for clip in clips:
            try:
                parts = [waveform for _, waveform in audio.segments(audio.located(data_root, clip.path), MAX_SECONDS)]
            except errors.AudioError as error:
                print(f"left out: {error}", file=sys.stderr)
                continue
            parts = [waveform for waveform in parts if len(waveform) >= model.min_samples]
            of_clips.extend([len(references)] * len(parts))
            references.append(clip.pinyin)
            yield from parts

    def recognise(batch: list[np.ndarray]) -> list[np.ndarray]:
        padded = pad_sequence([torch.from_numpy(waveform) for waveform in batch], batch_first=True)
        lengths = torch.tensor([len(waveform) for waveform in batch])
        log_probs, frames = model(padded.to(device), lengths.to(device))
        return [
            row[:length].copy() for row, length in zip(log_probs.float().cpu().numpy(), frames.tolist(), strict=True)
        ]

    budget = int(BATCH_SECONDS * audio.SAMPLE_RATE)
    posteriors: list[np.ndarray] = []
    for window in windows(pieces(), len, _WINDOW_BATCHES * budget):  # the waveforms in memory at a time
        posteriors += map_by_length(recognise, window, len, budget)
    if not posteriors:
        raise errors.ListError("none of the recordings could be used; check --data_root")
    return Posteriors(references, posteriors, of_clips)


def fingerprint(model: Path, references: Path) -> str:
    """Return what a model file and a list of recordings are known by. Raises ModelError, ListError: not readable."""
    digest = sha256()
    for path, error in ((model, errors.ModelError), (references, errors.ListError)):
        try:
            digest.update(path.read_bytes())
        except OSError as reason:
            raise error(f"{path}: cannot be read ({reason.strerror})") from None
    return digest.hexdigest()


def write_posteriors(path: Path, posteriors: Posteriors, made_of: str) -> None:
    """Write posteriors to an .npz file; `made_of`: the fingerprint of what they were computed from. Raises
    UsageError."""
    with whole_file(path, "wb", errors.UsageError, "choose another --posteriors") as file:
        np.savez(
            file,
            made_of=np.array(made_of),
            references=np.array([" ".join(tokens) for tokens in posteriors.references]),
            clips=np.array(posteriors.clips),
            lengths=np.array([len(piece) for piece in posteriors.pieces]),
            log_probs=np.concatenate(posteriors.pieces),
        )


def read_posteriors(path: Path, made_of: str) -> Posteriors:
    """Read what `write_posteriors` wrote. Raises UsageError: damaged, or of another model or list."""
    try:
        with np.load(path, allow_pickle=False) as file:
            if str(file["made_of"]) != made_of:
                raise errors.UsageError(
                    f"{path}: holds the posteriors of another model or list; give another --posteriors, or delete it"
                )
            ends = np.cumsum(file["lengths"])[:-1]
            references = [tuple(line.split()) for line in file["references"].tolist()]
            return Posteriors(references, np.split(file["log_probs"], ends), file["clips"].tolist())
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
        raise errors.UsageError(f"{path}: holds no posteriors, or is damaged ({error}); delete it") from None
