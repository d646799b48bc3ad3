"""The published corpora: each from a small tree laid out exactly like the original."""

import json
import os
import shutil

import pytest

from ramospeech.corpora import CORPORA, Limits, lists_of, read_list, write_lists
from ramospeech.errors import ListError, UsageError


@pytest.fixture
def text(tmp_path):
    """text(path, content) writes a file and its folders."""

    def write(path, content):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
        return path

    return write


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def prepared(data, tmp_path):
    """prepared(name) -> the report and {split: {path: pinyin}} of what the lists say."""

    def prepare(name, root=None):
        report = write_lists(name, CORPORA[name].recordings(root or data), tmp_path / "config", data, Limits())
        lists = {
            split: {clip.path: " ".join(clip.pinyin) for clip in read_list(path)}
            for split in ("train", "dev", "test")
            if (path := tmp_path / f"config/{name}_{split}.txt").exists()
        }
        return report, lists

    return prepare


def reasons(report):
    return sorted((row.path, row.reason) for row in report.dropped)


AISHELL = {  # the first words of each split, as published
    "train/S0002/BAC009S0002W0122": ("而 对 楼市 成交 抑制 作用 最 大 的 限 购", "er2 dui4 lou2 shi4"),
    "dev/S0724/BAC009S0724W0121": ("广州市 房地产 中介 协会 分析", "guang3 zhou1 shi4 fang2 di4 chan3"),
    "test/S0764/BAC009S0764W0121": ("甚至 出现 交易 几乎 停滞 的 情况", "shen4 zhi4 chu1 xian4"),
}


def aishell_tree(data, speak, text, tar_of):
    text(
        data / "data_aishell/transcript/aishell_transcript_v0.8.txt",
        "".join(f"{name.rpartition('/')[2]} {words}\n" for name, (words, _) in AISHELL.items())
        + "BAC009S0002W9999 没有 录音\n",
    )
    for name in [*AISHELL, "train/S0002/BAC009S0002W0999"]:
        recording = speak(data / "tmp.wav", 3.0)
        split, speaker, _ = name.split("/")
        if split == "train":  # this speaker is still packed, with a recording that has no transcript
            members = {f"{n}.wav": recording.read_bytes() for n in (name, "train/S0002/BAC009S0002W0122")}
            tar_of(members, f"{speaker}.tar.gz", data / "data_aishell/wav")
        else:
            (data / f"data_aishell/wav/{split}/{speaker}").mkdir(parents=True)
            recording.rename(data / f"data_aishell/wav/{name}.wav")
    (data / "tmp.wav").unlink(missing_ok=True)


def test_aishell(data, speak, text, tar_of, prepared, tmp_path):
    aishell_tree(data, speak, text, tar_of)
    report, lists = prepared("aishell")
    for name, (_, pinyin) in AISHELL.items():
        assert lists[name.split("/")[0]][f"data_aishell/wav/{name}.wav"].startswith(pinyin)
    assert reasons(report) == [
        ("BAC009S0002W9999", "missing"),
        ("data_aishell/wav/train/S0002/BAC009S0002W0999.wav", "no transcript"),
    ]
    assert lists_of("aishell", "test", tmp_path / "config")
    again, _ = prepared("aishell", data / "data_aishell")  # the folder itself is a root too
    assert str(again) == str(report)


def test_aishell_labels_are_those_of_the_original_list(shared, data, text, speak, prepared):
    lines = [line.split("\t") for line in (shared / "lists/aishell_dev.txt").read_text().splitlines()[:300:20]]
    text(
        data / "data_aishell/transcript/aishell_transcript_v0.8.txt",
        "".join(f"{path.rpartition('/')[2][:-4]} {' '.join(hanzi)}\n" for path, _, hanzi in lines),
    )
    for path, _, _ in lines:
        speak(data / path, 9.0)
    _, lists = prepared("aishell")
    assert lists == {"dev": {path: pinyin for path, pinyin, _ in lines}}


@pytest.mark.parametrize("layout", ["files", "links", "named"])
def test_thchs(layout, data, speak, text, prepared):
    """Transcripts in the splits are copies, symbolic links, or files that hold the path of the real one."""
    root, words = data / "data_thchs30", {"A11_0": "train", "B11_374": "train", "A11_101": "dev", "D11_750": "test"}
    for name, split in words.items():
        content = "绿 是 阳春 l = 烟 景\nlv4 shi4 yang2 chun1 yan1 jing3\nl v4 sh ix4\n"
        trn = text(root / f"data/{name}.wav.trn", content)
        wav = speak(root / f"data/{name}.wav")
        (root / split).mkdir(exist_ok=True)
        if layout == "links":
            os.symlink(f"../data/{name}.wav", root / split / f"{name}.wav")
            os.symlink(f"../data/{name}.wav.trn", root / split / f"{name}.wav.trn")
        else:
            shutil.copy(wav, root / split)
            shutil.copy(trn, root / split)
        if layout == "named":
            text(root / split / f"{name}.wav.trn", f"../data/{name}.wav.trn\n")
    text(root / "lm_word/lexicon.txt", "绿 l v4\n")
    report, lists = prepared("thchs")
    assert not report.dropped
    assert {path: split for split in lists for path in lists[split]} == {
        f"data_thchs30/{split}/{name}.wav": split for name, split in words.items()
    }
    assert {pinyin for part in lists.values() for pinyin in part.values()} == {"lv4 shi4 yang2 chun1 yan1 jing3"}
    assert "text of test that is in train too: 1 of 1 clips" in report.notes


def test_thchs_links_that_windows_left_as_text_lead_to_the_recording(data, speak, text, prepared):
    for name in ("A11_0", "A11_1"):
        text(data / f"data_thchs30/data/{name}.wav.trn", "绿 是\nlv4 shi4\n")
        text(data / f"data_thchs30/train/{name}.wav.trn", f"../data/{name}.wav.trn")
        speak(data / f"data_thchs30/data/{name}.wav")
    text(data / "data_thchs30/train/A11_0.wav", "../data/A11_0.wav")
    _, lists = prepared("thchs")
    assert lists == {"train": {f"data_thchs30/data/A11_{n}.wav": "lv4 shi4" for n in (0, 1)}}


def test_stcmds(data, speak, text, prepared):
    root = data / "ST-CMDS-20170001_1-OS"
    for person in range(60):
        for kind, number in (("A", 1), ("I", 2)):
            name = f"20170001P{person:05}{kind}{number:04}"
            speak(root / f"{name}.wav", 1.0)
            text(root / f"{name}.txt", "你好，请打开灯")
            text(root / f"{name}.metadata", "SEX\tM\n")
    (root / "20170001P00007A0001.txt").unlink()
    report, lists = prepared("stcmds")
    assert reasons(report) == [("ST-CMDS-20170001_1-OS/20170001P00007A0001.wav", "no transcript")]
    people = {split: {path.rpartition("/")[2][8:14] for path in part} for split, part in lists.items()}
    assert not (people["train"] & people["dev"] | people["train"] & people["test"] | people["dev"] & people["test"])
    assert sum(map(len, people.values())) == 60 and len(people["train"]) > 40
    assert set(lists["train"].values()) == {"ni3 hao3 qing3 da3 kai1 deng1"}
    assert report.notes[0] == "split by a hash of the speaker"
    assert prepared("stcmds")[1] == lists  # and the same on every run


def test_primewords(data, speak, text, prepared):
    root = data / "primewords_md_2018_set1"
    files = [f"{n:x}0ab{n}-0000-4000-8000-000000000000.wav" for n in range(12)]
    for name in [*files, "f0-unnamed.wav"]:
        speak(root / f"audio_files/{name[0]}/{name[:2]}/{name}", 1.0)
    records = [
        {"id": str(n), "file": name, "user_id": f"{n % 6}", "text": "今天 天气 很 好", "length": "1.0"}
        for n, name in enumerate([*files, files[0], "e0-gone.wav"])
    ]
    text(root / "set1_transcript.json", json.dumps(records, ensure_ascii=False))
    report, lists = prepared("primewords")
    at = "primewords_md_2018_set1/audio_files"
    assert reasons(report) == sorted(
        [
            (f"{at}/{files[0][0]}/{files[0][:2]}/{files[0]}", "duplicate id"),
            (f"{at}/e/e0/e0-gone.wav", "missing"),
            (f"{at}/f/f0/f0-unnamed.wav", "no transcript"),
        ]
    )
    assert sum(map(len, lists.values())) == 12 and {*lists} == {"train", "dev", "test"}
    assert {p for part in lists.values() for p in part.values()} == {"jin1 tian1 tian1 qi4 hen3 hao3"}


def test_primewords_with_a_broken_transcript(data, text):
    for content in ("[{", '[{"file": "a.wav"}]', '{"a": 1}'):
        text(data / "primewords_md_2018_set1/set1_transcript.json", content)
        with pytest.raises(ListError, match="not the published transcript"):
            CORPORA["primewords"].prepare(data)


def test_magicdata(data, speak, text, prepared):
    sentences = {"train": "[FIL]今天 天气！", "dev": "播放《晴天》SPK", "test": "打开，Wi-Fi"}
    for n, (split, words) in enumerate(sentences.items()):
        name = f"38_571{n}_20170914202211"
        speak(data / f"magicdata/{split}/38_571{n}/{name}.wav")
        text(
            data / f"magicdata/{split}/TRANS.txt",
            f"UtteranceID\tSpeakerID\tTranscription\n{name}.wav\t38_571{n}\t{words}\n",
        )
    report, lists = prepared("magicdata")
    assert [list(part.values()) for part in lists.values()] == [
        ["jin1 tian1 tian1 qi4"],
        ["bo1 fang4 qing2 tian1"],
        ["da3 kai1 <UNK> <UNK>"],
    ]
    assert not report.dropped
    assert any(note.startswith("words without a syllable are labelled <UNK> in 1 clips") for note in report.notes)


def test_magicdata_names_the_line_of_a_bad_transcript(data, text):
    path = text(data / "magicdata/dev/TRANS.txt", "UtteranceID\tSpeakerID\tTranscription\na.wav 1 text\n")
    with pytest.raises(ListError, match=rf"{path}:2: 1 columns"):
        CORPORA["magicdata"].prepare(data)


def test_aidatatang(data, speak, text, tar_of, prepared):
    root = data / "aidatatang_200zh"
    lines = []
    for n, split in enumerate(("train", "dev", "test")):
        name = f"T0055G000{n}S0001"
        recording = speak(data / "tmp.wav")
        tar_of(
            {f"G000{n}/{name}.wav": recording.read_bytes(), f"G000{n}/{name}.txt": "以后".encode()},
            f"G000{n}.tar.gz",
            root / "corpus" / split,
        )
        lines.append(f"{name} 以后 你 是 男孩子\n")
    (data / "tmp.wav").unlink()
    text(root / "transcript/aidatatang_200_zh_transcript.txt", "".join(lines))
    report, lists = prepared("aidatatang")
    assert not report.dropped
    for n, split in enumerate(("train", "dev", "test")):
        path = f"aidatatang_200zh/corpus/{split}/G000{n}/T0055G000{n}S0001.wav"
        assert lists[split] == {path: "yi3 hou4 ni3 shi4 nan2 hai2 zi"}


def test_the_publishers_archive_in_the_root_is_unpacked(data, speak, text, tar_of, prepared, tmp_path):
    for split in ("train", "dev", "test"):
        name = f"38_{split}_20170914202211"
        recording = speak(tmp_path / "tmp.wav").read_bytes()
        trans = f"UtteranceID\tSpeakerID\tTranscription\n{name}.wav\t38_{split}\t你好\n".encode()
        members = {f"{split}/38_{split}/{name}.wav": recording, f"{split}/TRANS.txt": trans}
        tar_of(members, f"{split}_set.tar.gz", data)
    _, lists = prepared("magicdata")
    assert {split: len(part) for split, part in lists.items()} == {"train": 1, "dev": 1, "test": 1}
    for archive in data.glob("*.tar.gz"):
        archive.write_bytes(b"")  # not looked at again
    assert prepared("magicdata")[1] == lists


@pytest.mark.parametrize("name", [name for name in CORPORA if name != "folder"])
def test_an_absent_corpus_is_reported_with_the_expected_files(name, data):
    with pytest.raises(UsageError, match=r"no .+ in .*data: .* is expected; .*--download"):
        CORPORA[name].prepare(data)


BY_APPLICATION = {"aishell2", "wenetspeech", "kespeech", "commonvoice", "voxforge", "cmu", "ksponspeech"}
YOURS = {"webdataset", "folder"}


def test_every_corpus_has_its_pair(root):
    for name, corpus in CORPORA.items():
        assert corpus.prepare.__name__ == (f"{name}_folders" if corpus.noise else f"prepare_{name}")
        assert (corpus.download is None) == (name in BY_APPLICATION | YOURS)
