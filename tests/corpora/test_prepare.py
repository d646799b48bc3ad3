"""From utterances to lists: splits, labels, the report, the table of what was dropped, and the program."""

import csv
import subprocess
import sys

import pytest

from ramospeech.corpora import Recording, lists_of, read_list, write_lists
from ramospeech.corpora.__main__ import main
from ramospeech.corpora.recordings import split
from ramospeech.errors import ListError


def make(name, text="你好", **more):
    return Recording(name, more.pop("path", None), text, **more)


def test_a_split_has_disjoint_speakers_and_is_stable_when_it_grows():
    few = [make(f"{s}-{n}", speaker=f"S{s}") for s in range(200) for n in range(3)]
    many = few + [make(f"{s}-{n}", speaker=f"S{s}") for s in range(200, 400) for n in range(3)]
    first, note = split(few, 0.1, 0.1)
    second, _ = split(many[::-1], 0.1, 0.1)
    assert note == "split by a hash of the speaker"
    assert {u.id: u.split for u in first}.items() <= {u.id: u.split for u in second}.items()
    of_speaker = {(u.speaker, u.split) for u in second}
    assert len(of_speaker) == 400
    counts = [sum(name == part for _, name in of_speaker) for part in ("dev", "test")]
    assert all(20 < count < 60 for count in counts)


def test_few_speakers_are_split_by_id_and_published_splits_stay():
    done, note = split([make(str(n), speaker="S") for n in range(300)] + [make("x", split="test")], 0.1, 0.1)
    assert "of the id" in note and done[-1].split == "test"
    assert {u.split for u in done} == {"train", "dev", "test"}
    assert split([make("x", split="dev")], 0.1, 0.1) == ([make("x", split="dev")], "")


@pytest.mark.parametrize("count", [3, 4, 6])
def test_a_small_corpus_still_gets_all_three_splits(count):
    done, _ = split([make(str(n)) for n in range(count)], 0.05, 0.05)
    assert {u.split for u in done} == {"train", "dev", "test"}
    assert {u.split for u in split([make(str(n)) for n in range(count)], 0, 0)[0]} == {"train"}


def test_labels_words_notes_and_every_drop_before_the_audio(speak, tmp_path):
    texts = {
        "good": "今天25℃，很好！",
        "latin": "打开K歌App",
        "only latin": "hello",
        "empty": "",
        "none": None,
        "same": "你好",
        "rare": "𪚥",
    }
    utterances = [
        make(name, text, path=speak(tmp_path / f"{name}.wav", 4.0), split="train") for name, text in texts.items()
    ]
    utterances += [
        make("same", path=speak(tmp_path / "other.wav"), split="test"),
        make("cut", split="train", problem="segment", detail="a piece"),
        make("gbk", path=speak(tmp_path / "gbk.wav"), split="test", note="read as GB18030"),
        make("gone", path=tmp_path / "gone.wav", split="test"),
    ]
    report = write_lists("c", utterances, tmp_path / "config", tmp_path)
    kept = {clip.path: clip for clip in read_list(tmp_path / "config/c_train.txt")}
    assert " ".join(kept["good.wav"].pinyin) == "jin1 tian1 er4 shi2 wu3 she4 shi4 du4 hen3 hao3"
    assert kept["good.wav"].hanzi == "今天二十五摄氏度很好" and kept["good.wav"].seconds == 4.0
    assert kept["latin.wav"].pinyin == ("da3", "kai1", "<UNK>", "ge1", "<UNK>")
    with open(tmp_path / "config/c_dropped.tsv", encoding="utf-8") as file:
        rows = {row["path"]: (row["split"], row["reason"]) for row in csv.DictReader(file, delimiter="\t")}
    expected = {
        "only latin.wav": ("train", "no label"),
        "empty.wav": ("train", "no label"),
        "none.wav": ("train", "no transcript"),
        "other.wav": ("test", "duplicate id"),
        "cut": ("train", "segment"),
        "gone.wav": ("test", "missing"),
    }
    assert expected.items() <= rows.items()
    assert set(rows) - set(expected) <= {"rare.wav"}  # as pypinyin has a reading for it or not
    assert len(rows) + sum(len(part) for part in report.kept.values()) == len(utterances)
    text = str(report)
    assert "- read as GB18030: 1 clips" in text
    assert "labelled <UNK> in 1 clips: K (1), App (1)" in text
    assert "- text of test that is in train too: 1 of 1 clips" in text
    assert "- no dev list: no clip for it" in text
    assert (tmp_path / "config/c_report.txt").read_text(encoding="utf-8") == text + "\n"


def test_the_report_adds_up(speak, tmp_path):
    utterances = [
        make(f"u{n}", path=speak(tmp_path / f"u{n}.wav", 0.05 if n < 2 else 1.0), split="dev") for n in range(5)
    ]
    utterances.append(make("x", problem="missing"))
    lines = [line.split() for line in str(write_lists("c", utterances, tmp_path, tmp_path)).splitlines()]
    assert lines[:5] == [
        ["c", "train", "dev", "test", "-", "all"],
        ["found", "0", "5", "0", "1", "6"],
        ["missing", "0", "0", "0", "1", "1"],
        ["too", "short", "0", "2", "0", "0", "2"],
        ["kept", "0", "3", "0", "0", "3"],
    ]


def test_tags_of_sounds_are_counted_and_no_label(speak, tmp_path):
    texts = ("今天[掌声]天气（音乐）很好", "【笑】我（真的）去<NOISE>", "(咳嗽)[LAUGHTER]")
    utterances = [
        make(f"u{n}", text, path=speak(tmp_path / f"u{n}.wav"), split="train") for n, text in enumerate(texts)
    ]
    report = write_lists("c", utterances, tmp_path, tmp_path)
    assert [clip.hanzi for clip in report.kept["train"]] == ["今天天气很好", "我真的去"]
    assert [row.reason for row in report.dropped] == ["no label"]
    assert (
        "- tags of sounds left out of the labels of 2 clips: [掌声] (1), （音乐） (1), 【笑】 (1), <NOISE> (1)"
        in str(report)
    )
    assert report.counts() == "c: 3 found, 2 kept, 1 left out (no label 1)"


def test_ids_that_come_again_are_named_by_line(speak, tmp_path):
    utterances = [
        make("a", path=speak(tmp_path / "a.wav"), split="train", source="t.csv:2"),
        make("a", "再见", path=speak(tmp_path / "b.wav"), split="train", source="t.csv:9"),
    ]
    (row,) = write_lists("c", utterances, tmp_path, tmp_path).dropped
    assert (row.path, row.reason, row.detail) == ("b.wav", "duplicate id", "t.csv:9: a is there before on t.csv:2")


def test_one_recording_under_two_names_is_used_once(speak, tmp_path):
    speak(tmp_path / "a.wav")
    (tmp_path / "b.wav").symlink_to("a.wav")
    utterances = [make(n, path=tmp_path / f"{n}.wav", split=part) for n, part in (("a", "train"), ("b", "test"))]
    report = write_lists("c", utterances, tmp_path, tmp_path)
    assert [(row.path, row.reason, row.detail) for row in report.dropped] == [
        ("b.wav", "duplicate path", "is listed before, as a.wav")
    ]


def test_labels_of_characters(speak, tmp_path, capsys):
    texts = {"a": "打开iPad Pro[笑]", "b": "hello", "c": "3个", "d": "？"}
    for name, text in texts.items():
        speak(tmp_path / f"in/{name}.wav", 1.5)
        (tmp_path / f"in/{name}.txt").write_text(text, encoding="utf-8")
    place = ["--root", f"{tmp_path}/in", "--config_path", f"{tmp_path}/lists", "--data_root", str(tmp_path / "in")]
    fractions = ["--dev_fraction", "0", "--test_fraction", "0"]
    assert main(["folder", "--name", "x", *place, *fractions, "--units", "characters"]) == 0
    assert "x: 4 found, 3 kept, 1 left out (no label 1)" in capsys.readouterr().out
    assert [line.split("\t")[:3] for line in (tmp_path / "lists/x_train.txt").read_text("utf-8").splitlines()] == [
        ["a.wav", "打 开 i p a d ▁ p r o", "打开ipad pro"],
        ["b.wav", "h e l l o", "hello"],
        ["c.wav", "三 个", "三个"],
    ]


def test_nothing_left_is_an_error_that_leaves_the_table(tmp_path):
    with pytest.raises(ListError, match=r"c: none of 1 clips can be used; .*c_dropped.tsv"):
        write_lists("c", [make("a", path=tmp_path / "gone.wav", split="train")], tmp_path, tmp_path)
    assert "gone.wav\ttrain\tmissing\tno such file\n" in (tmp_path / "c_dropped.tsv").read_text()
    assert not (tmp_path / "c_train.txt").exists()


def test_an_older_list_of_a_split_without_clips_goes(speak, tmp_path):
    speak(tmp_path / "a.wav")
    for part in ("dev", "train"):
        write_lists("c", [make("a", path=tmp_path / "a.wav", split=part)], tmp_path, tmp_path)
    assert sorted(path.name for path in tmp_path.glob("c_*.txt")) == ["c_report.txt", "c_train.txt"]


def test_recordings_outside_of_the_data_root_are_listed_absolutely(speak, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    utterances = [
        make("in", path=speak("data/in.wav"), split="train"),
        make("out", path=speak("elsewhere/out.wav"), split="train"),
    ]
    write_lists("c", utterances, "config", "data")
    assert [clip.path for clip in read_list("config/c_train.txt")] == ["in.wav", f"{tmp_path}/elsewhere/out.wav"]


@pytest.fixture
def recordings(speak, tmp_path):
    for n in range(8):
        speak(tmp_path / f"data/mine/{n}.wav", 1.0 + n)
        (tmp_path / f"data/mine/{n}.txt").write_text("你好", encoding="utf-8")
    return tmp_path


def test_the_program_writes_what_training_reads(recordings, root):
    """With all defaults but --root and --name, run as a user runs it."""
    command = [sys.executable, "-m", "ramospeech.corpora", "folder", "--root", "data/mine", "--name", "my_own"]
    done = subprocess.run(command, cwd=recordings, env={"PYTHONPATH": str(root)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("my_own ") and "kept" in done.stdout
    clips = read_list(lists_of("my_own", "train", recordings / "data_config")[0])
    assert all((recordings / "data" / clip.path).exists() and clip.seconds for clip in clips)


def test_limits_of_the_program(recordings, capsys):
    place = ["--config_path", str(recordings / "config"), "--data_root", str(recordings / "data")]
    assert main(["folder", "--root", str(recordings / "data/mine"), "--max_window", "350", *place]) == 0
    assert "too long" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["aishell", "--root", "gone"], "no data_aishell in gone"),
        (["folder", "--root", "gone"], "no such folder or manifest"),
        (["folder", "--download"], "nothing to download"),
        (["folder", "--name", "a/b"], "cannot name lists"),
        (["folder", "--name", "all"], "cannot name lists"),
        (["thchs", "--name", "mine"], "--name is for `folder`"),
        (["ST-CMDS", "--root", "gone"], "no ST-CMDS-20170001_1-OS in gone"),
        (["thchs", "--threads", "0"], "--threads: must be a whole number of at least 1"),
        (["thchs", "--vocabulary", "gone.txt"], "gone.txt: no such vocabulary"),
    ],
)
def test_wrong_use_is_one_line_and_status_2(arguments, what, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and what in error and error.count("\n") == 1


def test_help_shows_every_default(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    assert "(default: data_config)" in shown and "(default: 1600)" in shown and "aidatatang_200zh" in shown
    assert main(["librispeech"]) == 2
