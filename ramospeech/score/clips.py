"""A clip on the report's page: its alignment and, if its audio is available, a player and pictures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from ramospeech.audio import SAMPLE_RATE, exists, load
from ramospeech.audio.framing import FRAMES_PER_SECOND
from ramospeech.errors import AudioError, UsageError
from ramospeech.files import whole_file
from ramospeech.score.distance import Edits
from ramospeech.score.pictures import draw_clip, draw_features
from ramospeech.score.report import Alignment, Pair
from ramospeech.text.parts import phonetic_similarity

# A waveform (S,) -> features (T, F), log-posteriors (T', V) and the V units: what an acoustic model makes of it.
# Raises ValueError for a waveform that is too short. May have `frames_per_second`, of its features.
PosteriorFn = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray, Sequence[str]]]

SHOWN_SECONDS = 600  # of a longer recording, its beginning is played and drawn
_PICTURE_SECONDS = 30  # of one picture, which has rows of `pictures.ROW_SECONDS`
_ADVICE = "make room or choose another --report"


@dataclass(frozen=True)
class AlignedPair:
    """A place in an alignment: the tokens of reference and hypothesis, "" for nothing.

    kind: `right`, `wrong`, `missed`, `inserted`, or `tone` where only the tone is wrong.
    """

    ref: str
    hyp: str
    kind: str


@dataclass(frozen=True)
class ClipView:
    """A clip on the page.

    seconds: of the whole recording. audio, pictures: files, relative to the page. problem: why there is none.
    """

    id: str
    edits: Edits
    found: bool
    syllables: list[AlignedPair]
    characters: list[AlignedPair]
    seconds: float | None = None
    audio: str | None = None
    pictures: tuple[str, ...] = ()
    problem: str | None = None


def view_clip(
    pair: Pair, edits: Edits, folder: Path, name: str, data_root: Path | None, posterior_fn: PosteriorFn | None
) -> ClipView:
    """Return a clip, its audio and pictures written as `folder`/files/`name`.wav (.flac from 30 s on), .png, -2.png ...

    data_root: where the recording is; None shows the alignment only. listener: None draws the spectrogram alone.
    What is wrong with the recording is told in the view. Raises UsageError where nothing can be written.
    """
    seconds, audio, problem = None, None, None
    pictures: list[str] = []
    if data_root is not None:
        try:
            waveform = _load(pair.id, data_root)
            seconds = len(waveform) / SAMPLE_RATE
            waveform = waveform[: SHOWN_SECONDS * SAMPLE_RATE]
            kind = "flac" if seconds > _PICTURE_SECONDS else "wav"
            audio = f"files/{name}.{kind}"
            with whole_file(folder / audio, "wb", UsageError, _ADVICE) as file:
                soundfile.write(file, waveform, SAMPLE_RATE, format=kind.upper(), subtype="PCM_16")
            for number, (start, part) in enumerate(_parts(waveform), 1):
                figure = _draw(pair, part, start, posterior_fn)
                pictures.append(save_picture(figure, folder, f"{name}.png" if number == 1 else f"{name}-{number}.png"))
        except AudioError as error:
            problem = str(error)
    characters = tokens(pair.characters) if pair.ref_hanzi else []
    return ClipView(
        pair.id, edits, pair.found, tokens(pair.syllables), characters, seconds, audio, tuple(pictures), problem
    )


def _parts(waveform: np.ndarray) -> list[tuple[float, np.ndarray]]:
    """Return (start in seconds, samples) of each picture; what is left over and short goes with the one before."""
    size, count = _PICTURE_SECONDS * SAMPLE_RATE, len(waveform)
    starts = range(0, max(1, count - SAMPLE_RATE), size)
    ends = [*starts[1:], count]
    return [(begin / SAMPLE_RATE, waveform[begin:end]) for begin, end in zip(starts, ends, strict=True)]


def save_picture(figure: Any, folder: Path, name: str) -> str:
    """Write a matplotlib figure as a PNG picture into `folder`/files; its name relative to `folder`."""
    with whole_file(folder / "files" / name, "wb", UsageError, _ADVICE) as file:
        figure.savefig(file, format="png", dpi=110)
    return f"files/{name}"


def tokens(alignment: Alignment) -> list[AlignedPair]:
    """Return an alignment with the kind of each of its places.

    >>> [token.kind for token in tokens([("ni3", "ni2"), ("hao3", ""), ("ma", "ma"), ("", "a"), ("wo3", "ta1")])]
    ['tone', 'missed', 'right', 'inserted', 'wrong']
    """
    return [AlignedPair(ref, hyp, _kind(ref, hyp)) for ref, hyp in alignment]


def _kind(ref: str, hyp: str) -> str:
    if ref == hyp:
        return "right"
    if not (ref and hyp):
        return "missed" if ref else "inserted"
    return "tone" if phonetic_similarity(ref, hyp) == 4 else "wrong"


def _load(id: str, data_root: Path) -> np.ndarray:
    """Return the recording of an id: a path under `data_root`, or else as it is."""
    path = data_root / id
    return load(path if exists(path) else Path(id) if Path(id).is_file() else path)


def _draw(pair: Pair, waveform: np.ndarray, start: float, posterior_fn: PosteriorFn | None) -> Any:
    """Return the figure of a part of a clip that begins at `start` seconds; raises AudioError where it is too short."""
    from ramospeech.features import WINDOW  # torch takes a second to import, which reports without audio save

    try:
        if len(waveform) < WINDOW:
            raise ValueError(f"{len(waveform)} samples, and a frame of features has {WINDOW}")
        if posterior_fn is None:
            return draw_features(_spectrogram(waveform), start)
        rate = getattr(posterior_fn, "frames_per_second", FRAMES_PER_SECOND)
        made = posterior_fn(waveform)
        return draw_clip(*made, pair.ref_pinyin, pair.hyp_pinyin, title=False, start=start, frames_per_second=rate)
    except ValueError as error:
        raise AudioError(f"{pair.id}: too short for a picture: {error}") from error


def _spectrogram(waveform: np.ndarray) -> np.ndarray:
    """Features (T, F) of (S,)."""
    import torch

    from ramospeech.features import Features

    features, _ = Features()(torch.from_numpy(waveform)[None], torch.tensor([len(waveform)]))
    return features[0].numpy()
