"""Files are read to their end: joined, chained, unfinished and wrongly headed ones; leftovers are named."""

import io
import os

import numpy as np
import pytest
import soundfile

from ramospeech.audio import SAMPLE_RATE, duration, load
from ramospeech.audio.bytesource import Bytes
from ramospeech.audio.mpeg import parse
from ramospeech.errors import AudioError

FORMS = {
    "wav": {},
    "wav24": {"format": "WAV", "subtype": "PCM_24"},
    "float": {"format": "WAV", "subtype": "FLOAT"},
    "wavex": {"format": "WAVEX"},
    "rf64": {},
    "w64": {},
    "aiff": {},
    "au": {},
    "flac": {},
    "vorbis": {"format": "OGG", "subtype": "VORBIS"},
    "opus": {"format": "OGG", "subtype": "OPUS"},
    "mp3": {},
}
PCM = ["wav", "wav24", "float", "wavex", "rf64", "w64", "aiff", "au"]


def speech_like(seconds: float, seed: int = 0, rate: int = SAMPLE_RATE) -> np.ndarray:
    """Noise below 1 kHz with a rising and falling level, (n,) float32."""
    noise = np.random.default_rng(seed).normal(size=round(seconds * rate) + 8)
    smooth = np.convolve(noise, np.ones(9) / 9, mode="valid")
    return (0.2 * smooth * (1.2 + np.sin(np.arange(len(smooth)) / 3000))).astype(np.float32)


def encoded(kind: str, waveform: np.ndarray, rate: int = SAMPLE_RATE) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, waveform, rate, **{"format": kind.upper(), **FORMS[kind]})
    return file.getvalue()


def read(tmp_path, content: bytes) -> tuple[np.ndarray, list[str]]:
    """What is read of a file, which is the same from its path, its bytes and a file object; and the notes about it."""
    path = tmp_path / "a.bin"
    path.write_bytes(content)
    notes: list[str] = []
    waveform = load(path, notes.append)
    np.testing.assert_array_equal(load(content, lambda note: None), waveform)
    with path.open("rb") as file:
        np.testing.assert_array_equal(load(file, lambda note: None), waveform)
    assert duration(path, lambda note: None) == pytest.approx(len(waveform) / SAMPLE_RATE, abs=1e-3)
    return waveform, [note.removeprefix(f"{path}: ") for note in notes]


@pytest.mark.parametrize("kind", FORMS)
def test_ordinary_files_are_read_as_libsndfile_reads_them(tmp_path, kind):
    content = encoded(kind, speech_like(1.5))
    waveform, notes = read(tmp_path, content)
    plain = soundfile.read(io.BytesIO(content), dtype="float32")[0]
    np.testing.assert_allclose(waveform, plain, atol=1e-7)  # libmpg123 rounds differently from call to call
    assert notes == []


@pytest.mark.parametrize("kind", FORMS)
@pytest.mark.parametrize("count", [2, 5])
def test_joined_files_are_read_one_after_the_other(tmp_path, kind, count):
    parts = [encoded(kind, speech_like(0.4 + 0.301 * seed, seed)) for seed in range(count)]
    waveform, notes = read(tmp_path, b"".join(parts))
    np.testing.assert_array_equal(waveform, np.concatenate([load(part) for part in parts]))
    assert notes == []


@pytest.mark.parametrize("first", ["wav", "aiff", "flac", "opus", "mp3", "w64"])
@pytest.mark.parametrize("second", ["wav", "au", "flac", "vorbis", "mp3"])
def test_formats_and_rates_may_change_where_files_are_joined(tmp_path, first, second):
    parts = [encoded(first, speech_like(0.5, 1)), encoded(second, speech_like(0.7, 2, 8000), 8000)]
    waveform, _ = read(tmp_path, b"".join(parts))
    np.testing.assert_array_equal(waveform, np.concatenate([load(part) for part in parts]))


@pytest.mark.parametrize("kind", ["wav", "opus", "mp3", "aiff"])  # libsndfile passes over what is behind flac
@pytest.mark.parametrize(
    ("garbage", "named"),
    [
        (b"\x01\x80" * 300 + b"~~", True),
        (np.random.default_rng(3).bytes(1000), True),
        ("今天天气很好".encode() * 30, True),
        (bytes(1000), False),
        (b"TAG" + b"title".ljust(125), False),
        (b"ID3\x03\0\0\0\0\0\x14" + bytes(20), False),
    ],
)
def test_bytes_behind_the_end_are_named_unless_they_are_tags_or_padding(tmp_path, kind, garbage, named):
    content = encoded(kind, speech_like(1.0))
    waveform, notes = read(tmp_path, content + garbage)
    np.testing.assert_array_equal(waveform, load(content))
    assert bool(notes) == named
    assert all(f"{len(garbage)} bytes" in note for note in notes)


def resized(kind: str, content: bytes, size: int) -> bytes:
    """The file with another number of bytes of samples in its header."""
    whole = bytearray(content)
    if kind == "rf64":
        at = content.index(b"ds64")
        whole[at + 8 : at + 24] = (size + 72).to_bytes(8, "little") + size.to_bytes(8, "little")
    elif kind == "w64":
        at = content.index(b"data\xf3\xac")
        whole[at + 16 : at + 24] = (size + 24 if size else 0).to_bytes(8, "little")
    elif kind == "aiff":
        at = content.index(b"COMM")
        whole[at + 10 : at + 14] = (size // 2).to_bytes(4, "big")
        at = content.index(b"SSND")
        whole[at + 4 : at + 8] = (size + 8 if size else 0).to_bytes(4, "big")
    elif kind == "au":
        whole[8:12] = size.to_bytes(4, "big")
    else:
        at = content.index(b"data", 12)
        whole[at + 4 : at + 8] = size.to_bytes(4, "little")
    return bytes(whole)


@pytest.mark.parametrize("kind", PCM)
@pytest.mark.parametrize("stated", ["zero", "earlier"])
def test_headers_that_were_not_finished(tmp_path, kind, stated):
    """A recorder that was killed leaves a size of zero, or the size when it last wrote the header."""
    content = encoded(kind, speech_like(2.0))
    waveform, notes = read(tmp_path, resized(kind, content, 0 if stated == "zero" else 9600))
    whole = load(content)
    assert 0 <= len(waveform) - len(whole) < 20  # chunks behind the samples, where a file has some
    np.testing.assert_array_equal(waveform[: len(whole)], whole)
    assert len(notes) == 1 and "read too" in notes[0]


@pytest.mark.parametrize("size", [1 << 30, (1 << 30) - 36, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 31, 1 << 28])
def test_placeholders_of_sizes(tmp_path, size):
    content = encoded("wav", speech_like(1.0))
    waveform, notes = read(tmp_path, resized("wav", content, size))
    np.testing.assert_array_equal(waveform, load(content))
    assert all("not finished" in note for note in notes)
    with pytest.raises(AudioError, match=r"truncated: .* 40000 bytes .* 32000 are there.*ffmpeg"):
        load(resized("wav", content, 40000))


@pytest.mark.parametrize("kind", ["wav", "flac", "mp3", "opus"])
def test_unfinished_before_joined(tmp_path, kind):
    parts = [encoded("wav", speech_like(0.5, 1)), encoded(kind, speech_like(0.5, 2))]
    content = b"".join(parts)
    waveform, _ = read(tmp_path, resized("wav", content, 0) if kind in ("wav", "flac", "opus") else content)
    np.testing.assert_array_equal(waveform, np.concatenate([load(part) for part in parts]))


@pytest.mark.parametrize("total", [0, 1, 7000])
@pytest.mark.parametrize("channels", [1, 2])
def test_flac_headers_that_are_wrong(tmp_path, total, channels):
    content = encoded("flac", np.stack([speech_like(1.3, seed) for seed in range(channels)], axis=1))
    fields = int.from_bytes(content[18:26], "big") >> 36 << 36 | total
    waveform, notes = read(tmp_path, content[:18] + fields.to_bytes(8, "big") + content[26:])
    np.testing.assert_array_equal(waveform, load(content))
    assert bool(notes) == bool(total)
    fields |= (1 << 36) - 1
    with pytest.raises(AudioError, match="truncated"):
        load(content[:18] + fields.to_bytes(8, "big") + content[26:])


def without_information(mp3: bytes) -> bytes:
    """An mp3 without the frame that says how long it is, as some recorders write it."""
    frame = parse(int.from_bytes(mp3[:4], "big"))
    assert (frame is not None and b"Xing" in mp3[: frame.size]) or b"Info" in mp3[: frame.size]
    return mp3[frame.size :]


@pytest.mark.parametrize("rate", [16000, 44100])
@pytest.mark.parametrize("loud_first", [True, False])
def test_mp3_of_variable_rate_without_a_header(tmp_path, rate, loud_first):
    """The decoder guesses the length from the first frames."""
    parts = [speech_like(1.0, 1, rate), 0.001 * speech_like(6.0, 2, rate), speech_like(2.0, 3, rate)]
    waveform = np.concatenate(parts if loud_first else parts[1:])
    file = io.BytesIO()
    soundfile.write(file, waveform, rate, format="MP3", bitrate_mode="VARIABLE", compression_level=0.5)
    found, _ = read(tmp_path, without_information(file.getvalue()))
    assert len(found) / SAMPLE_RATE == pytest.approx(len(waveform) / rate, abs=0.15)
    assert np.abs(found[-SAMPLE_RATE:]).mean() > 0.03


@pytest.mark.parametrize("gap", [b"ID3\x04\0\0\0\0\0\x0a" + bytes(10), b"TAG" + bytes(125), b"", b"\0" * 500])
@pytest.mark.parametrize("headers", [True, False])
def test_tags_in_the_middle_of_an_mp3(tmp_path, gap, headers):
    parts = [encoded("mp3", speech_like(seconds)) for seconds in (1.0, 2.5)]
    if not headers:
        parts = [without_information(part) for part in parts]
    waveform, notes = read(tmp_path, gap.join(parts))
    assert len(waveform) / SAMPLE_RATE == pytest.approx(3.5, abs=0 if headers else 0.25)
    assert notes == [] or not headers


def test_damage_in_the_middle_of_an_mp3_is_named(tmp_path):
    content = encoded("mp3", speech_like(5.0))
    half = len(content) // 2
    waveform, notes = read(tmp_path, content[:half] + b"\x55" * 400 + content[half:])
    assert len(waveform) == pytest.approx(5 * SAMPLE_RATE, abs=2500)
    assert any("damaged" in note for note in notes)


def test_a_lost_page_is_named(tmp_path):
    content = encoded("opus", speech_like(8.0))
    pages = [at for at in range(len(content)) if content.startswith(b"OggS", at)]
    at, after = pages[4], pages[5]
    _, notes = read_loosely(content[:at] + content[after:])
    assert any("pages are missing" in note for note in notes)


def read_loosely(content: bytes) -> tuple[np.ndarray, list[str]]:
    notes: list[str] = []
    return load(content, notes.append), notes


@pytest.mark.parametrize("factor", [-1.0, -0.95])
@pytest.mark.parametrize("kind", ["wav", "flac"])
def test_channels_that_cancel_each_other_are_not_silence(tmp_path, factor, kind):
    voice = speech_like(2.5)
    waveform, notes = read(tmp_path, encoded(kind, np.stack([voice, factor * voice], axis=1)))
    assert np.corrcoef(waveform, voice)[0, 1] > 0.999
    assert len(notes) == 1 and "cancel" in notes[0]
    for ordinary in ([voice, voice], [voice, 0 * voice], [voice, speech_like(2.5, 9)], [0 * voice, 0 * voice]):
        waveform, notes = read(tmp_path, encoded(kind, np.stack(ordinary, axis=1)))
        np.testing.assert_allclose(waveform, np.mean(ordinary, axis=0), atol=1e-4)
        assert notes == []


def test_a_path_that_is_not_a_file_is_refused_by_name(tmp_path):
    for source, reason in (("https://example.org/a.wav", "URL"), ("sox a.wav -t wav - |", "command")):
        with pytest.raises(AudioError, match=reason) as caught:
            load(source)
        assert str(caught.value).startswith(source)
    os.mkfifo(tmp_path / "a.wav")
    with pytest.raises(AudioError, match="not a regular file"):
        load(tmp_path / "a.wav")


def test_a_pipe_is_read_as_a_file_object():
    content = encoded("wav", speech_like(0.5))
    receiving, sending = os.pipe()
    with os.fdopen(sending, "wb") as pipe:
        pipe.write(content)
    with os.fdopen(receiving, "rb") as pipe:
        np.testing.assert_array_equal(load(pipe), load(content))


def test_huge_sizes_need_no_memory(tmp_path):
    """Rate, channels and sizes of a header are not believed in advance."""
    content = bytearray(encoded("wav", speech_like(0.1)))
    content[24:28] = (0x7FFFFFFF).to_bytes(4, "little")
    with pytest.raises(AudioError, match="sampling rate of 2147483647 Hz"):
        load(bytes(content))
    path = tmp_path / "sparse.wav"
    path.write_bytes(encoded("wav", speech_like(0.5)))
    with path.open("r+b") as file:
        file.truncate(1 << 33)
    assert len(load(path)) == SAMPLE_RATE // 2
    assert Bytes(io.BytesIO(b"abc")).read(1, 5) == b"bc"
