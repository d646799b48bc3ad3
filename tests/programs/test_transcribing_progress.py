"""The bar of a transcription, and its last line."""

import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ramospeech.programs import progress
from ramospeech.programs.progress import Progress


@pytest.fixture
def recordings(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{number}.wav" for number in range(5)]
    for path in paths:
        soundfile.write(path, np.zeros(16000 * 2), 16000)
    return paths


def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)


def test_the_bar_says_what_is_left(recordings, monkeypatch, capsys):
    at_a_terminal(monkeypatch)
    clock = iter([0.0, 0.0, *[1.0] * 100])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    with Progress(5) as bar:
        bar.expect(recordings)
        assert bar._bar.total == pytest.approx(10.0)
        bar.recording()
        bar.audio(4.0)
        bar._bar.refresh()
        bar.say("note: above it")
        assert bar.speed() == "4.0 s of audio in 1.0 s (4.0 times real time, real-time factor 0.250)"
    shown = capsys.readouterr().err
    assert (
        " 40%|" in shown and " left, 1 of 5 recordings, real-time factor 0.250" in shown and "note: above it\n" in shown
    )


def test_headers_that_say_too_little_or_nothing(recordings, monkeypatch, capsys):
    at_a_terminal(monkeypatch)
    recordings[0].write_bytes(b"not audio")
    with Progress(6) as bar:
        bar.expect([*recordings, Path("missing.wav")])
        assert bar._bar.total == pytest.approx(8.0)
        for _ in range(5):
            bar.audio(2.0)
        assert bar._bar.total == pytest.approx(10.0) == bar._bar.n
        bar.expect([])


def test_of_many_recordings_some_are_asked(recordings, monkeypatch, capsys):
    at_a_terminal(monkeypatch)
    asked = []
    monkeypatch.setattr(progress, "stated_seconds", lambda source: asked.append(source) or 3.0)
    with Progress(10_001) as bar:
        bar.expect([recordings[0]] * 10_001)
        assert bar._bar.total == pytest.approx(30_003) and 100 < len(asked) <= 200


def test_without_a_terminal_no_header_is_read(recordings, monkeypatch, capsys):
    monkeypatch.setattr(progress, "stated_seconds", lambda source: pytest.fail("must not be read"))
    with Progress(5) as bar:
        bar.expect(recordings)
        bar.audio(1.0)
        bar.recording()
    assert capsys.readouterr().err == ""
    assert Progress(1).speed().startswith("0.0 s of audio in ")
