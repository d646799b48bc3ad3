"""Where live audio comes from: a microphone, or a file at the pace of its time."""

import time
from collections.abc import Callable, Iterator
from queue import Empty, Full, Queue
from typing import Any

import numpy as np

from ramospeech.audio import Source
from ramospeech.audio.framing import SAMPLE_RATE
from ramospeech.audio.reading import blocks
from ramospeech.errors import MissingPackageError, UsageError, extra
from ramospeech.live.pcm import Resampler

BLOCK_SECONDS = 0.1
WAITING_SECONDS = 60.0  # of a microphone that may wait to be recognised; more is lost, and said to be


def paced(source: Source, pace: float, report: Callable[[str], None]) -> Iterator[np.ndarray]:
    """Yield a recording as if it were spoken now: each time (n,) float32 at 16 kHz, all that has come in by then.

    pace: times as fast as it was spoken; 0 does not wait. Raises AudioError as `audio.reading.blocks` does.
    """
    size = round(BLOCK_SECONDS * SAMPLE_RATE)
    begin, due = time.monotonic(), 0
    for block in blocks(source, report):
        first = 0
        while first < len(block):
            if pace:
                wait = begin + (due + size) / (pace * SAMPLE_RATE) - time.monotonic()
                time.sleep(max(0.0, wait))
                there = round((time.monotonic() - begin) * pace * SAMPLE_RATE) - due
            part = block[first : first + (max(size, there) if pace else size)]
            first, due = first + len(part), due + len(part)
            yield part


def microphone(device: int | str | None, report: Callable[[str], None]) -> Iterator[np.ndarray]:
    """Yield what a microphone records: each time (n,) float32 at 16 kHz, all that has come in.

    device: its number, or a part of its name; None is the default. Never ends. Raises MissingPackageError without
    sounddevice or PortAudio, and UsageError where there is no such microphone.
    """
    sounddevice = _sounddevice()
    waiting: Queue[np.ndarray] = Queue(round(WAITING_SECONDS / BLOCK_SECONDS))
    lost: Queue[str] = Queue()

    def record(block: np.ndarray, frames: int, _: object, status: Any) -> None:  # in a thread of PortAudio's
        if status.input_overflow:
            lost.put("the sound card lost audio: this computer is too busy")
        try:
            waiting.put_nowait(block[:, 0].copy())
        except Full:
            lost.put(f"{frames / rate:.1f} s of audio were lost: recognition is too slow; try --model fast")

    try:
        rate = float(sounddevice.query_devices(device, "input")["default_samplerate"])
        stream = sounddevice.InputStream(rate, round(BLOCK_SECONDS * rate), device, 1, "float32", callback=record)
    except (sounddevice.PortAudioError, ValueError) as error:
        names = [f"{n}: {each['name']}" for n, each in enumerate(_devices(sounddevice)) if each["max_input_channels"]]
        there = f"give one of {', '.join(names)}" if names else "connect one, or read a recording with --file"
        raise UsageError(f"no microphone {'' if device is None else device} ({error}); {there}") from error
    resample = Resampler(rate)
    with stream:
        while True:
            parts = [waiting.get()]
            while not waiting.empty():
                parts.append(waiting.get())
            while True:
                try:
                    report(lost.get_nowait())
                except Empty:
                    break
            yield resample(np.concatenate(parts))


def _sounddevice() -> Any:
    try:
        with extra("listen"):
            import sounddevice
    except OSError as error:  # the library below it, which only some of its wheels bring
        raise MissingPackageError(
            f"{error}; install it (Debian: apt install libportaudio2), or read a recording with --file"
        ) from error
    return sounddevice


def _devices(sounddevice: Any) -> Any:
    try:
        return sounddevice.query_devices()
    except sounddevice.PortAudioError:
        return []
