"""One's own recordings: every layout that `folder` reads, and what it does with what it cannot use."""

import csv
import gzip
import json

import pytest

from ramospeech.corpora.folder import prepare_folder
from ramospeech.corpora.manifests import split_of
from ramospeech.errors import ListError, UsageError


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
    with pytest.raises(ListError, match=r"a.txt: neither UTF-8 nor GB18030"):
        prepare_folder(tmp_path)


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


def test_kaldi_segments_are_not_whole_recordings(put, tmp_path):
    wav = put("long.wav")
    put("wav.scp", f"long {wav}\n")
    put("segments", "long-1 long 0.0 0.5\nlong-2 long 0.5 1.0\n")
    put("text", "long-1 你好\nlong-2 再见\n")
    assert problems(tmp_path) == {("long-1", "segment"), ("long-2", "segment")}


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
            {"key": "k2", "wav": "a.wav", "txt": "你", "start": 1, "end": 2},
        ],
    )
    put("dev_manifest.json", [{"audio_filepath": "a.wav", "duration": 1.0, "text": "再见"}] * 2)
    put("test.jsonl", [{"audio": {"path": "a.wav"}, "sentence": "谢谢", "speaker": "s"}])
    assert seen(tmp_path) == {
        ("a.wav", "你好", "", None),
        ("a.wav", "再见", "", "dev"),
        ("a.wav", "谢谢", "s", "test"),
    }
    assert problems(tmp_path) == {("k2", "segment")}


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
    assert seen(tmp_path) == {("a.wav", "你好", "P1", "train")}
    assert problems(tmp_path) == {("piece", "segment")}


def test_lhotse_cuts(put, tmp_path):
    recording, supervision = lhotse(put("a.wav"))
    cut = {"id": "c", "start": 0, "duration": 1.0, "channel": 0, "type": "MonoCut"}
    cut |= {"supervisions": [supervision], "recording": recording}
    by_command = {**recording, "sources": [{"type": "command", "source": "rm -rf /"}]}
    put(
        "cuts_test.jsonl.gz",
        [
            cut,
            {**cut, "id": "half", "duration": 0.5, "supervisions": [{**supervision, "id": "half"}]},
            {**cut, "id": "two", "supervisions": [supervision, supervision]},
            {"id": "mixed", "type": "MixedCut", "supervisions": [], "tracks": []},
            {**cut, "recording": by_command, "supervisions": [{**supervision, "id": "command"}]},
        ],
    )
    assert seen(tmp_path) == {("a.wav", "你好", "P1", "test")}
    assert problems(tmp_path) == {
        ("half", "segment"),
        ("two", "segment"),
        ("mixed", "segment"),
        ("command", "missing"),
    }


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
