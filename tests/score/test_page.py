"""The page: complete, without anything from the network, and harmless whatever the texts are."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
import soundfile

from ramospeech.errors import UsageError
from ramospeech.score import Breakdown, ErrorReport, Pair, write_page

HOSTILE = "<script>alert('&')</script>"
VOID = {"meta", "img", "br", "link", "input"}


class Page(HTMLParser):
    """Checks that tags nest; keeps the texts and the references to files."""

    def __init__(self, text):
        super().__init__()
        self.open, self.files, self.tags, self.text = [], [], [], ""
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.files += [value for name, value in attrs if name in ("src", "href") and not value.startswith("#")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.text += data


@pytest.fixture
def write(tmp_path):
    """Writes the page of some pairs and reads it."""

    def run(pairs, **options):
        report = ErrorReport(tuple(pairs), extra=(HOSTILE,))
        write_page(tmp_path / "out", Breakdown(report), {"References": HOSTILE}, **options)
        return Page((tmp_path / "out" / "index.html").read_text("utf-8"))

    return run


def pairs_of(*names):
    return [Pair(name, ("ni3", "hao3"), ("你", "好"), ("ni2",), ("你",)) for name in names]


def tone(path, samples=16_000):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.1 * np.sin(np.arange(samples) / 5), 16_000)


def test_numbers_and_files(write, tmp_path):
    shown = write([*pairs_of("a/S0001/x.wav"), Pair("b/S0002/y.wav", ("de",), (), ("de",))])
    text = " ".join(shown.text.split())
    assert "66.7 %" in text and "33.3 %" in text and "50.0 %" in text
    assert "2 errors of 3, 2 clips" in text
    for title in ("By tone", "By initial", "By final", "By clip length", "By speaker", "By corpus", "Worst clips"):
        assert title in text
    assert "audio" not in shown.tags
    pictures = [name for name in shown.files if name.endswith(".png")]
    assert set(pictures) == {"files/tone.png", "files/initial.png", "files/final.png"}
    for name in pictures:
        assert (tmp_path / "out" / name).read_bytes().startswith(b"\x89PNG")
    assert all(re.fullmatch(r"[\w./-]+", name) and not name.startswith(("/", "http")) for name in shown.files)


def test_one_speaker_and_one_corpus_have_no_table(write):
    text = write(pairs_of("a/x.wav", "a/y.wav")).text
    assert "By speaker" not in text and "By corpus" not in text
    assert "By clip length" in text


def test_all_text_is_escaped(write, tmp_path):
    pair = Pair(HOSTILE, ("ni3", HOSTILE), (HOSTILE,), (HOSTILE, "$x_$", "a"), ("你",), found=False)
    (tmp_path / "root").mkdir()
    shown = write([pair], data_root=tmp_path / "root")
    assert "script" not in shown.tags
    assert shown.text.count(HOSTILE) >= 6


def test_recordings_are_played_and_pictured(write, tmp_path):
    tone(tmp_path / "root" / "a" / "x.flac", samples=35 * 16_000)
    tone(tmp_path / "root" / "a" / "y.wav")
    shown = write(pairs_of("a/x.flac", "a/y.wav"), data_root=tmp_path / "root")
    assert {name for name in shown.files if "worst" in name} == {
        *(f"files/worst-01{end}" for end in (".flac", ".png", "-2.png")),
        *(f"files/worst-02{end}" for end in (".wav", ".png")),
    }
    for name, seconds in (("worst-01.flac", 35), ("worst-02.wav", 1)):
        info = soundfile.info(tmp_path / "out" / "files" / name)
        assert (info.duration, info.samplerate, info.subtype) == (seconds, 16_000, "PCM_16")


def test_of_a_very_long_recording_the_beginning_is_shown(write, tmp_path, monkeypatch):
    monkeypatch.setattr("ramospeech.score.clips.SHOWN_SECONDS", 60)
    monkeypatch.setattr("ramospeech.score.page.SHOWN_SECONDS", 60)
    tone(tmp_path / "root" / "x.flac", samples=95 * 16_000)
    shown = write(pairs_of("x.flac"), data_root=tmp_path / "root")
    assert "95.0 s, here the first 1 min" in " ".join(shown.text.split())
    assert [name for name in shown.files if name.endswith(".png") and "worst" in name] == [
        "files/worst-01.png", "files/worst-01-2.png"
    ]  # fmt: skip


def test_the_legend_tells_what_is_shown(write, tmp_path):
    tone(tmp_path / "root" / "x.wav")
    without = " ".join(write(pairs_of("x.wav")).text.split())
    assert "only the tone is wrong" in without and "insertion" in without and "one row per 10 seconds" not in without
    pictured = " ".join(write(pairs_of("x.wav"), data_root=tmp_path / "root").text.split())
    assert "one row per 10 seconds" in pictured and "the blank" not in pictured


def test_an_unreadable_recording_is_reported_and_stops_nothing(write, tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "noise.wav").write_bytes(b"no audio")
    tone(tmp_path / "root" / "short.wav", samples=300)
    tone(tmp_path / "root" / "good.wav")
    shown = write(pairs_of("none.wav", "noise.wav", "short.wav", "good.wav"), data_root=tmp_path / "root")
    assert "none.wav: no such file" in shown.text
    assert "noise.wav: cannot be read as audio" in shown.text
    assert "short.wav: too short for a picture: 300 samples" in shown.text
    assert {"files/worst-03.wav", "files/worst-04.wav", "files/worst-04.png"} <= set(shown.files)
    assert not {"files/worst-01.wav", "files/worst-02.wav", "files/worst-03.png"} & set(shown.files)


def test_the_posteriors_of_a_model(write, tmp_path):
    tone(tmp_path / "root" / "x.wav")
    tone(tmp_path / "root" / "y.wav", samples=800)
    heard = []

    def posterior_fn(waveform):
        heard.append(len(waveform))
        if len(waveform) < 1600:
            raise ValueError("the model needs at least 8 frames")
        return np.zeros((98, 80), np.float32), np.log(np.full((12, 3), 1 / 3)), ("<blank>", "ni3", "hao3")

    shown = write(pairs_of("x.wav", "y.wav"), data_root=tmp_path / "root", posterior_fn=posterior_fn)
    assert heard == [16_000, 800]
    assert "files/worst-01.png" in shown.files
    assert "y.wav: too short for a picture: the model needs at least 8 frames" in shown.text


def test_without_errors_and_without_clips_to_show(write):
    assert "No clip has an error" in write([Pair("a", ("ni3",), (), ("ni3",))]).text
    assert "None was asked for" in write(pairs_of("a"), worst=0).text
    assert write([Pair("a", ("ni3",), (), (), found=False)]).text
    assert write([Pair("a", (), (), ("ni3",))]).text, "empty reference"


def test_as_many_clips_as_asked_for(write):
    assert write(pairs_of(*"abcd"), worst=3).tags.count("article") == 3


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(UsageError, match="choose another --report"):
        write_page(tmp_path / "out", Breakdown(ErrorReport(tuple(pairs_of("a")))), {})
