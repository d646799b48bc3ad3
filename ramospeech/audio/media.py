"""Sound of m4a, mp4, mov, mkv, webm, wma, amr, aac and what else ffmpeg decodes, by PyAV, whose wheels bring ffmpeg."""

from collections.abc import Callable, Iterator
from types import ModuleType
from typing import IO, Any

import numpy as np

from ramospeech.errors import AudioError

INSTALL = "pip install av"
_EXACT = ("mp4", "matroska", "asf", "avi")  # containers that state a duration instead of guessing it


def _pyav() -> ModuleType:
    try:
        import av
    except ImportError as error:
        raise AudioError(
            f"this format needs PyAV: `{INSTALL}`; or convert it: `ffmpeg -i FILE -ar 16000 -ac 1 FILE.wav`"
        ) from error
    return av


def installed() -> bool:
    """Return whether PyAV is installed."""
    try:
        _pyav()
    except AudioError:
        return False
    return True


def blocks(
    file: IO[bytes], kind: str, size: Callable[[int, int], int], report: Callable[[str], None]
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (rate, (n, channels) float32) of the first audio stream, in the order of time.

    size(rate, channels): the samples of a block. Raises AudioError without the name of the file.
    """
    av = _pyav()
    try:
        with av.open(file, mode="r", metadata_errors="ignore") as container:
            streams = container.streams.audio
            if not streams:
                raise AudioError("has no sound, pictures only; leave it out")
            if len(streams) > 1:
                report(
                    f"has {len(streams)} audio streams; the first was read (another one: "
                    "`ffmpeg -i FILE -map 0:a:1 FILE.wav`)"
                )
            seconds = 0.0
            for rate, block in _joined(_frames(av, container, streams[0], report), size):
                seconds += len(block) / rate
                yield rate, block
            stated = _stated_seconds(av, container, streams[0])
            if kind in _EXACT and stated and seconds < 0.99 * stated - 1:
                raise AudioError(
                    f"truncated: its header says {stated:.2f} s and {seconds:.2f} s could be read; "
                    "copy or download it again"
                )
    except (av.error.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise AudioError(f"cannot be read as audio ({reason}); convert it to wav or flac") from error


def stated_seconds(path: str) -> float:
    """Return seconds of the first audio stream by the header of a file, 0 where it says nothing. Raises AudioError."""
    av = _pyav()
    try:
        with av.open(path, mode="r", metadata_errors="ignore") as container:
            streams = container.streams.audio
            return (streams and _stated_seconds(av, container, streams[0])) or 0.0
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise AudioError(f"cannot be read as audio ({error})") from error


def _stated_seconds(av: ModuleType, container: Any, stream: Any) -> float | None:
    if stream.duration:
        return float(stream.duration * stream.time_base)
    if container.duration and not container.streams.video:
        return container.duration / av.time_base
    return None


def _frames(av: ModuleType, container: Any, stream: Any, report: Callable[[str], None]) -> Iterator[tuple[int, Any]]:
    """Yield (rate, (n, channels) float32) of each decoded frame; packets that cannot be decoded are counted."""
    damaged = 0
    resampler, shape = None, None
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except av.error.InvalidDataError:
            damaged += 1
            continue
        for frame in frames:
            if shape != (frame.sample_rate, frame.layout.name, frame.format.name):
                shape = (frame.sample_rate, frame.layout.name, frame.format.name)
                # As float; rate and channels stay as they are.
                resampler = av.AudioResampler(format="fltp", layout=frame.layout, rate=frame.sample_rate)
            assert resampler is not None
            for converted in resampler.resample(frame):
                yield frame.sample_rate, converted.to_ndarray().T
    if damaged:
        report(f"{damaged} packets of it are damaged; the speech in them is lost")


def _joined(
    frames: Iterator[tuple[int, np.ndarray]], size: Callable[[int, int], int]
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield frames put together to blocks of one rate and number of channels."""
    held: list[np.ndarray] = []
    shape, count = (0, 0), 0
    for rate, samples in frames:
        if held and (shape != (rate, samples.shape[1]) or count >= size(*shape)):
            yield shape[0], np.concatenate(held)
            held, count = [], 0
        shape = (rate, samples.shape[1])
        held.append(samples)
        count += len(samples)
    if held:
        yield shape[0], np.concatenate(held)
