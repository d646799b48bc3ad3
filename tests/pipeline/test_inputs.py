"""What a command line names: files, folders and lists of every form."""

from pathlib import Path

import pytest

from ramospeech.errors import ListError, UsageError
from ramospeech.inputs import find_inputs, recordings


def test_files_folders_and_lists(tmp_path):
    for name in ("b.wav", "a.FLAC", "sub/c.mp3", ".hidden.wav", "notes.pdf"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    folder = str(tmp_path)
    inside = [str(tmp_path / name) for name in ("a.FLAC", "b.wav", "sub/c.mp3")]
    assert [id for id, _ in recordings([folder])] == inside
    assert recordings(["x.wav"]) == [("x.wav", Path("x.wav"))]
    [hidden] = find_inputs([folder]).notes
    assert "1 hidden" in hidden

    ours = tmp_path / "ours.txt"
    ours.write_text("\ufeffsub/c.mp3\tni3 hao3\t你好\r\n\r\n\ufeffb.wav\tni3\t你\t1.5\r\n", encoding="utf-8")
    assert recordings([str(ours)], tmp_path) == [("sub/c.mp3", tmp_path / "sub/c.mp3"), ("b.wav", tmp_path / "b.wav")]
    plain = tmp_path / "plain.lst"
    plain.write_text(f"b.wav\n\n{tmp_path}/a.FLAC\n")
    assert [path for _, path in recordings([str(plain)], tmp_path)] == [tmp_path / "b.wav", tmp_path / "a.FLAC"]


@pytest.mark.parametrize(
    ("name", "text", "ids"),
    [
        ("speakers.txt", "a b.wav\tspk1\nc.wav\tspk2\n", ["a b.wav", "c.wav"]),
        ("cv.tsv", "client_id\tpath\tsentence\nx\ta b.wav\t你好\ny\tc.wav\t再见\n", ["a b.wav", "c.wav"]),
        ("cv.tsv", "path\tsentence\na b.wav\t你好\nc.wav\t再见", ["a b.wav", "c.wav"]),
        ("wav.scp", "u1 a b.wav\nu2   c.wav\n", ["u1", "u2"]),
        ("hyp.tsv", "id\tpinyin\thanzi\na b.wav\tni3\t你\nc.wav\t\t\n", ["a b.wav", "c.wav"]),
        ("path.list", "path\na b.wav\nc.wav\n", ["a b.wav", "c.wav"]),
    ],
)
@pytest.mark.parametrize("place", ["", "clips"])
def test_lists_of_other_programs(tmp_path, name, text, ids, place):
    (tmp_path / place).mkdir(exist_ok=True)
    paths = [tmp_path / place / recording for recording in ("a b.wav", "c.wav")]
    for path in paths:
        path.touch()
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert recordings([str(tmp_path / name)], tmp_path) == list(zip(ids, paths, strict=True))
    assert [path for _, path in recordings([str(tmp_path / name)], "nowhere")] == paths


def test_what_there_is_not(tmp_path):
    with pytest.raises(UsageError, match="no audio in this folder"):
        recordings([str(tmp_path)])
    with pytest.raises(UsageError, match="no recordings given"):
        recordings([])
    with pytest.raises(ListError, match=r"none\.txt"):
        recordings([str(tmp_path / "none.txt")])
    (tmp_path / "bad.txt").write_text("a.wav\tspk\n\tonly a speaker\n")
    with pytest.raises(ListError, match=r"bad\.txt:2"):
        recordings([str(tmp_path / "bad.txt")])
    (tmp_path / "gbk.txt").write_bytes("录音.wav".encode("gbk"))
    with pytest.raises(ListError, match="not UTF-8"):
        recordings([str(tmp_path / "gbk.txt")])
    (tmp_path / "empty.txt").write_text("\n")
    with pytest.raises(UsageError, match="names no recordings"):
        recordings([str(tmp_path / "empty.txt")])
    found = find_inputs([str(tmp_path / "empty.txt"), "a.wav"])
    assert found.recordings == (("a.wav", Path("a.wav")),)
    assert "names no recordings" in found.left_out[0]


def test_ids_that_occur_twice_are_named_and_kept():
    found = find_inputs(["a.wav", "b.wav", "a.wav"])
    assert [id for id, _ in found.recordings] == ["a.wav", "b.wav", "a.wav"]
    assert found.notes == ("a.wav: is given 2 times, and transcribed as often",)
    many = find_inputs([f"{number}.wav" for number in range(9)] * 2)
    assert many.notes[-1] == "4 more are given several times"


def test_a_path_that_is_too_long_is_the_problem_of_that_recording(tmp_path):
    (tmp_path / "a.txt").write_text("x" * 300 + "\nb.wav\n")
    assert [id for id, _ in recordings([str(tmp_path / "a.txt")])] == ["x" * 300, "b.wav"]
