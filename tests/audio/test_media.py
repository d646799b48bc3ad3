"""Formats that PyAV reads: m4a, mp4, webm and the like, joined ones and those with several streams."""

import io
import sys

import numpy as np
import pytest

from ramospeech.audio import SAMPLE_RATE, duration, load
from ramospeech.errors import AudioError

KINDS = {
    "mp4": ("aac", 44100),
    "mov": ("pcm_s16le", 16000),
    "matroska": ("pcm_s16le", 16000),
    "webm": ("libopus", 48000),
    "asf": ("wmav2", 44100),
    "adts": ("aac", 16000),
    "avi": ("pcm_s16le", 16000),
    "mpegts": ("aac", 48000),
    "flv": ("aac", 44100),
}


def tone(seconds: float, rate: int, hertz: float = 440.0) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def encoded(kind: str, *tones: float, seconds: float = 2.0) -> bytes:
    """A file with one stream for each tone of so many Hz."""
    av = pytest.importorskip("av")
    codec, rate = KINDS[kind]
    file = io.BytesIO()
    with av.open(file, "w", format=kind) as container:
        streams = [container.add_stream(codec, rate=rate, layout="mono", bit_rate=64000) for _ in tones]
        for stream, hertz in zip(streams, tones, strict=True):
            samples = (tone(seconds, rate, hertz) * 32767).astype(np.int16)
            frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
            frame.sample_rate = rate
            resampler = av.AudioResampler(format=stream.format, layout="mono", rate=rate)
            fifo = av.AudioFifo()
            for part in resampler.resample(frame):
                fifo.write(part)
            size = stream.codec_context.frame_size or 1024
            while (part := fifo.read(size, partial=False)) is not None:
                container.mux(stream.encode(part))
            if (part := fifo.read(0, partial=True)) is not None:
                container.mux(stream.encode(part))
            container.mux(stream.encode(None))
    return file.getvalue()


def pitch(waveform: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(waveform * np.hanning(len(waveform))))
    return spectrum.argmax() * SAMPLE_RATE / len(waveform)


@pytest.mark.parametrize("kind", KINDS)
def test_formats_of_ffmpeg(tmp_path, kind):
    path = tmp_path / "a.bin"
    path.write_bytes(encoded(kind, 440.0))
    waveform = load(path)
    assert len(waveform) / SAMPLE_RATE == pytest.approx(2.0, abs=0.15)
    assert pitch(waveform) == pytest.approx(440.0, abs=3)
    assert duration(path) == pytest.approx(len(waveform) / SAMPLE_RATE, abs=0.01)
    np.testing.assert_array_equal(load(path.read_bytes()), waveform)


@pytest.mark.parametrize("kind", ["mp4", "mov", "matroska", "webm", "asf", "adts"])
def test_joined_files(kind):
    parts = [encoded(kind, 300.0), encoded(kind, 600.0, seconds=1.0)]
    waveform = load(b"".join(parts))
    assert len(waveform) == pytest.approx(sum(len(load(part)) for part in parts), abs=2100)
    assert pitch(waveform[: 2 * SAMPLE_RATE]) == pytest.approx(300, abs=3)
    assert pitch(waveform[-SAMPLE_RATE * 3 // 4 :]) == pytest.approx(600, abs=3)


@pytest.mark.parametrize("kind", ["mp4", "matroska"])
def test_of_several_streams_the_first_is_read_and_the_others_named(kind):
    notes: list[str] = []
    waveform = load(encoded(kind, 500.0, 900.0), notes.append)
    assert pitch(waveform) == pytest.approx(500, abs=3)
    assert len(notes) == 1 and "2 audio streams" in notes[0]


@pytest.mark.parametrize("kind", ["mp4", "matroska", "asf"])
def test_a_truncated_file_is_refused(kind):
    content = encoded(kind, 440.0, seconds=20.0)
    with pytest.raises(AudioError, match=r"truncated|cannot be read"):
        load(content[: len(content) // 2])


def test_without_pyav_the_message_says_how_to_get_it(tmp_path, monkeypatch):
    (tmp_path / "a.m4a").write_bytes(b"\0\0\0\x18ftypM4A " + bytes(12))
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(AudioError, match=r"a\.m4a: this format needs PyAV: `pip install av`"):
        load(tmp_path / "a.m4a")
