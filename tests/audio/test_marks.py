"""Paths with marks: pieces of recordings, samples without a header, members of a tar."""

import io
import tarfile

import numpy as np
import pytest
import soundfile

from ramospeech import audio
from ramospeech.audio.marks import split_mark
from ramospeech.corpora import Clip
from ramospeech.data import Loader
from ramospeech.errors import AudioError
from ramospeech.inputs import find_inputs
from ramospeech.text import Vocabulary


@pytest.fixture
def waveform(rng):
    """Ten seconds of quiet noise that has a tone in it, smooth enough for codecs."""
    time = np.arange(160_000) / 16_000
    return (0.3 * np.sin(2 * np.pi * (200 + 30 * time) * time) + rng.normal(0, 0.001, 160_000)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [("a.wav", 1e-4), ("a.flac", 1e-4), ("a.aiff", 1e-4), ("a.au", 1e-4), ("a.ogg", 1e-3), ("a.mp3", 1e-6)],
)
def test_a_piece_is_that_part_of_the_whole(name, tolerance, waveform, tmp_path):
    soundfile.write(tmp_path / name, waveform, 16_000)
    whole = audio.load(tmp_path / name)
    for start, end in ((0, 1.5), (3.25, 7.125), (9.5, 10)):
        path = audio.piece(tmp_path / name, start, end)
        part = audio.load(path)
        expected = whole[round(start * 16_000) : round(end * 16_000)]
        assert abs(len(part) - len(expected)) <= (0 if name != "a.mp3" else 1200)
        assert np.abs(part[: len(expected)] - expected[: len(part)]).max() <= tolerance
        assert audio.duration(path) == pytest.approx(len(part) / 16_000)
        assert audio.stated_seconds(path) == pytest.approx(end - start)


def test_a_piece_of_opus_begins_where_it_should(waveform, tmp_path):
    soundfile.write(tmp_path / "a.opus", waveform, 48_000, format="OGG", subtype="OPUS")  # 3.33 s
    whole, part = audio.load(tmp_path / "a.opus"), audio.load(audio.piece(tmp_path / "a.opus", 1.5, 2.5))
    expected = whole[24_000:40_000]
    assert len(part) == 16_000
    shifts = [np.dot(part[100:-100], expected[100 + n : 15_900 + n]) for n in range(-50, 51)]
    assert np.argmax(shifts) == 50  # no shift


def test_a_piece_at_another_rate_and_of_one_channel(waveform, tmp_path):
    both = np.stack([waveform, -0.5 * waveform], axis=1)
    soundfile.write(tmp_path / "s.wav", both, 8_000)
    part = audio.load(f"{tmp_path}/s.wav#1-3@2")
    assert len(part) == 32_000
    expected = audio.load((-0.5 * waveform[8_000:24_000], 8_000))
    assert np.abs(part - expected).max() < 1e-3
    with pytest.raises(AudioError, match="has no channel 3"):
        audio.load(f"{tmp_path}/s.wav#1-3@3")


@pytest.mark.parametrize("end", [10.02, 12])
def test_a_piece_may_end_behind_its_recording_by_rounding_only(end, waveform, tmp_path):
    for name in ("a.wav", "a.mp3"):
        soundfile.write(tmp_path / name, waveform, 16_000)
        path = audio.piece(tmp_path / name, 9, end)
        if end < 11:
            assert len(audio.load(path)) == pytest.approx(16_000, abs=1200)
        else:
            with pytest.raises(AudioError, match=r"a\.\w+#9-12: the recording ends at 10\..* s, before the piece"):
                audio.load(path)


def test_marks_that_are_none(waveform, tmp_path):
    for name in ("a#1-2", "a.tar#1+2", "b#2"):  # files that are called so
        soundfile.write(tmp_path / name, waveform, 16_000, format="WAV")
        assert split_mark(f"{tmp_path}/{name}") == (f"{tmp_path}/{name}", None)
        assert len(audio.load(tmp_path / name)) == 160_000
    for name in ("x.wav#2-1", "x.wav#1-1"):
        soundfile.write(tmp_path / "x.wav", waveform, 16_000)
        with pytest.raises(AudioError, match="holds nothing; correct the list"):
            audio.load(tmp_path / name)
    with pytest.raises(AudioError, match="no such file"):
        audio.load(tmp_path / "gone.wav#1-2")
    with pytest.raises(AudioError, match="no such file"):
        audio.load(tmp_path / "x.wav#one-two")
    for start, end in ((2, 1), (-1, 1), (0, float("inf"))):
        with pytest.raises(ValueError, match="nothing lies"):
            audio.piece("x.wav", start, end)


@pytest.mark.parametrize(
    ("mark", "order", "rate"), [("s16be", ">i2", 1), ("s16le", "<i2", 1), ("s16le@8000", "<i2", 2)]
)
def test_samples_without_a_header(mark, order, rate, waveform, tmp_path):
    (tmp_path / "a.raw").write_bytes((waveform * 32768).astype(order).tobytes())
    assert len(audio.load(tmp_path / f"a.raw#{mark}")) == 160_000 * rate
    assert audio.duration(tmp_path / f"a.raw#{mark}") == 10 * rate
    part = audio.load(tmp_path / f"a.raw#{mark}#2-3")
    difference = part - audio.load(tmp_path / f"a.raw#{mark}")[32_000:48_000]
    assert np.abs(difference[500:-500]).max() < 1e-3  # resampling knows of no neighbours at the ends of a piece
    (tmp_path / "odd.raw").write_bytes(b"abc")
    with pytest.raises(AudioError, match="3 bytes, where samples of 16 bits are expected"):
        audio.load(tmp_path / f"odd.raw#{mark}")


@pytest.fixture
def shard(waveform, tmp_path):
    """A tar of three wav files, and {name: offset, size} of them."""
    where = {}
    with tarfile.open(tmp_path / "s.tar", "w") as tar:
        for name in ("a.wav", "b.wav", "c.wav"):
            content = io.BytesIO()
            soundfile.write(content, waveform[: 16_000 * (1 + len(where))], 16_000, format="WAV")
            info = tarfile.TarInfo(name)
            info.size = len(content.getvalue())
            tar.addfile(info, io.BytesIO(content.getvalue()))
            where[name] = tar.offset - -(-info.size // 512) * 512, info.size
    return tmp_path / "s.tar", where


def test_members_of_a_tar(shard):
    tar, where = shard
    for seconds, (offset, size) in enumerate(where.values(), 1):
        assert len(audio.load(f"{tar}#{offset}+{size}")) == 16_000 * seconds
    offset, size = where["c.wav"]
    assert len(audio.load(f"{tar}#{offset}+{size}#0.5-2")) == 24_000
    assert audio.exists(f"{tar}#{offset}+{size}#0.5-2") and not audio.exists(f"{tar}x#{offset}+{size}")
    assert audio.file_of(f"{tar}#{offset}+{size}#0.5-2") == str(tar)


def test_a_member_that_is_not_there_is_refused(shard):
    tar, where = shard
    offset, size = where["b.wav"]
    for wrong in (f"{offset + 512}+{size}", f"{offset}+{size - 1}", f"0+{size}", f"{10**9}+5"):
        with pytest.raises(AudioError, match=r"s\.tar#\d+\+\d+: no file of \d+ bytes begins at byte"):
            audio.load(f"{tar}#{wrong}")
    tar.write_bytes(tar.read_bytes()[: offset + size - 700])
    with pytest.raises(AudioError, match="truncated: the shard ends 700 bytes before"):
        audio.load(f"{tar}#{offset}+{size}")


def test_readers_of_lists_take_pieces(waveform, tmp_path):
    soundfile.write(tmp_path / "a.wav", waveform, 16_000)
    (tmp_path / "l.txt").write_text("a.wav#1-2.5\tni3\t你\na.wav\tni3\t你\nb.wav#1-2\tni3\t你\n", encoding="utf-8")
    found = find_inputs([str(tmp_path / "l.txt")], tmp_path).recordings
    assert found[0] == ("a.wav#1-2.5", tmp_path / "a.wav#1-2.5")
    clips = [Clip("a.wav#1-2.5", ("ni3",), "你", 1.5), Clip("b.wav#0-1", ("ni3",), "你", 1.0)]
    (batch,) = Loader(clips, tmp_path, Vocabulary.inventory(), 8)([[0, 1]])
    assert batch.lengths.tolist() == [24_000]
    (message,) = batch.unreadable
    assert "b.wav#0-1: no such file" in message
