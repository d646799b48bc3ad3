"""All clips of the training lists decoded once, as one tensor on the device that trains."""

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ramospeech import audio
from ramospeech.augment import Sounds, as_int16
from ramospeech.corpora import Clip, frames, frames_needed, too_short
from ramospeech.errors import AudioError, UsageError

Watch = Callable[[Iterable[Any], int], Iterable[Any]]


@dataclass(frozen=True)
class Pool:
    """Decoded clips.

    Attributes: sounds: those that could be read; clips: the number of each in the list of clips that was given;
    unreadable: messages on the others; extra: recordings behind them in the same tensor, None for none.
    """

    sounds: Sounds
    clips: np.ndarray
    unreadable: list[str]
    extra: Sounds | None = None


def read_pool(
    clips: Sequence[Clip],
    labels: Sequence[Sequence[int]],
    root: Path,
    reduction: float,
    device: torch.device,
    threads: int,
    watch: Watch = lambda items, total: items,
    extra: Sequence[np.ndarray] = (),
    needed: Callable[[Sequence[int]], int] = frames_needed,
) -> Pool:
    """Decode clips by so many threads; `labels` are their ids, which need as many output frames as `needed` says.

    extra: recordings (S,) int16 to put behind the clips.

    Raises: UsageError: the device has no room for them.
    """
    check_room(sum(clip.seconds or 0.0 for clip in clips), device)

    def read(number: int) -> np.ndarray | str:
        path = audio.located(root, clips[number].path)
        try:
            waveform = as_int16(audio.load(path))
        except AudioError as error:
            return str(error)
        seconds = len(waveform) / audio.SAMPLE_RATE
        if too_short(frames(seconds), labels[number], reduction, needed):
            return (
                f"{path}: {seconds:.2f} s of audio is too short for its {len(labels[number])} labels; its list gives "
                "another length: correct the list"
            )
        return waveform

    with ThreadPoolExecutor(threads, thread_name_prefix="pool") as pool:
        found = list(watch(pool.map(read, range(len(clips)), chunksize=16), len(clips)))
    kept = [number for number, waveform in enumerate(found) if not isinstance(waveform, str)]
    waveforms = [waveform for waveform in found if not isinstance(waveform, str)]
    unreadable = [message for message in found if isinstance(message, str)]
    together = Sounds.of([*waveforms, *extra], device)
    sounds, others = together.some(slice(len(kept))), together.some(slice(len(kept), None))
    return Pool(sounds, np.array(kept, np.int64), unreadable, others if len(extra) else None)


def check_room(seconds: float, device: torch.device) -> None:
    """Raise UsageError where so much audio does not fit into half of what is free on the device."""
    free = free_bytes(device)
    needed = 2 * audio.SAMPLE_RATE * seconds
    if free is not None and needed > free / 2:
        raise UsageError(
            f"--windows: {seconds / 3600:.1f} h of audio take {needed / 2**30:.1f} GB as 16-bit samples, and {device} "
            f"has {free / 2**30:.1f} GB free, half of which training needs: give fewer lists, or leave out --windows"
        )


def free_bytes(device: torch.device) -> int | None:
    """Memory that is free on a GPU, or available on the host; None where the system does not say."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:")), None)


def read_folder(folder: str | Path, option: str) -> list[np.ndarray]:
    """Decode all recordings below a folder, (S,) int16 each. Raises UsageError: none, or a damaged one."""
    root = Path(folder)
    if not root.is_dir():
        raise UsageError(f"{option} {folder}: no such folder; give one that holds recordings")
    paths = sorted(path for path in root.rglob("*") if path.suffix.lower() in audio.EXTENSIONS)
    try:
        found = [as_int16(audio.load(path)) for path in paths]
    except AudioError as error:
        raise UsageError(f"{error}; or take it out of {folder}") from error
    found = [waveform for waveform in found if len(waveform)]
    if not found:
        raise UsageError(f"{option} {folder}: no recording in it; {' '.join(sorted(audio.EXTENSIONS))} are read")
    return found
