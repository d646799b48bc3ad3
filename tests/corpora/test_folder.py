"""One's own recordings: every layout that `folder` reads, and what it does with what it cannot use."""

import csv
import gzip
import json
from pathlib import Path

import pytest

from ramospeech.corpora.folder import prepare_folder
from ramospeech.corpora.manifests import split_of
from ramospeech.errors import ListError, UsageError
from ramospeech.text import hanzi


@pytest.fixture
def put(tmp_path, speak):
    """put(name, content) writes a text, JSON lines for a list of records, or noise for an audio name."""

    def write(name, content=None, encoding="utf-8"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            return speak(path, 1.0)
        if isinstance(content, list):
            content = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in content)
        data = content.encode(encoding)
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    return write


def seen(root):
    """{(path, text, speaker, split)} of the utterances that can be used."""
    return {
        (u.path.relative_to(root).as_posix(), u.text.strip(), u.speaker, u.split)
        for u in prepare_folder(root)
        if not u.problem and u.text is not None
    }


def problems(root):
    return {(u.id, u.problem) for u in prepare_folder(root) if u.problem}


def test_a_text_beside_each_recording(put, tmp_path):
    for audio, text in (("a.wav", "a.txt"), ("b.flac", "b.flac.txt"), ("c.wav", "c.wav.trn"), ("d.ogg", "d.lab")):
        put(f"speaker1/{audio}")
        put(f"speaker1/{text}", "你好\n")
    put("deep/wav/e.wav")
    put("deep/txt/e.txt", "再见")
    put("alone.wav")
    put("README.txt", "about")
    assert seen(tmp_path) == {
        *((f"speaker1/{name}", "你好", "speaker1", None) for name in ("a.wav", "b.flac", "c.wav", "d.ogg")),
        ("deep/wav/e.wav", "再见", "deep/wav", None),
    }
    everything = {u.id: u for u in prepare_folder(tmp_path)}
    assert everything["alone"].text is None
    assert everything[str(tmp_path / "README.txt")].problem == "missing"


def test_folders_named_as_splits_are_the_split(put, tmp_path):
    for part in ("train", "valid", "test", "extra"):
        put(f"{part}/a.wav")
        put(f"{part}/a.txt", "你好")
    assert {(path, split) for path, _, _, split in seen(tmp_path)} == {
        ("train/a.wav", "train"),
        ("valid/a.wav", "dev"),
        ("test/a.wav", "test"),
        ("extra/a.wav", "train"),
    }
    assert len({u.id for u in prepare_folder(tmp_path)}) == 4  # equal names, different ids


def test_other_encodings_are_read_and_noted(put, tmp_path):
    put("a.wav")
    put("a.txt", "你好世界", encoding="gbk")
    put("b.wav")
    put("b.txt", "\ufeff你好\r\n")
    notes = {u.id: (u.text.strip(), u.note) for u in prepare_folder(tmp_path)}
    assert notes == {"a": ("你好世界", "transcripts read as GB18030, not UTF-8"), "b": ("你好", "")}


def test_a_text_in_no_encoding_is_named(put, tmp_path):
    put("a.wav")
    (tmp_path / "a.txt").write_bytes(b"\xff\xff\xff")
    put("b.wav")
    put("b.txt", "你好")
    found = {u.id: u for u in prepare_folder(tmp_path)}
    assert found["b"].text == "你好"
    assert found["a"].problem == "unreadable text" and "a.txt: looks like Chinese in none" in found["a"].detail


def test_kaldi(put, tmp_path):
    wav = put("audio/a.wav")
    for part in ("train", "dev"):
        put(f"{part}/wav.scp", f"{part}1 {wav}\n{part}2 sox x.wav -t wav - |\n")
        put(f"{part}/text", f"{part}1 你好 世界\n{part}3 再见\n")
        put(f"{part}/utt2spk", f"{part}1 P01\n")
    found = {u.id: u for u in prepare_folder(tmp_path)}
    assert len(found) == 6  # what lies in audio/ is listed by the splits
    assert (found["train1"].path, found["train1"].text, found["train1"].speaker) == (wav, "你好 世界", "P01")
    assert (found["train1"].split, found["dev1"].split) == ("train", "dev")
    assert found["train2"].problem == "missing" and "not run" in found["train2"].detail
    assert found["train3"].problem == "missing"


def test_kaldi_segments_are_pieces_of_recordings(put, tmp_path):
    wav = put("long.wav")
    put("wav.scp", f"long {wav}\npipe sox x |\n")
    put("segments", "long-1 long 0.0 0.50\nlong-2 long 0.5 1.0\nlong-3 long 1 -1\nx gone 0 1\ny pipe 0 1\nz long 0\n")
    put("text", "long-1 你好\nlong-2 再见\nlong-3 谢\nx 你\ny 你\nz 你\n")
    put("utt2spk", "long-1 a\nlong-2 b\n")
    assert seen(tmp_path) == {("long.wav#0-0.5", "你好", "a", None), ("long.wav#0.5-1", "再见", "b", None)}
    assert problems(tmp_path) == {("long-3", "segment"), ("x", "missing"), ("y", "missing"), ("z", "segment")}


def test_csv_of_deepspeech_pytorch(put, tmp_path):
    put("wav/a.wav")
    put("txt/a.txt", "你好")
    put("an4_train_manifest.csv", "wav/a.wav,txt/a.txt\n\n")
    put("an4_val_manifest.csv", f"{tmp_path}/wav/a.wav,{tmp_path}/txt/a.txt\r\n")
    assert seen(tmp_path) == {("wav/a.wav", "你好", "", "train"), ("wav/a.wav", "你好", "", "dev")}
    assert len(prepare_folder(tmp_path / "an4_val_manifest.csv")) == 1  # one manifest is a root too


def test_json_of_deepspeech_pytorch(put, tmp_path):
    put("set/wav/a.wav")
    put("set/txt/a.txt", "你好")
    put("set/wav/b.wav")
    samples = [{"wav_path": f"wav/{n}.wav", "transcript_path": f"txt/{n}.txt"} for n in "ab"]
    for text in (
        json.dumps({"root_path": f"{tmp_path}/set", "samples": samples}, indent=indent) for indent in (None, 2)
    ):
        put("train.json", text)
        assert seen(tmp_path) == {("set/wav/a.wav", "你好", "", "train")}
        assert [u.text for u in prepare_folder(tmp_path)] == ["你好", None]


def test_csv_with_a_header(put, tmp_path):
    put("clips/a.mp3.wav")
    put("train.tsv", "client_id\tpath\tsentence\tage\nx1\ta.mp3.wav\t你好，“世界”\t\n")
    with open(put("test.csv", "x"), "w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["wav_filename", "wav_filesize", "transcript"], ["clips/a.mp3.wav", 9, "a,b 你"]])
    assert seen(tmp_path) == {
        ("clips/a.mp3.wav", "你好，“世界”", "x1", "train"),
        ("clips/a.mp3.wav", "a,b 你", "", "test"),
    }


def test_wenet_nemo_and_masr_lines(put, tmp_path):
    put("a.wav")
    put(
        "data.list",
        [
            {"key": "k1", "wav": "a.wav", "txt": "你好"},
            {"key": "k2", "wav": "a.wav", "txt": "你", "start": 0.25, "end": 0.75},
            {"key": "k3", "wav": "a.wav", "txt": "你", "start": 1, "end": 1},
        ],
    )
    put("dev_manifest.json", [{"audio_filepath": "a.wav", "duration": 1.0, "text": "再见"}] * 2)
    put(
        "train.json",
        [
            {"audio_filepath": "a.wav", "offset": 0.0, "duration": 0.5, "text": "半"},
            {"wav": "a.wav", "offset": 1, "text": "你"},
        ],
    )
    put("test.jsonl", [{"audio": {"path": "a.wav"}, "sentence": "谢谢", "speaker": "s"}])
    assert seen(tmp_path) == {
        ("a.wav", "你好", "", None),
        ("a.wav", "再见", "", "dev"),
        ("a.wav", "谢谢", "s", "test"),
        ("a.wav#0.25-0.75", "你", "", None),
        ("a.wav#0-0.5", "半", "", "train"),
    }
    assert problems(tmp_path) == {("k3", "segment"), ("a.wav", "segment")}


def lhotse(path, name="r1", **changes):
    recording = {
        "id": name,
        "sources": [{"type": "file", "channels": [0], "source": str(path)}],
        "sampling_rate": 16000,
        "num_samples": 16000,
        "duration": 1.0,
    }
    supervision = {"id": f"s-{name}", "recording_id": name, "start": 0.0, "duration": 1.0, "channel": 0}
    supervision |= {"text": "你好", "language": "Chinese", "speaker": "P1", **changes}
    return recording, supervision


def test_lhotse_recordings_and_supervisions(put, tmp_path):
    recording, supervision = lhotse(put("a.wav"))
    _, piece = lhotse("a.wav", start=0.5, duration=0.5)
    put("x_supervisions_train.jsonl.gz", [supervision, {**piece, "id": "piece"}])
    put("x_recordings_train.jsonl.gz", [recording])
    assert seen(tmp_path) == {("a.wav", "你好", "P1", "train"), ("a.wav#0.5-1", "你好", "P1", "train")}
    assert problems(tmp_path) == set()


def test_lhotse_cuts(put, tmp_path):
    recording, supervision = lhotse(put("a.wav"))
    cut = {"id": "c", "start": 0, "duration": 1.0, "channel": 0, "type": "MonoCut"}
    cut |= {"supervisions": [supervision], "recording": recording}
    two = [{**supervision, "id": name, "start": at, "duration": 0.5} for name, at in (("one", -0.1), ("other", 0.4))]
    stereo = {**recording, "sources": [{"type": "file", "channels": [0, 1], "source": str(tmp_path / "a.wav")}]}
    by_command = {**recording, "sources": [{"type": "command", "source": "rm -rf /"}]}
    put(
        "cuts_test.jsonl.gz",
        [
            cut,
            {**cut, "id": "half", "duration": 0.5, "supervisions": [{**supervision, "id": "half"}]},
            {**cut, "id": "two", "start": 0.1, "duration": 0.8, "supervisions": two},
            {**cut, "recording": stereo, "supervisions": [{**supervision, "id": "right", "channel": 1}]},
            {"id": "mixed", "type": "MixedCut", "supervisions": [], "tracks": []},
            {**cut, "recording": by_command, "supervisions": [{**supervision, "id": "command"}]},
        ],
    )
    pieces = ("", "#0-0.5", "#0.1-0.5", "#0.5-0.9", "#0-1@2")
    assert seen(tmp_path) == {(f"a.wav{piece}", "你好", "P1", "test") for piece in pieces}
    assert problems(tmp_path) == {("mixed", "segment"), ("command", "missing")}


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("a.csv", "x.wav,你好\nx.wav\n", r"a.csv:2: 1 columns, not 2"),
        ("a.csv", "path,text\nx.wav,b,c\n", r"a.csv:2: 3 columns, not 2"),
        ("a.jsonl", '{"wav": "x.wav", "txt": "你"}\n{"wav": \n', r"a.jsonl:2: not JSON"),
        ("a.jsonl", '{"wav": "x.wav", "txt": "你"}\n{"text": "你"}\n', r"a.jsonl:2: no recording"),
        ("a.list", "{'wav': 1}\n", r"a.list:1: not JSON"),
        ("a.json", "[1, 2]", r"a.json:1: a record in braces"),
        ("a.jsonl", '{"recording_id": "r", "text": "你"}\n', r"recording 'r' is in none of the manifests"),
        ("shards.list", "shards_000.tar\nshards_001.tar\n", r"shards.list:1: not JSON"),
    ],
)
def test_a_bad_record_is_named_by_file_and_line(name, content, what, put, tmp_path):
    put(name, content)
    with pytest.raises(ListError, match=what):
        prepare_folder(tmp_path)


def test_a_damaged_gzip_is_named(put, tmp_path):
    path = put("a.jsonl.gz", "x" * 1000)
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(ListError, match=r"a.jsonl.gz: damaged"):
        prepare_folder(tmp_path)


def test_nothing_there(tmp_path):
    with pytest.raises(UsageError, match="nothing to prepare"):
        prepare_folder(tmp_path)
    with pytest.raises(UsageError, match="no such folder"):
        prepare_folder(tmp_path / "gone")


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train", "train"),
        ("aishell_cuts_dev.jsonl.gz", "dev"),
        ("val.csv", "dev"),
        ("thchs-test.json", "test"),
        ("latest.csv", None),
        ("training", None),
    ],
)
def test_split_names(name, split):
    assert split_of(name) == split


TABLES = {
    "semicolons": "path;text\na.wav;你好,世界\nb.wav;再见\n",
    "bars": "a.wav|你好,世界\nb.wav|再见\n",
    "tabs": "a.wav\t你好,世界\nb.wav\t再见\n",
    "sep": "sep=;\r\na.wav;你好,世界\r\nb.wav;再见\r\n",
    "quotes": 'path,text\na.wav,"你好,世界"\nb.wav,再见\n',
    "quoted line ends": 'path,text\na.wav,"你好,\r\n世界"\r\nb.wav,再见\r\n',
    "empty columns": "path,text,,\na.wav,你好世界,,\nb.wav,再见,,\n",
    "quotes within": 'a.wav,你好"世界"吧\nb.wav,"再见"了\n',
    "a quote that stays open": 'path,text\na.wav,"你好世界\nb.wav,再见\n',
    "quotes that pair up over lines": 'path\ttext\na.wav\t"你好世界\nb.wav\t再见"\n',
    "other separators": "path,text\na.wav,你好\u2028世界\x85\nb.wav,再\x0c见\x1c\n",
    "marks": "\ufeffpath,text\na.wav,你好世界\n\ufeffb.wav,再见\n",
}


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
def test_tables_as_people_write_them(name, encoding, put, tmp_path):
    put("a.wav")
    put("b.wav")
    put("t.csv", TABLES[name], encoding)
    found = {path: hanzi.normalise(text).text.rstrip("吧了") for path, text, *_ in seen(tmp_path)}
    assert found == {"a.wav": "你好世界", "b.wav": "再见"}


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("path,text\na.wav,你好,世界\n", "t.csv:2: 3 columns, not 2"),
        ("a.wav，你好\n", "t.csv:1: 1 columns, not 2"),
        ("a.wav 你好\n", "t.csv:1: 1 columns, not 2"),
        ("path,text,text\na.wav,你好,再见\n", "t.csv:1: the column 'text' occurs twice"),
        ("path,label\na.wav,你好\n", "t.csv:1: no column for the text; name it one of"),
        ("path,text\ra.wav,你好\rb.wav,再见\r", "t.csv: its lines end in CR alone"),
    ],
)
def test_a_table_that_cannot_be_read_whole_is_refused_by_line(content, what, put, tmp_path):
    put("a.wav")
    put("t.csv", content)
    with pytest.raises(ListError, match=what):
        prepare_folder(tmp_path)


def test_rows_that_come_again_keep_their_line(put, tmp_path):
    put("a.wav")
    put("t.csv", "path,text\n\na.wav,你好\na.wav,再见\n")
    assert [u.source for u in prepare_folder(tmp_path)] == [f"{tmp_path}/t.csv:3", f"{tmp_path}/t.csv:4"]


def test_kaldi_lines_that_come_again_are_named(put, tmp_path):
    put("a.wav")
    put("b.wav")
    put("wav.scp", "a a.wav\nb b.wav\na b.wav\n")
    put("text", "a 你好\u2028世界\n\ufeffb 再见\nb 你好\na 你好\u2028世界\n")
    assert seen(tmp_path) == {("a.wav", "你好\u2028世界", "", None), ("b.wav", "再见", "", None)}
    details = sorted(u.detail.removeprefix(f"{tmp_path}/") for u in prepare_folder(tmp_path) if u.problem)
    assert details == [
        "text:3: b is on line 2 already, with another text; keep one of them",
        "text:4: a is on line 1 already, with the same text; keep one of them",
        "wav.scp:3: a is on line 1 already, with another text; keep one of them",
    ]


@pytest.mark.parametrize(
    "record",
    ['{"wav": "a.wav", "txt": "你好", "txt": "再见"}', '{"wav": "a.wav", "wav": "b.wav", "txt": "你好"}'],
)
def test_a_key_that_an_object_has_twice_is_named(record, put, tmp_path):
    put("t.jsonl", '{"wav": "a.wav", "txt": "你"}\n' + record)
    with pytest.raises(ListError, match=r"t.jsonl:2: the key '(txt|wav)' occurs twice"):
        prepare_folder(tmp_path)


def test_lhotse_recordings_that_differ_under_one_id_are_named(put, tmp_path):
    first, supervision = lhotse(put("a.wav"))
    second, _ = lhotse(put("b.wav"))
    put("recordings.jsonl", [first, first, second])
    put("supervisions.jsonl", [supervision])
    with pytest.raises(ListError, match=r"recordings.jsonl:3: recording 'r1' occurs twice with different content"):
        prepare_folder(tmp_path)


SIDE_FILES = {
    "whisper.json": '{"text": "有违反", "segments": [], "language": "zh"}\n',
    "indented.json": '{\n  "text": "有违反",\n  "segments": []\n}\n',
    "whisper.tsv": "start\tend\ttext\n0\t3400\t有违反\n",
    "transcripts.tsv": "id\tpinyin\thanzi\tseconds\tscore\terror\nin/a.wav\tni3\t你\t3.4\t-3.0\t\n",
    "recorder.json": '{"rate": 16000}',
    "numbers.csv": "1,2,3\n",
    "notes.list": "buy milk\n",
    "broken.json": '{"rate": ',
}


@pytest.mark.parametrize("name", SIDE_FILES)
def test_files_that_are_not_manifests_are_named_and_the_texts_used(name, put, tmp_path):
    put("a.wav")
    put("a.txt", "你好")
    put(name, SIDE_FILES[name])
    assert seen(tmp_path) == {("a.wav", "你好", "", None)}
    assert problems(tmp_path) == {(str(tmp_path / name), "side file")}
    put("train.jsonl", [{"wav": "a.wav", "txt": "再见"}])  # and beside a manifest
    assert seen(tmp_path) == {("a.wav", "再见", "", "train")}
    assert (str(tmp_path / name), "side file") in problems(tmp_path)


def test_every_recording_is_used_or_named(put, tmp_path):
    put("a.wav")
    put("deep/b.wav")
    put("c.m4a", "x")
    put("t.jsonl", [{"wav": "a.wav", "txt": "你好"}])
    assert {u.id for u in prepare_folder(tmp_path) if u.text is None} == {"deep/b.wav", "c.m4a"}


@pytest.mark.parametrize("suffix", ["m4a", "mp4", "WEBM", "amr", "wma", "3gp", "mov"])
def test_media_of_any_kind_belong_to_their_text(suffix, put, tmp_path):
    put(f"a.{suffix}", "x")
    put("a.txt", "你好")
    put("b.m4a", "x")
    put("b.wav")
    put("B.TXT", "再见")
    found = {u.path.name: u for u in prepare_folder(tmp_path)}
    assert found[f"a.{suffix}"].text == "你好" and not found[f"a.{suffix}"].problem
    assert list(found).index("b.wav") < list(found).index("b.m4a")  # the one that surely can be read keeps the id


def test_a_second_text_of_a_recording_is_named(put, tmp_path):
    put("a.wav")
    put("a.txt", "你好")
    put("a.lab", "再见")
    put("._a.wav", "x")
    assert seen(tmp_path) == {("a.wav", "你好", "", None)}
    assert problems(tmp_path) == {(str(tmp_path / "a.lab"), "side file")}


def test_a_trn_holds_the_words_in_its_first_line(put, tmp_path):
    for name, content in {"a": "你好\nni3 hao3\nn i3 h ao3\n", "b": "你好\n再见\n", "c": "你好\n"}.items():
        put(f"{name}.wav")
        put(f"{name}.wav.trn", content)
    assert {(path, hanzi.normalise(text).text) for path, text, *_ in seen(tmp_path)} == {
        ("a.wav", "你好"),
        ("b.wav", "你好再见"),
        ("c.wav", "你好"),
    }
    assert not any(hanzi.normalise(text).unknown for _, text, *_ in seen(tmp_path))


def test_folders_that_each_have_a_layout(put, tmp_path):
    put("one/a.wav")
    put("one/t.jsonl", [{"wav": "a.wav", "txt": "你好"}])
    put("two/wav/b.wav")
    put("two/wav.scp", "b wav/b.wav\n")
    put("two/text", "b 再见\n")
    put("three/c.wav")
    assert {(path, text) for path, text, *_ in seen(tmp_path)} == {("one/a.wav", "你好"), ("two/wav/b.wav", "再见")}
    assert [u.id for u in prepare_folder(tmp_path) if u.text is None] == ["three/c.wav"]


def test_links_are_followed_once_and_loops_end(put, tmp_path):
    put("elsewhere/b.wav")
    put("elsewhere/b.txt", "再见")
    put("root/real/a.wav")
    put("root/real/a.txt", "你好")
    (tmp_path / "root/0 the same").symlink_to("real")
    (tmp_path / "root/real/loop").symlink_to(tmp_path / "root")
    (tmp_path / "root/out").symlink_to(tmp_path / "elsewhere")
    assert {(path, text) for path, text, *_ in seen(tmp_path / "root")} == {
        ("real/a.wav", "你好"),
        ("out/b.wav", "再见"),
    }


HEADER = "client_id\tpath\tsentence\tup_votes\n"
RELEASE = {
    "validated.tsv": f"{HEADER}x\ta.mp3\t你好\t2\nz\tc.mp3\t谢谢\t2\n",
    "invalidated.tsv": f"{HEADER}x\td.mp3\t不好\t0\n",
    "other.tsv": HEADER,
    "reported.tsv": "sentence_id\tsentence\tlocale\treason\n1\t你\tzh-CN\tbad\n",
    "clip_durations.tsv": "clip\tduration[ms]\na.mp3\t4001\n",
    "validated_sentences.tsv": "sentence_id\tsentence\n1\t你\n",
    "unvalidated_sentences.tsv": "sentence\tsource\n你\tme\n",
}
SPLIT_TABLES = {
    "train.tsv": f'{HEADER}x\ta.mp3\t"你好\t2\n',
    "dev.tsv": f"{HEADER}y\tb.mp3\t再见\t2\n",
    "test.tsv": f"{HEADER}z\tc.mp3\t谢谢\t2\n",
}


@pytest.mark.parametrize("place", ["", "cv-corpus/zh-CN/"])
def test_a_release_of_common_voice(place, put, tmp_path, speak):
    root = tmp_path / "release"
    for clip in "abcd":
        speak(tmp_path / "clip.wav", 1.0)
        (root / place / "clips").mkdir(parents=True, exist_ok=True)
        (tmp_path / "clip.wav").rename(root / place / f"clips/{clip}.mp3")
    for name, content in (RELEASE | SPLIT_TABLES).items():
        put(f"release/{place}{name}", content)
    assert {(Path(path).name, text.strip('"'), split) for path, text, _, split in seen(root)} == {
        ("a.mp3", "你好", "train"),
        ("b.mp3", "再见", "dev"),
        ("c.mp3", "谢谢", "test"),
    }
    assert {Path(name).name for name, problem in problems(root) if problem == "side file"} == set(RELEASE)
    for name in SPLIT_TABLES:
        (root / place / name).unlink()
    assert {(Path(path).name, text) for path, text, *_ in seen(root)} == {("a.mp3", "你好"), ("c.mp3", "谢谢")}
    assert {(Path(path).name, text) for path, text, *_ in seen_in(root / place / "invalidated.tsv")} == {
        ("d.mp3", "不好")
    }


def seen_in(manifest):
    return {(u.path.as_posix(), u.text, u.speaker, u.split) for u in prepare_folder(manifest)}
