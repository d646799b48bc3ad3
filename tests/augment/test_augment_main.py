"""python -m ramospeech.augment: files, folders, pictures, complaints."""

import numpy as np
import pytest
import soundfile
from speech import SYLLABLES, say

from ramospeech import audio
from ramospeech.augment import EFFECTS
from ramospeech.augment import __main__ as program
from ramospeech.augment.__main__ import main


@pytest.fixture
def folder(tmp_path, rng):
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for name in ("a.wav", "a.ogg", "deep/b.flac"):
        soundfile.write(tmp_path / "in" / name, say(SYLLABLES[:2], rng), 16_000)
    return tmp_path / "in"


def run(*words):
    return main([str(word) for word in words])


def test_a_recording_and_its_picture(folder, tmp_path):
    target = tmp_path / "out" / "b.flac"
    assert run(folder / "a.wav", target, "--effect", "silence", "telephone") == 0
    before, after = audio.load(folder / "a.wav"), audio.load(target)
    assert 0.2 <= (len(after) - len(before)) / 16_000 <= 2.0
    assert (tmp_path / "out" / "b.png").read_bytes().startswith(b"\x89PNG")
    assert sorted(path.name for path in target.parent.iterdir()) == ["b.flac", "b.png"]


def test_a_folder_is_mirrored_and_the_seed_repeats_it(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(program, "picture", lambda *_: b"")  # they take most of the time
    outputs = []
    for name, seed in (("x", 1), ("y", 1), ("z", 2)):
        assert run(folder, tmp_path / name, "--effect", "white", "babble", "--seed", seed) == 0
        files = ["a.ogg.wav", "a.wav", "deep/b.flac.wav"]
        outputs.append([audio.load(tmp_path / name / file) for file in files])
    assert (tmp_path / "x" / "a.ogg.png").exists() and (tmp_path / "x" / "deep" / "b.flac.png").exists()
    assert all(np.array_equal(a, b) for a, b in zip(*outputs[:2], strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(*outputs[1:], strict=True))


def test_as_in_training(folder, tmp_path, capsys):
    assert run(folder / "a.wav", tmp_path / "o.wav", "--noise", folder, "--seed", 4) == 0
    drawn = set(capsys.readouterr().err.strip().rpartition(": ")[2].split(", "))
    assert drawn and drawn <= set(EFFECTS) - {"babble"}
    changed = audio.load(tmp_path / "o.wav")[:4_000], audio.load(folder / "a.wav")[:4_000]
    assert not np.array_equal(*changed)


@pytest.mark.parametrize(
    ("source", "target", "more", "status", "complaint"),
    [
        ("none.wav", "o.wav", [], 1, "no such file"),
        ("a.wav", "o.txt", [], 2, "o.txt"),
        ("a.wav", "in/a.wav", [], 2, "IN itself"),
        ("a.wav", "o.wav", ["--effect", "echo"], 2, "unknown effect 'echo'"),
        ("a.wav", "o.wav", ["--effect", "babble"], 2, "a folder"),
        ("a.wav", "o.wav", ["--effect", "noise"], 2, "--noise"),
        ("a.wav", "o.wav", ["--noise", "nowhere"], 2, "nowhere"),
        ("", "in/sub", [], 2, "outside IN"),
        ("empty", "o", [], 2, "no recording"),
    ],
)
def test_complaints(folder, tmp_path, capsys, source, target, more, status, complaint):
    (folder / "empty").mkdir()
    assert run(folder / source, tmp_path / target, *more) == status
    assert complaint in capsys.readouterr().err


def test_one_bad_recording_does_not_stop_the_others(folder, tmp_path, capsys):
    (folder / "a.ogg").write_bytes(b"no audio")
    assert run(folder, tmp_path / "out", "--effect", "volume") == 1
    assert "a.ogg" in capsys.readouterr().err
    assert (tmp_path / "out" / "deep" / "b.flac.wav").exists()
