"""Check clips against their recordings: those that no model could align are dropped, counted and listed."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import chain, pairwise
from os.path import realpath
from pathlib import Path
from typing import Literal

from ramospeech import audio
from ramospeech.audio.framing import frame_count
from ramospeech.corpora.lists import Utterance
from ramospeech.corpora.progress import progress
from ramospeech.errors import AudioError
from ramospeech.text import Vocabulary
from ramospeech.text.units import UNITS, Units

_BATCH = 64  # clips a task of the pool

# Why a clip is dropped; a report keeps this order.
REASONS = (
    "side file",
    "unreadable text",
    "no transcript",
    "no label",
    "no reading",
    "unknown syllable",
    "duplicate id",
    "duplicate path",
    "segment",
    "missing",
    "unreadable",
    "too long",
    "too many labels",
    "too short",
)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A clip that is left out: its split, the reason (one of REASONS) and what exactly is wrong."""

    split: str
    path: str
    reason: str
    detail: str


def frames_needed(ids: Sequence[object]) -> int:
    """Return output frames that CTC needs for these labels: one for each, and a blank between equal ones."""
    return len(ids) + sum(a == b for a, b in pairwise(ids))


@dataclass(frozen=True, slots=True)
class Limits:
    """What a clip must keep to: the model's time reduction, its longest input in frames T and label U, its vocabulary.

    Frames are those of 10 ms here, whatever the hop of the model's features is.
    `units` is the kind of the vocabulary's units, which tells how to read labels. `needed` says how many output frames
    of the model labels need.
    `drop_unknown` drops clips with a syllable that is not a unit, which otherwise becomes `<UNK>`. `durations` says
    whom to ask how long a clip is: its "list" (its recording where the list does not say), its recording ("header";
    compressed ones are decoded), or the "audio", read whole and checked.
    """

    max_frames: int | None = 1600
    max_labels: int | None = None
    reduction: float = 8
    vocabulary: Vocabulary = field(default_factory=Vocabulary.inventory)
    units: Units = UNITS["pinyin"]
    drop_unknown: bool = False
    durations: Literal["list", "header", "audio"] = "header"
    needed: Callable[[Sequence[int]], int] = frames_needed


def frames(seconds: float) -> int:
    """Return frames T of a clip of that duration as clips are counted: 25 ms windows with a hop of 10 ms."""
    return frame_count(round(seconds * audio.SAMPLE_RATE))


def too_short(
    frames: int, ids: Sequence[int], reduction: float, needed: Callable[[Sequence[int]], int] = frames_needed
) -> bool:
    """Return whether T = `frames` give fewer output frames, T // reduction, than labels `ids` need."""
    return frames // reduction < needed(ids)


def check(
    clips: Mapping[str, Sequence[Utterance]], data_root: str | Path, limits: Limits, threads: int = 8
) -> tuple[dict[str, list[Utterance]], list[Dropped]]:
    """Return the clips of each split that can be used, with their seconds, and those that cannot.

    A recording that comes twice, under one path or through links, is dropped the second time, in whichever split.
    Recordings are read by a pool of threads, since most of the time is spent waiting for the disk.
    """
    root = Path(data_root)
    jobs = [(split, clip) for split, part in clips.items() for clip in part]
    kept: dict[str, list[Utterance]] = {split: [] for split in clips}
    dropped: list[Dropped] = []
    first: dict[str, str] = {}
    batches = [jobs[start : start + _BATCH] for start in range(0, len(jobs), _BATCH)]
    with ThreadPoolExecutor(threads) as pool:
        done = pool.map(lambda batch: [check_clip(clip, root, limits) for _, clip in batch], batches)
        results = progress(chain.from_iterable(done), "check", len(jobs))
        for (split, clip), result in zip(jobs, results, strict=True):
            resolved = _resolved(root, clip.path)
            if resolved in first:
                result = ("duplicate path", f"is listed before, as {first[resolved]}")
            first.setdefault(resolved, clip.path)
            if isinstance(result, Utterance):
                kept[split].append(result)
            else:
                dropped.append(Dropped(split, clip.path, *result))
    return kept, dropped


def _resolved(root: Path, path: str) -> str:
    """Return a path without links; its marks stay."""
    located = str(audio.located(root, path))
    file = audio.file_of(located)
    return realpath(file) + located[len(file) :]


def overlaps(clips: Mapping[str, Sequence[Utterance]]) -> Iterator[tuple[str, int, int]]:
    """Yield, for dev and test, the number of clips whose text is the text of a train clip too, of how many clips."""
    train_tokens = {clip.tokens for clip in clips.get("train", ())}
    for split in ("dev", "test"):
        if part := clips.get(split):
            yield split, sum(clip.tokens in train_tokens for clip in part), len(part)


def check_clip(clip: Utterance, root: Path, limits: Limits) -> Utterance | tuple[str, str]:
    """Return the clip with its duration, or why it cannot be used: one of REASONS, and the detail."""
    if not clip.tokens:
        return "no label", "nothing in the text has a syllable"
    if limits.drop_unknown and (unknown := limits.vocabulary.unknown(clip.tokens)):
        return "unknown syllable", " ".join(unknown)
    path = audio.located(root, clip.path)
    if not audio.exists(path):
        return "missing", "no such file"
    try:
        if limits.durations == "list" and clip.seconds:
            seconds = clip.seconds
        elif limits.durations == "audio":
            seconds = len(audio.load(path)) / audio.SAMPLE_RATE
        else:
            seconds = audio.duration(path)
    except AudioError as error:
        return "unreadable", str(error)
    length, ids = frames(seconds), limits.vocabulary.encode(clip.tokens)
    if limits.max_labels is not None and len(ids) > limits.max_labels:
        return "too many labels", f"{len(ids)} labels, more than the {limits.max_labels} of --max_seq_length"
    if limits.max_frames is not None and length > limits.max_frames:
        return (
            "too long",
            f"{seconds:.2f} s are {length} frames, more than the {limits.max_frames} of --max_window or --windows",
        )
    if too_short(length, ids, limits.reduction, limits.needed):
        found, wanted = int(length // limits.reduction), limits.needed(ids)
        detail = f"{seconds:.2f} s are {found} output frames, {wanted} are needed"
        return "too short", detail
    return replace(clip, seconds=seconds)
