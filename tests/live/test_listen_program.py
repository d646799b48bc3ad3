"""`ramospeech listen`: files at their pace, a microphone that is there or not, and what a terminal shows."""

import io
import json
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ramospeech import audio
from ramospeech.errors import MissingPackageError, UsageError
from ramospeech.live import Update, sources
from ramospeech.live.screen import CLEARED, DIM, PLAIN, Screen, hidden_characters
from ramospeech.live.sources import microphone, paced
from ramospeech.pipeline import Transcriber
from ramospeech.programs import listen
from ramospeech.transcript import Token

ROOT = Path(__file__).resolve().parents[2]
CLIP = ROOT / "demo" / "audio" / "test" / "0001.ogg"
FILE = ["--file", str(CLIP), "--model", "fast", "--pace", "0"]


def test_a_file(capsys: pytest.CaptureFixture) -> None:
    assert listen.main(FILE) == 0
    assert capsys.readouterr().out == Transcriber.from_pretrained("fast").transcribe(CLIP).text + "\n"


def test_a_file_as_json(capsys: pytest.CaptureFixture) -> None:
    assert listen.main([*FILE, "--format", "json", "--translator", "none"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["type"] for each in found] == ["partial"] * (len(found) - 1) + ["final"]
    pinyin = Transcriber.from_pretrained("fast", translator=False).transcribe(CLIP).pinyin
    assert found[-1]["text"] == " ".join(pinyin) and found[-1]["syllables"][0]["hanzi"] == ""


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (["--file", "nowhere.wav"], "nowhere.wav"),
        ([*FILE, "--microphone", "1"], "not both"),
        ([*FILE, "--translator", "none", "--hotword", "北京"], "--translator none"),
        ([*FILE, "--pace", "-1"], "--pace"),
        ([*FILE, "--pause", "0.1"], "--pause"),
    ],
)
def test_wrong_usage_is_a_line(wrong: list[str], words: str, capsys: pytest.CaptureFixture) -> None:
    assert listen.main([*wrong, "--model", "fast"]) in (1, 2)
    errors = capsys.readouterr().err
    assert errors.startswith("error: ") and words in errors and errors.count("\n") == 1


def test_ctrl_c_gives_the_last_text(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    def stopped(*_: object) -> Iterator[np.ndarray]:
        yield audio.load(CLIP)
        raise KeyboardInterrupt

    monkeypatch.setattr(listen, "microphone", stopped)
    assert listen.main(["--model", "fast"]) == 0
    out, errors = capsys.readouterr()
    assert out == Transcriber.from_pretrained("fast").transcribe(CLIP).text + "\n" and errors == "stopped\n"


class Clock:
    """Time that passes only while one sleeps, or computes for `busy` seconds at a time."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.mark.parametrize("pace", [0.5, 1.0, 4.0])
@pytest.mark.parametrize("busy", [0.0, 0.35])
def test_a_file_comes_at_the_pace_of_its_time(pace: float, busy: float, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(sources, "time", clock)
    waveform = np.arange(50_000, dtype=np.float32) / 50_000
    found: list[np.ndarray] = []
    for block in paced((waveform, 16_000), pace, print):
        found.append(block)
        assert sum(map(len, found)) <= clock.now * pace * 16_000 + 1  # nothing before its time
        clock.now += busy
    np.testing.assert_array_equal(np.concatenate(found), waveform)
    assert clock.now <= 50_000 / 16_000 / pace + 0.1 / pace + 2 * busy + 1e-6  # and it keeps up


def test_a_file_without_waiting() -> None:
    assert sum(map(len, paced((np.zeros(16_000 * 600, np.float32), 16_000), 0.0, print))) == 16_000 * 600


class Sound(SimpleNamespace):
    """A stand-in for sounddevice: a microphone that records `blocks` (n, 1) as soon as it is opened."""

    class PortAudioError(Exception):
        pass

    def __init__(self, blocks: list[np.ndarray], rate: float = 16_000.0, overflow: bool = False):
        super().__init__(blocks=blocks, rate=rate, overflow=overflow, opened=[])

    def query_devices(self, device: object = None, kind: str | None = None) -> Any:
        every = [{"name": "Lautsprecher", "max_input_channels": 0}, {"name": "Mikrofon", "max_input_channels": 2}]
        if kind is None:
            return every if self.blocks else []
        if device not in (None, 1, "Mikrofon") or not self.blocks:
            raise self.PortAudioError("Error querying device -1")
        return {**every[1], "default_samplerate": self.rate}

    def InputStream(self, rate: float, size: int, device: object, channels: int, dtype: str, callback: Callable) -> Any:  # noqa: N802
        self.opened.append((rate, size, device, channels, dtype))

        class Opened:
            def __enter__(opened) -> None:  # noqa: N805
                for block in self.blocks:
                    callback(block, len(block), None, SimpleNamespace(input_overflow=self.overflow))

            def __exit__(opened, *_: object) -> None:  # noqa: N805
                self.opened.append("closed")

        return Opened()


def heard(sound: Sound, monkeypatch: pytest.MonkeyPatch, device: object = None) -> tuple[np.ndarray, list[str]]:
    monkeypatch.setitem(sys.modules, "sounddevice", sound)
    told: list[str] = []
    [block] = islice(microphone(device, told.append), 1)  # type: ignore[arg-type]
    return block, told


def test_a_microphone(monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> None:
    waveform = rng.uniform(-1, 1, (4800, 1)).astype(np.float32)
    sound = Sound([waveform[:1600], waveform[1600:]])
    block, told = heard(sound, monkeypatch)
    np.testing.assert_array_equal(block, waveform[:, 0])
    assert told == [] and sound.opened == [(16_000.0, 1600, None, 1, "float32"), "closed"]
    sound = Sound([np.zeros((4800, 1), np.float32)] * 10, 48_000.0, overflow=True)
    block, told = heard(sound, monkeypatch, 1)
    assert 14_000 < len(block) <= 16_000 and len(told) == 10 and "too busy" in told[0]


def test_a_microphone_that_nobody_reads_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    block, told = heard(Sound([np.zeros((1600, 1), np.float32)] * 700), monkeypatch)
    assert len(block) == 60 * 16_000 and len(told) == 100 and "0.1 s of audio were lost" in told[0]


@pytest.mark.parametrize(
    ("blocks", "device", "words"),
    [([], None, "--file"), ([np.zeros((1, 1), np.float32)], "Telefon", "1: Mikrofon")],
)
def test_no_such_microphone(blocks: list, device: str | None, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=f"no microphone.*{words}"):
        heard(Sound(blocks), monkeypatch, device)


def test_without_sounddevice(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    assert listen.main(["--model", "fast"]) == 2
    assert "pip install 'ramospeech[listen]'" in capsys.readouterr().err


def test_without_portaudio(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "sounddevice.py").write_text("raise OSError('PortAudio library not found')")
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingPackageError, match="libportaudio2"):
        next(microphone(None, print))


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def update(text: str, settled: int = 0, final: bool = False) -> Update:
    tokens = tuple(Token("x1", character, 0.0, 0.1) for character in text)
    return Update(0, 0.0, 1.0, tokens, len(text) if final else settled, final)


def test_a_terminal_shows_what_may_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "10")
    shown = []
    for each in (update("你好", 1), update("你好绿色的海", 5), update("你好", final=True), update("", final=True)):
        terminal = Terminal()
        Screen(terminal).show(each)
        shown.append(terminal.getvalue())
    assert shown == [
        f"{CLEARED}你{DIM}好{PLAIN}",
        f"{CLEARED}…色的{DIM}海{PLAIN}",
        f"{CLEARED}你好\n",
        CLEARED,
    ]


def test_a_file_gets_final_texts_only() -> None:
    file = io.StringIO()
    screen = Screen(file)
    for each in (update("你"), update("你好", final=True), update("", final=True)):
        screen.show(each)
    assert file.getvalue() == "你好\n"


def test_any_text_fits(rng: np.random.Generator) -> None:
    for columns in range(2, 12):
        text = "".join(rng.choice(list("ab打开"), 8))
        hidden = hidden_characters(text, columns)
        width = sum(2 if character > "z" else 1 for character in text[hidden:])
        assert width + 2 * (hidden > 0) <= columns
