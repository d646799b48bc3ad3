"""ramospeech pseudo-label: which recordings become a list, and what is reported of the others."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ramospeech.corpora import read_list
from ramospeech.programs import pseudo_label
from ramospeech.transcript import Token, Transcript

SURE = Transcript(
    "a", "你好", ("ni3", "hao3"), (Token("ni3", "你", 0.1, 0.3, 0.99), Token("hao3", "好", 0.3, 0.5, 0.95)), 2.0
)
UNSURE = replace(SURE, tokens=(replace(SURE.tokens[0], confidence=0.5), SURE.tokens[1]))


@pytest.mark.parametrize(
    ("transcript", "reason"),
    [
        (SURE, None),
        (UNSURE, "not confident"),
        (replace(SURE, tokens=(replace(SURE.tokens[0], confidence=None),)), "not confident"),
        (replace(SURE, seconds=20.5), "too long"),
        (replace(SURE, no_speech=((0.5, 1.0),)), "parts taken as noise or music"),
        (Transcript("a", seconds=2.0), "no speech found"),
        (Transcript("a", error="a.wav: empty"), "cannot be read"),
    ],
)
def test_what_is_left_out(transcript: Transcript, reason: str | None) -> None:
    assert pseudo_label.reason_against(transcript, 0.9, 20.0) == reason


class Transcriber:
    """Recognises by the name of the file."""

    @classmethod
    def from_pretrained(cls, *_: object, **__: object) -> "Transcriber":
        return cls()

    def transcribe_batch(self, paths: Iterable[Path], **_: object) -> Iterator[Transcript]:
        for path in paths:
            known = {"sure": SURE, "unsure": UNSURE}
            yield known.get(path.stem, Transcript("x", error=f"{path}: not audio\nat all"))


@pytest.fixture
def recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(pseudo_label, "Transcriber", Transcriber)
    folder = tmp_path / "data" / "mine"
    folder.mkdir(parents=True)
    for name in ("sure", "unsure", "broken"):
        soundfile.write(folder / f"{name}.wav", np.zeros(16_000), 16_000)
    return folder


def test_a_list_to_train_on(recordings: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "lists" / "pseudo_train.txt"
    given = [str(recordings), "--output", str(output), "--data_root", str(tmp_path / "data")]
    assert pseudo_label.main(given) == 0
    [utterance] = read_list(output)
    assert (utterance.path, utterance.pinyin, utterance.hanzi, utterance.seconds) == (
        "mine/sure.wav",
        ("ni3", "hao3"),
        "你好",
        2.0,
    )
    rows = [line.split("\t") for line in Path(f"{output}.left_out.tsv").read_text(encoding="utf-8").splitlines()]
    assert [row[:2] for row in rows[1:]] == [
        ["mine/broken.wav", "cannot be read"],
        ["mine/unsure.wav", "not confident"],
    ]
    assert rows[2][2:4] == ["0.725", "ni3 hao3"] and all(len(row) == 5 for row in rows)
    assert "1 of 3 recordings, 0.00 h; left out: 1 cannot be read, 1 not confident" in capsys.readouterr().err


def test_recordings_outside_the_data_root(recordings: Path, tmp_path: Path) -> None:
    output = tmp_path / "pseudo_train.txt"
    given = [str(recordings), "--output", str(output), "--data_root", str(tmp_path / "elsewhere")]
    assert pseudo_label.main([*given, "--min_confidence", "0.7"]) == 0
    assert [utterance.path for utterance in read_list(output)] == [
        str(recordings / "sure.wav"),
        str(recordings / "unsure.wav"),
    ]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["none.txt", "--output", "x_train.txt"], "none.txt"),
        (["a.wav"], "--output"),
        (["a.wav", "--output", "x", "--min_confidence", "2"], "--min_confidence: must be"),
    ],
)
def test_wrong_usage(given: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert pseudo_label.main(given) == 2
    assert message in capsys.readouterr().err
