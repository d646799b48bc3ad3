"""Recordings in folders: through links, whatever their extension, and what is left out is named."""

import io
import os

import numpy as np
import pytest
import soundfile

from ramospeech.audio import find_recordings
from ramospeech.errors import ListError
from ramospeech.files import walk


@pytest.fixture
def wav():
    file = io.BytesIO()
    soundfile.write(file, np.zeros(800), 16000, format="WAV")
    return file.getvalue()


def test_links_are_followed_and_loops_end(tmp_path):
    inside, outside = tmp_path / "in", tmp_path / "out"
    for path in (inside / "b" / "1.wav", outside / "2.wav", outside / "deep" / "3.mp3"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (inside / "a").symlink_to(outside)
    (inside / "again").symlink_to(inside / "b")
    (outside / "deep" / "loop").symlink_to(inside)
    (inside / "4.flac").symlink_to(outside / "2.wav")
    found = find_recordings(inside)
    names = [path.relative_to(inside).as_posix() for path in found.recordings]
    assert names == ["4.flac", "a/2.wav", "a/deep/3.mp3", "b/1.wav"]
    assert found.left_out == ()
    assert [note.split(": ")[0] for note in found.notes] == [f"{inside}/again", f"{inside}/a/deep/loop"]
    assert all("searched already" in note for note in found.notes)


@pytest.mark.parametrize("name", ["recording", "a.wav.bak", "20261129.173000", "a.dat"])
def test_content_tells_where_the_extension_does_not(tmp_path, wav, name):
    (tmp_path / name).write_bytes(wav)
    (tmp_path / "a.csv").write_bytes(wav)
    (tmp_path / "b.bin").write_bytes(b"no recording")
    assert [path.name for path in find_recordings(tmp_path).recordings] == [name]


def test_what_cannot_be_taken_is_named(tmp_path):
    (tmp_path / "a.pcm").write_bytes(bytes(100))
    (tmp_path / "b.wav").symlink_to(tmp_path / "gone.wav")
    os.mkfifo(tmp_path / "c.wav")
    (tmp_path / "d.wav").symlink_to(tmp_path / "d.wav")
    (tmp_path / "notes.txt").write_text("")
    found = find_recordings(tmp_path)
    assert found.recordings == ()
    reasons = dict(line.split(": ", 1) for line in found.left_out)
    assert {name.rsplit("/")[-1]: reason.split(";")[0] for name, reason in reasons.items()} == {
        "a.pcm": "samples without a header",
        "b.wav": "a broken link",
        "c.wav": "not a regular file",
        "d.wav": "a broken link",
    }


def test_every_kind_of_media_is_found_by_its_extension(tmp_path):
    names = [f"a.{kind}" for kind in ("M4A", "aac", "amr", "avi", "mkv", "mov", "mp4", "oga", "webm", "wma")]
    for name in names:
        (tmp_path / name).touch()
    assert [path.name for path in find_recordings(tmp_path).recordings] == sorted(names)


def test_what_is_hidden_is_counted_and_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    for name in ("a.wav", ".b.wav", "._c.wav", ".config", "in/d.wav", ".git/e.wav", "shut/f.wav"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    def scandir(place):
        if place.name == "shut":
            raise PermissionError(13, "Permission denied")
        return real(place)

    real = os.scandir
    monkeypatch.setattr("os.scandir", scandir)
    found = find_recordings(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in found.recordings] == [".git/e.wav", "a.wav", "in/d.wav"]
    assert found.notes == (f"{tmp_path}: 2 hidden recordings were left out (their names begin with a dot)",)
    assert found.left_out == (f"{tmp_path}/shut: cannot be searched (Permission denied)",)
    with pytest.raises(ListError, match=r"shut: cannot look into this folder \(Permission denied\)"):
        walk(tmp_path)
    monkeypatch.undo()
    names = [path.relative_to(tmp_path).as_posix() for path in walk(tmp_path)]
    assert names == [".b.wav", ".config", ".git/e.wav", "a.wav", "in/d.wav", "shut/f.wav"]
