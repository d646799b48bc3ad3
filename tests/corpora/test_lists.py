"""Lists: what is read, what is refused and where, which lists --data_type means."""

import pytest

from ramospeech.corpora import Clip, lists_of, read_list, write_list
from ramospeech.errors import ListError, UsageError


@pytest.fixture
def written(tmp_path):
    def write(content):
        path = tmp_path / "c_train.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_columns_seconds_and_spelling(written):
    path = written("a/b.wav\tlü4 de5 ni2 hao3\t绿的你好\t1.250\nc d.wav\tma1\t妈\n")
    assert read_list(path) == [
        Clip("a/b.wav", ("lv4", "de", "ni2", "hao3"), "绿的你好", 1.25),
        Clip("c d.wav", ("ma1",), "妈", None),
    ]


def test_byte_order_mark_crlf_and_blank_lines(written):
    path = written("\ufeffa.wav\tma1\t妈\r\n\r\n   \r\nb.wav\tma1\t妈\t2\r\n")
    assert [(clip.path, clip.seconds) for clip in read_list(path)] == [("a.wav", None), ("b.wav", 2.0)]


def test_a_byte_order_mark_at_any_line_and_other_separators_within_one(written):
    path = written("a.wav\tma1\t妈\n\ufeffb.wav\tma1\t妈\u2028妈\x85\n\ufeff\ufeffc.wav\tma1\t妈\r\n")
    assert [(clip.path, clip.hanzi) for clip in read_list(path)] == [
        ("a.wav", "妈"),
        ("b.wav", "妈\u2028妈"),
        ("c.wav", "妈"),
    ]


def test_latin_letters_are_unknown(written):
    assert read_list(written("a.wav\tｋ ge1 <UNK>\tｋ歌\n"))[0].pinyin == ("<UNK>", "ge1", "<UNK>")


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("b.wav ma1 妈", "1 columns, not 3 or 4"),
        ("b.wav\tma1\t妈\t1\t2", "5 columns"),
        ("\tma1\t妈", "path is empty"),
        ("b.wav\t \t妈", "pinyin is empty"),
        ("b.wav\t妈妈\tma1 ma1", "'妈妈' is not pinyin"),
        ("b.wav\tma1 zhong6\t妈中", "token 2: 'zhong6' is not pinyin"),
        ("b.wav\tma1\t妈\tlong", "'long' is not a duration"),
        ("b.wav\tma1\t妈\tnan", "'nan' is not a duration"),
        ("b.wav\tma1\t妈\t-1", "'-1' is not a duration"),
    ],
)
def test_a_malformed_line_is_named_by_file_and_number(line, what, written):
    path = written(f"a.wav\tma1\t妈\n\n{line}\n")
    with pytest.raises(ListError) as caught:
        read_list(path)
    assert str(caught.value).startswith(f"{path}:3: ") and what in str(caught.value)


def test_other_encodings_and_missing_files(written, tmp_path):
    with pytest.raises(ListError, match=r"c_train.txt:2: not UTF-8"):
        read_list(written(b"a.wav\tma1\t\n" + "b.wav\tma1\t妈\n".encode("gb18030")))
    with pytest.raises(ListError, match=r"gone.txt: cannot read this list \(No such file"):
        read_list(tmp_path / "gone.txt")


def test_what_is_written_is_read_again(tmp_path):
    clips = [Clip("a b.wav", ("lv4", "<UNK>"), "绿", 1.5), Clip("/abs/c.wav", ("de",), "的")]
    write_list(tmp_path / "new" / "c_dev.txt", clips)
    assert read_list(tmp_path / "new" / "c_dev.txt") == clips
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["c_dev.txt"]


def test_a_bad_clip_leaves_the_old_list(tmp_path):
    path = tmp_path / "c_dev.txt"
    write_list(path, [Clip("a.wav", ("ma1",), "妈")])
    with pytest.raises(ListError, match="tab or a line break"):
        write_list(path, [Clip("a\tb.wav", ("ma1",), "妈")])
    assert len(read_list(path)) == 1


def test_a_list_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "c_dev.txt").mkdir()
    with pytest.raises(ListError, match="not written"):
        write_list(tmp_path / "c_dev.txt", [])
    assert [path.name for path in tmp_path.iterdir()] == ["c_dev.txt"]
    (tmp_path / "file").touch()
    with pytest.raises(ListError, match="not written"):
        write_list(tmp_path / "file" / "c_dev.txt", [])


@pytest.fixture
def config(tmp_path):
    for name in (
        "aishell_train",
        "aishell_dev",
        "thchs_train",
        "my_own_train",
        "demo_train",
        "stcmds_train",
        "pinyin",
        "aishell_report",
    ):
        (tmp_path / f"{name}.txt").touch()
    return tmp_path


def names(paths):
    return [path.name for path in paths]


def test_data_type_is_a_name_several_or_all(config):
    assert names(lists_of("thchs", "train", config)) == ["thchs_train.txt"]
    assert names(lists_of("thchs, aishell,thchs", "train", config)) == ["thchs_train.txt", "aishell_train.txt"]
    every = ["aishell_train.txt", "my_own_train.txt", "stcmds_train.txt", "thchs_train.txt"]
    assert names(lists_of("all", "train", config)) == every
    assert names(lists_of("all,demo", "train", config)) == [*every, "demo_train.txt"]
    assert names(lists_of("st-cmds,My-Own,AISHELL", "train", config)) == [every[2], every[1], every[0]]
    assert names(lists_of("demo", "train", config)) == ["demo_train.txt"]
    assert names(lists_of("all", "dev", config)) == ["aishell_dev.txt"]


@pytest.mark.parametrize(
    ("data_type", "split", "what"),
    [
        ("aishel", "train", "unknown --data_type 'aishel': .*: aishell, demo, my_own, stcmds, thchs; write the lists"),
        ("thchs", "dev", "thchs_dev.txt: thchs has no dev list"),
        ("thchs,aishell", "dev", "thchs_dev.txt"),
        ("all", "test", "no test list"),
        ("", "train", "no train list"),
        ("aishell", "eval", "no such split: 'eval'"),
    ],
)
def test_what_is_not_there_is_named(data_type, split, what, config):
    with pytest.raises(UsageError, match=what):
        lists_of(data_type, split, config)


def test_a_missing_folder_of_lists(tmp_path):
    with pytest.raises(UsageError, match="--config_path"):
        lists_of("all", "train", tmp_path / "gone")


def test_the_real_lists_parse(shared):
    counts = {path.name: len(read_list(path)) for path in sorted((shared / "lists").glob("*.txt"))}
    assert counts == {
        "aishell_dev.txt": 14326,
        "aishell_test.txt": 7176,
        "thchs_dev.txt": 893,
        "thchs_test.txt": 2495,
        "thchs_train.txt": 10000,
    }
    clips = read_list(lists_of("cmn", "train", shared / "audio")[0])
    assert len(clips) == 9275 and all(clip.seconds and clip.pinyin for clip in clips)
