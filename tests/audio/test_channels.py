"""Each channel of a recording by itself."""

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ramospeech.audio import SAMPLE_RATE, Channel, channels, duration, load, name_of, stated_seconds
from ramospeech.errors import AudioError


def sound(count: int, rng: np.random.Generator, seconds: float = 1.0, rate: int = SAMPLE_RATE) -> np.ndarray:
    """(n, count): a tone of its own in each channel."""
    time = np.arange(int(seconds * rate)) / rate
    tones = [0.2 * np.sin(2 * np.pi * 200 * (number + 1) * time) for number in range(count)]
    return (np.stack(tones, axis=1) + rng.normal(0, 1e-3, (len(time), count))).astype(np.float32)


@pytest.mark.parametrize("count", [2, 3, 6])
@pytest.mark.parametrize("kind", ["wav", "flac", "ogg"])
def test_each_channel_is_read_as_if_it_were_alone(tmp_path: Path, rng: np.random.Generator, count: int, kind: str):
    waveform = sound(count, rng)
    path = tmp_path / f"a.{kind}"
    soundfile.write(path, waveform, SAMPLE_RATE)
    found = channels(path)
    assert found == [Channel(path, number) for number in range(1, count + 1)]
    for number, channel in enumerate(found):
        assert name_of(channel) == f"{path}#{number + 1}"
        samples = load(channel)
        assert len(samples) == len(waveform) and duration(channel) == 1.0 == stated_seconds(channel)
        spectrum = np.abs(np.fft.rfft(samples))
        assert round(spectrum.argmax() / duration(channel)) == 200 * (number + 1)


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_of_bytes_file_objects_and_arrays(rng: np.random.Generator, rate: int):
    waveform = sound(2, rng, rate=rate)
    file = io.BytesIO()
    soundfile.write(file, waveform, rate, format="WAV", subtype="FLOAT")
    for source in (file, file.getvalue(), (waveform, rate)):
        left, right = map(load, channels(source))
        assert np.array_equal(left, load((waveform[:, 0], rate))) and np.array_equal(
            right, load((waveform[:, 1], rate))
        )


def test_one_channel_is_the_recording_itself(tmp_path: Path, rng: np.random.Generator):
    soundfile.write(tmp_path / "a.wav", sound(1, rng), SAMPLE_RATE)
    for source in (tmp_path / "a.wav", str(tmp_path / "a.wav"), (sound(1, rng)[:, 0], SAMPLE_RATE)):
        assert channels(source)[0] is source


def test_channels_that_are_not_there(tmp_path: Path, rng: np.random.Generator):
    soundfile.write(tmp_path / "a.wav", sound(2, rng), SAMPLE_RATE)
    for number in (0, 3):
        with pytest.raises(AudioError, match=rf"a\.wav#{number}: has no channel {number}, but 2"):
            load(Channel(tmp_path / "a.wav", number))
    (tmp_path / "b.wav").write_text("not audio")
    with pytest.raises(AudioError, match=r"b\.wav: cannot be read"):
        channels(tmp_path / "b.wav")
    with pytest.raises(AudioError, match=r"c\.wav: no such file"):
        channels(tmp_path / "c.wav")


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.mp3", "a.ogg"])
def test_stated_seconds(tmp_path: Path, rng: np.random.Generator, name: str):
    soundfile.write(tmp_path / name, sound(1, rng, 3.0), SAMPLE_RATE)
    assert stated_seconds(tmp_path / name) == pytest.approx(3.0, abs=0.1)
    (tmp_path / f"bad-{name}").write_bytes(b"not audio")
    for source in (tmp_path / f"bad-{name}", tmp_path / "missing.wav", tmp_path / "missing.m4a", b"RIFF", tmp_path):
        assert stated_seconds(source) == 0.0
