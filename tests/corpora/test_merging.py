"""Lists joined by the length of their clips, and submission files of transcripts."""

import pytest

from ramospeech.corpora import read_list
from ramospeech.corpora.__main__ import main


@pytest.fixture
def lists(tmp_path, speak):
    (tmp_path / "a.txt").write_text(
        "a1.wav\tni3\t你\t0.5\na2.wav\tni3\t你\t2.0\n\na3.wav\tni3\t你\t20.0\r\n", encoding="utf-8"
    )
    (tmp_path / "b.txt").write_text(
        "a2.wav\thao3\t好\t2.0\nb1.wav\thao3\t好\nb2.wav#1-2.5\thao3\t好\nb3.wav\thao3\t好\n", encoding="utf-8"
    )
    speak(tmp_path / "b1.wav", 3.0)
    speak(tmp_path / "b2.wav", 4.0)
    return [str(tmp_path / name) for name in ("a.txt", "b.txt")]


def test_merging_counts_what_it_leaves_out(lists, tmp_path, capsys):
    out = tmp_path / "out/merged_train.txt"
    options = ["--data_root", str(tmp_path), "--min_seconds", "1", "--max_seconds", "15"]
    assert main(["merge", *lists, "--output", str(out), *options]) == 0
    assert capsys.readouterr().out == (f"{out}: 3 kept, 4 left out (longer 1, repeated 1, shorter 1, unreadable 1)\n")
    assert [clip.path for clip in read_list(out)] == ["a2.wav", "b1.wav", "b2.wav#1-2.5"]


def test_merging_without_limits_opens_nothing(lists, tmp_path, capsys):
    out = tmp_path / "merged.txt"
    assert main(["merge", *lists, "--output", str(out), "--data_root", "gone"]) == 0
    assert "6 kept, 1 left out (repeated 1)" in capsys.readouterr().out
    assert out.read_text("utf-8").splitlines()[0] == "a1.wav\tni3\t你\t0.5"  # lines stay as they are


@pytest.mark.parametrize(
    ("line", "options", "what"),
    [
        ("a.wav ni3\n", [], "bad.txt:1: not path, tokens, text"),
        ("a.wav\tni3\t你\tlong\n", ["--min_seconds", "1"], "bad.txt:1: 'long' is not a duration"),
        ("a.wav\tni3\t你\t1\n", ["--min_seconds", "2"], "0 kept, 1 left out (shorter 1); nothing was written"),
        ("a.wav\tni3\t你\t1\n", ["--min_seconds", "3", "--max_seconds", "2"], "--min_seconds 3 is more than"),
        ("a.wav\tni3\t你\t1\n", ["--min_seconds", "-1"], "-1 is not a number of seconds"),
    ],
)
def test_wrong_lists_and_limits(line, options, what, tmp_path, capsys):
    (tmp_path / "bad.txt").write_text(line, encoding="utf-8")
    assert main(["merge", str(tmp_path / "bad.txt"), "--output", str(tmp_path / "o.txt"), *options]) == 2
    error = capsys.readouterr().err
    assert what in error and error.count("\n") == 1
    assert not (tmp_path / "o.txt").exists()


def test_a_submission_file(tmp_path, capsys):
    rows = "id\tpinyin\thanzi\tseconds\tscore\terror\na/103-1.flac\t\the said, so\t1\t0\t\nb.flac\t\t\t1\t0\tdamaged\n"
    (tmp_path / "h.tsv").write_text(rows, encoding="utf-8")
    place = ["submission", str(tmp_path / "h.tsv"), "--output", str(tmp_path / "s.csv")]
    assert main(place) == 0
    assert capsys.readouterr().out == f"{tmp_path}/s.csv: 2 labels, 1 of them empty\n"
    assert (tmp_path / "s.csv").read_text() == 'id,label\n103-1,"he said, so"\nb,\n'
    assert main([*place, "--ids", "number", "--upper"]) == 0
    assert (tmp_path / "s.csv").read_text() == 'id,label\n0,"HE SAID, SO"\n1,\n'
    (tmp_path / "h.tsv").write_text("a\tb\n", encoding="utf-8")
    assert main(place) == 2
    assert "h.tsv:1: no header with `id` and `hanzi`" in capsys.readouterr().err
