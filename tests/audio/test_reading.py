"""Reading audio of every kind, and a useful message for every kind of bad file."""

import io
import os

import numpy as np
import pytest
import soundfile

from ramospeech.audio import SAMPLE_RATE, duration, load
from ramospeech.errors import AudioError


def tone(seconds: float, rate: int = SAMPLE_RATE, hertz: float = 440.0) -> np.ndarray:
    """A sine of amplitude 0.5, (n,) float32."""
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000])
def test_any_rate_comes_out_at_16_khz(tmp_path, rate):
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(1.0, rate), rate)
    waveform = load(path)
    assert waveform.dtype == np.float32
    assert abs(len(waveform) - SAMPLE_RATE) <= 1
    inside = slice(2000, 14000)
    np.testing.assert_allclose(waveform[inside], tone(1.0)[inside], atol=2e-3)
    assert duration(path) == pytest.approx(1.0)


def test_resampling_is_the_same_in_blocks(tmp_path, rng):
    import soxr

    noise = rng.uniform(-0.5, 0.5, 8000 * 65).astype(np.float32)  # three blocks of reading
    soundfile.write(tmp_path / "a.wav", noise, 8000, subtype="FLOAT")
    np.testing.assert_allclose(load(tmp_path / "a.wav"), soxr.resample(noise, 8000, 16000), atol=1e-6)


@pytest.mark.parametrize(
    ("subtype", "tolerance"),
    [("PCM_U8", 1 / 100), ("PCM_16", 1e-4), ("PCM_24", 1e-6), ("PCM_32", 1e-6), ("FLOAT", 0), ("DOUBLE", 0)],
)
def test_any_width(tmp_path, subtype, tolerance):
    soundfile.write(tmp_path / "a.wav", tone(0.3), SAMPLE_RATE, subtype=subtype)
    np.testing.assert_allclose(load(tmp_path / "a.wav"), tone(0.3), atol=tolerance)


@pytest.mark.parametrize("kind", ["flac", "aiff", "au", "caf", "ogg", "opus", "mp3"])
def test_any_format_from_path_and_from_bytes(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    form = {"format": "OGG", "subtype": "OPUS"} if kind == "opus" else {}
    soundfile.write(path, tone(1.0), SAMPLE_RATE, **form)
    waveform = load(path)
    assert len(waveform) == SAMPLE_RATE
    assert np.corrcoef(waveform, tone(1.0))[0, 1] > 0.99
    np.testing.assert_array_equal(load(path.read_bytes()), waveform)


def test_stereo_at_48_khz_is_averaged(tmp_path):
    channels = np.stack([tone(1.0, 48000), np.zeros(48000, np.float32)], axis=1)
    soundfile.write(tmp_path / "a.wav", channels, 48000)
    waveform = load(tmp_path / "a.wav")
    assert len(waveform) == SAMPLE_RATE
    assert np.abs(waveform).max() == pytest.approx(0.25, abs=0.01)


def test_a_very_short_clip_is_read(tmp_path):
    soundfile.write(tmp_path / "a.wav", tone(0.02, 8000), 8000)
    assert load(tmp_path / "a.wav").shape == (320,)


def test_overshoot_is_clipped(tmp_path):
    soundfile.write(tmp_path / "a.wav", 3 * tone(0.1), SAMPLE_RATE, subtype="FLOAT")
    assert np.abs(load(tmp_path / "a.wav")).max() == 1.0


def test_a_size_unknown_to_a_pipe_is_not_a_truncation(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(0.5), SAMPLE_RATE)
    whole = bytearray(path.read_bytes())
    whole[4:8] = whole[40:44] = b"\xff\xff\xff\xff"
    assert len(load(bytes(whole))) == SAMPLE_RATE // 2


def test_real_recordings(shared):
    for path in sorted((shared / "audio" / "samples").glob("*.wav")):
        waveform = load(path)
        assert len(waveform) == round(duration(path) * SAMPLE_RATE)
        assert 0.01 < np.abs(waveform).max() <= 1.0


def whole_wav() -> bytes:
    file = io.BytesIO()
    soundfile.write(file, tone(0.5), SAMPLE_RATE, format="WAV")
    return file.getvalue()


def float_wav(*samples: float) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.array(samples, np.float32), SAMPLE_RATE, format="WAV", subtype="FLOAT")
    return file.getvalue()


def half_of(kind: str, **form: str) -> bytes:
    file = io.BytesIO()
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, 10 * SAMPLE_RATE)
    soundfile.write(file, noise, SAMPLE_RATE, format=kind, **form)
    return file.getvalue()[: len(file.getvalue()) // 2]


BAD = {
    "empty": (b"", "empty"),
    "noise": (np.random.default_rng(1).bytes(5000), "cannot be read as audio"),
    "text": ("今天天气很好".encode() * 20, "cannot be read as audio"),
    "header cut": (whole_wav()[:20], "cannot be read as audio"),
    "header only": (whole_wav()[:44], "16000 bytes of samples and 0 are there"),
    "half": (whole_wav()[:8044], "16000 bytes of samples and 8000 are there"),
    "no samples": (float_wav(), "no samples"),
    "nan": (float_wav(0.0, np.nan), "NaN or infinite"),
    "infinite": (float_wav(0.0, -np.inf), "NaN or infinite"),
    "integers": (float_wav(0.0, 12000.0), "divide them by 32768"),
    "half flac": (half_of("FLAC"), "truncated"),
    "half vorbis": (half_of("OGG"), "truncated"),
    "half opus": (half_of("OGG", subtype="OPUS"), "truncated"),
    "half mp3": (half_of("MP3"), "truncated"),
    "half aiff": (half_of("AIFF"), "truncated"),
}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_named_with_its_reason(tmp_path, kind):
    content, reason = BAD[kind]
    path = tmp_path / "bad.wav"
    path.write_bytes(content)
    with pytest.raises(AudioError, match=reason) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")
    with pytest.raises(AudioError):
        load(content)


def test_missing_and_folder(tmp_path):
    with pytest.raises(AudioError, match="no such file"):
        load(tmp_path / "none.wav")
    with pytest.raises(AudioError, match="is a folder"):
        load(tmp_path)
    with pytest.raises(AudioError):
        load("x" * 5000)


def test_duration_refuses_a_truncated_header(tmp_path):
    path = tmp_path / "bad.wav"
    path.write_bytes(whole_wav()[:8044])
    with pytest.raises(AudioError, match="truncated"):
        duration(path)


def test_files_are_closed(tmp_path):
    path = tmp_path / "bad.wav"
    path.write_bytes(float_wav(0.0, np.nan))
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        with pytest.raises(AudioError):
            load(path)
    assert len(os.listdir("/proc/self/fd")) <= before + 1
