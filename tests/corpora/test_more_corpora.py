"""English, Korean, conversational and other corpora, each from a small tree laid out like the original."""

import json
import zipfile

import numpy as np
import pytest
import soundfile

from ramospeech import audio
from ramospeech.corpora import CORPORA, read_list
from ramospeech.corpora.__main__ import main
from ramospeech.corpora.download import Archive, unpack_found
from ramospeech.corpora.ksponspeech import spoken
from ramospeech.corpora.unpack import unpack
from ramospeech.errors import ListError, RamospeechError, UsageError
from ramospeech.text.units import UNITS


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def put(data, rng):
    """put(name, content) writes text, bytes, or (without content) a second of noise, in the format of the name."""

    def write(name, content=None, seconds=1.0):
        path = data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            samples = rng.normal(0, 0.1, round(seconds * 16_000)).astype(np.float32)
            form = {".sph": "NIST", ".opus": "OGG"}.get(path.suffix)
            soundfile.write(path, samples, 16_000, format=form, subtype="OPUS" if path.suffix == ".opus" else None)
        else:
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def prepare(data, tmp_path, capsys):
    """prepare(corpus, options) -> {split: {path: (tokens, text)}} by the program, and what it has printed."""

    def run(name, *options):
        place = ["--root", str(data), "--data_root", str(data), "--config_path", str(tmp_path / "lists")]
        assert main([name, *place, "--dev_fraction", "0.3", "--test_fraction", "0", *options]) == 0
        lists = {}
        for split in ("train", "dev", "test"):
            path = tmp_path / f"lists/{name}_{split}.txt"
            if path.exists():
                rows = (line.split("\t") for line in path.read_text("utf-8").splitlines())
                lists[split] = {row[0]: (row[1], row[2]) for row in rows}
        return lists, capsys.readouterr().out

    return run


def raw(order, seconds=1.0):
    tone = 8000 * np.sin(np.arange(round(16_000 * seconds)) / 10)
    return tone.astype(f"{order}i2").tobytes()


def test_an4(put, prepare, data):
    names = [(f"an4_clstk/s{n}/an{n}-s{n}-b", "train") for n in range(6)] + [("an4test_clstk/t/cen1-t-b", "test")]
    for split in ("train", "test"):
        mine = [name for name, part in names if part == split]
        put(f"an4/etc/an4_{split}.fileids", "\n".join(mine))
        form = "<s> yes it's me </s> ({})\n" if split == "train" else "RUBOUT G M ({})\n"
        put(f"an4/etc/an4_{split}.transcription", "".join(form.format(name.split("/")[-1]) for name in mine))
        for name in mine:
            put(f"an4/wav/{name}.raw", raw(">", 2.0))
    recordings = {recording.id: recording for recording in CORPORA["an4"].recordings(data)}
    assert recordings["an0-s0-b"].text == "YES IT'S ME" and recordings["cen1-t-b"].text == "RUBOUT G M"
    lists, shown = prepare("an4")
    assert len(lists["train"]) + len(lists["dev"]) == 6 and lists["dev"]
    (path, (tokens, text)), *_ = lists["test"].items()
    assert path == "an4/wav/an4test_clstk/t/cen1-t-b.raw#s16be" and text == "rubout g m"
    assert tokens == "r u b o u t ▁ g ▁ m"
    assert np.abs(audio.load(data / path)).max() == pytest.approx(8000 / 32768, rel=1e-3)
    assert "dev of train: split by a hash of the speaker" in shown
    (half, *_) = CORPORA["an4"].recordings(data, sample_rate=8000)
    assert half.path.name == "an0-s0-b.raw#s16be@8000" and audio.duration(half.path) == 4.0


def test_a_line_of_an4_without_an_id(put, data):
    put("an4/etc/an4_train.transcription", "<s> YES </s>\n")
    put("an4/etc/an4_test.transcription", "")
    with pytest.raises(ListError, match=r"an4_train.transcription:1: no id in brackets"):
        CORPORA["an4"].recordings(data)


def test_an_english_tree_of_wav_and_txt(put, prepare):
    for n in range(3):
        put(f"{('train', 'train', 'val')[n]}/an4/wav/a{n}.wav")
        put(f"{('train', 'train', 'val')[n]}/an4/txt/a{n}.txt", "YES SIR")
    lists, _ = prepare("folder", "--name", "folder")
    assert {split: len(rows) for split, rows in lists.items()} == {"train": 2, "dev": 1}
    assert lists["dev"] == {"val/an4/wav/a2.wav": ("y e s ▁ s i r", "yes sir")}


def test_librispeech(put, prepare):
    for part in ("train-clean-100", "train-other-500", "dev-clean", "test-clean", "test-other"):
        put(f"LibriSpeech/{part}/103/1240/103-1240.trans.txt", f"103-1240-{part} CHAPTER ONE\n103-1240-{part}-gone X\n")
        put(f"LibriSpeech/{part}/103/1240/103-1240-{part}.flac")
    lists, shown = prepare("librispeech")
    assert {split: len(rows) for split, rows in lists.items()} == {"train": 2, "dev": 1, "test": 2}
    assert set(lists["dev"].values()) == {("c h a p t e r ▁ o n e", "chapter one")}
    assert "10 found, 5 kept, 5 left out (missing 5)" in shown
    lists, _ = prepare("librispeech", "--parts", "train-clean-100", "test-clean")
    assert {split: len(rows) for split, rows in lists.items()} == {"train": 1, "test": 1}
    archives = CORPORA["librispeech"].chosen(["dev-clean"])
    assert [archive.addresses(["https://x"]) for archive in archives] == [["https://x/12/dev-clean.tar.gz"]]


@pytest.mark.parametrize("train", ["TEDLIUM_release-3/data", "TEDLIUM_release2/train"])
def test_tedlium(put, prepare, train, data):
    release = train.split("/")[0]
    dev = f"{release}/legacy/dev" if release.endswith("3") else f"{release}/dev"
    for place, talk in ((train, "Some"), (dev, "Other")):
        put(f"{place}/sph/{talk}_2010.sph", seconds=9.0)
        put(
            f"{place}/stm/{talk}_2010.stm",
            ";; comment\nSome_2010 1 Some_2010 0.50 3.25 <o,f0,male> i 'm the(2) first\n"
            "Some_2010 1 inter_segment_gap 4 5 <o,,unknown> ignore_time_segment_in_scoring\n",
        )
    lists, _ = prepare("tedlium")
    assert lists["train"] == {f"{train}/sph/Some_2010.sph#0.5-3.25": ("i ' m ▁ t h e ▁ f i r s t", "i'm the first")}
    assert len(lists["dev"]) == 1 and len(audio.load(data / next(iter(lists["train"])))) == 44_000
    put(f"{train}/stm/Some_2010.stm", "Some_2010 1 Some_2010 3.5 3.25 <o,f0,male> i\n")
    with pytest.raises(ListError, match=r"Some_2010.stm:1: not a line of an .stm"):
        CORPORA["tedlium"].recordings(data)


def test_voxforge(put, prepare):
    for who in ("anna-20080101-abc", "ben-20080101-abc", "anonymous-20080101-xyz", "anonymous-20080102-zzz"):
        put(f"{who}/etc/PROMPTS" if who[0] == "a" else f"{who}/etc/prompts-original", f"{who}/mfc/a0001 SHE IS HERE\n")
        put(f"{who}/wav/a0001.wav" if who != "ben-20080101-abc" else f"{who}/flac/a0001.flac")
    recordings = CORPORA["voxforge"].recordings(put("x", "").parent)
    assert {recording.speaker for recording in recordings} == {
        "anna",
        "ben",
        "anonymous-20080101-xyz",
        "anonymous-20080102-zzz",
    }
    lists, _ = prepare("voxforge")
    assert sum(map(len, lists.values())) == 4 and lists["dev"]


def in_sets(lists):
    return {split: set(rows.values()) for split, rows in lists.items()}


def in_each(rows):
    return {split: rows for split in ("train", "dev", "test")}


COMMON_VOICE = "client_id\tpath\tsentence_id\tsentence\tup_votes\tdown_votes\tlocale\n"


def release(put, base, language, sentence):
    for n, table in enumerate(("train", "dev", "test", "invalidated", "other")):
        put(f"{base}/{table}.tsv", COMMON_VOICE + f"c{n}\tv_{n}.mp3\ts\t{sentence}\t2\t0\t{language}\n")
        put(f"{base}/clips/v_{n}.mp3", seconds=3.0)
    rows = "".join(f"c{n}\tv_{n}.mp3\ts\t{sentence}\t2\t0\t{language}\n" for n in range(3))
    put(f"{base}/validated.tsv", COMMON_VOICE + rows)
    put(f"{base}/reported.tsv", "sentence_id\tsentence\tlocale\treason\ns\t句子\tzh-CN\tdifferent\n")
    put(f"{base}/clip_durations.tsv", "clip\tduration[ms]\nv_0.mp3\t4001\nv_1.mp3\t4001\n")
    put(f"{base}/validated_sentences.tsv", "sentence_id\tsentence\tsource\ns\t句子\tx\n")
    put(f"{base}/unvalidated_sentences.tsv", "sentence\tsource\n句子\tx\n")


@pytest.mark.parametrize("base", ["cv-corpus-17.0-2024-03-15/zh-CN", "zh-CN", "."])
@pytest.mark.parametrize("corpus", ["commonvoice", "folder"])
def test_a_mandarin_release_of_common_voice(put, prepare, base, corpus):
    release(put, base, "zh-CN", '他说"四千')
    folder = ["--name", "folder", "--root", str(put(f"{base}/x", "").parent)]
    lists, _ = prepare(corpus, *(folder if corpus == "folder" else ()))
    assert in_sets(lists) == in_each({("ta1 shuo1 si4 qian1", "他说四千")})


def test_common_voice_of_other_languages(put, prepare, data):
    release(put, "cv/de", "de", "Das ist schön, oder?")
    lists, _ = prepare("commonvoice", "--root", str(data / "cv"))
    assert set(lists["train"].values()) == {("d a s ▁ i s t ▁ s c h o n ▁ o d e r", "das ist schon oder")}
    release(put, "cv/fr", "fr", "oui")
    with pytest.raises(UsageError, match="2 languages below"):
        CORPORA["commonvoice"].recordings(data / "cv")
    for name in ("train", "dev", "test"):
        (data / f"cv/fr/{name}.tsv").unlink()
    assert len(CORPORA["commonvoice"].recordings(data / "cv/fr")) == 3
    with pytest.raises(UsageError, match="no Common Voice in"):
        CORPORA["commonvoice"].recordings(data / "cv/fr/clips")


def test_zeroth(put, prepare):
    for part in ("train", "test"):
        for speaker in ("104", "105", "106", "107"):
            put(
                f"zeroth_korean/{part}_data_01/003/{speaker}/{speaker}_003.trans.txt", f"{speaker}_003_1 지난해 삼 월\n"
            )
            put(f"zeroth_korean/{part}_data_01/003/{speaker}/{speaker}_003_1.flac", seconds=2.0)
    lists, _ = prepare("zeroth")
    assert sum(map(len, lists.values())) >= 4 and lists["train"]
    assert set(lists["train"].values()) == {("지 난 해 ▁ 삼 ▁ 월", "지난해 삼 월")}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("아/ 몬 소리야, 그건 또. b/", "아 몬 소리야, 그건 또."),
        ("(70%)/(칠십 퍼센트) 확률이라니 n/ o/", "칠십 퍼센트 확률이라니"),
        ("그+ 그래가지고 뭐* u/ (1시)/(한 시) l/", "그 그래가지고 뭐 한 시"),
        ("o/ 어제 (PC방)/(피씨방)에 갔어", "어제 피씨방에 갔어"),
        ("", ""),
    ],
)
def test_the_notation_of_ksponspeech(written, meant):
    assert spoken(written) == meant


def test_ksponspeech(put, prepare, data):
    part = "KsponSpeech_01/KsponSpeech_0001"
    put(f"a/{part}/KsponSpeech_000001.pcm", raw("<", 2.0))
    put(f"a/{part}/KsponSpeech_000001.txt", "b/ (3월)/(삼 월)".encode("cp949"))
    lists, _ = prepare("ksponspeech")
    path = f"a/{part}/KsponSpeech_000001.pcm#s16le"
    assert lists == {"train": {path: ("삼 ▁ 월", "삼 월")}}
    assert np.abs(audio.load(data / path)).max() == pytest.approx(8000 / 32768, rel=1e-3)
    put("a/KsponSpeech_eval/eval_clean/KsponSpeech_E00001.pcm", raw("<", 2.0))
    put("s/train.trn", f"{part}/KsponSpeech_000001.pcm :: 아/ 예\n{part}/KsponSpeech_000002.pcm :: 예\n")
    put("s/eval_clean.trn", "KsponSpeech_eval/eval_clean/KsponSpeech_E00001.pcm :: 네.\n")
    lists, shown = prepare("ksponspeech")
    assert lists["train"] == {path: ("아 ▁ 예", "아 예")} and set(lists["test"].values()) == {("네", "네")}
    assert "missing 1" in shown
    put("s/dev.trn", "x.pcm 예\n")
    with pytest.raises(ListError, match=r"dev.trn:1: no ` :: ` between"):
        CORPORA["ksponspeech"].recordings(data)


def test_arrays_of_cmu(put, data, prepare):
    for part, name in (
        ("train-clean-100", "103-1240-0000"),
        ("train-clean-100", "103-1240-0001"),
        ("dev-clean", "84-1-0"),
    ):
        folder = data / f"hw4p2/{part}/transcript/raw"
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / f"{name}.npy", np.array(["<sos>", *"ONE TWO", "<eos>"]))
        mfcc = data / f"hw4p2/{part}/mfcc"
        mfcc.mkdir(exist_ok=True)
        np.save(mfcc / f"{name}.npy", np.zeros((100, 28), np.float32))
    assert main(["cmu", "--root", str(data), "--config_path", str(data / "c")]) == 2
    assert (data / "c/cmu_dropped.tsv").read_text().count("an array of features, of which no audio can be had") == 3
    put("LibriSpeech/train-clean-100/103/1240/103-1240-0000.flac")
    put("LibriSpeech/dev-clean/84/1/84-1-0.flac")
    lists, shown = prepare("cmu")
    assert set(lists["train"].values()) == set(lists["dev"].values()) == {("o n e ▁ t w o", "one two")}
    assert "3 found, 2 kept, 1 left out (missing 1)" in shown


def test_aishell_2_and_3(put, prepare):
    for place, name in (("iOS/data", "IC0001W0001"), ("DEV-TEST/iOS/dev", "ID0011W0001"), ("DEV-TEST/Mic/test", "MT1")):
        put(f"AISHELL-2/{place}/trans.txt", f"{name}\t厨房用品\n")
        put(f"AISHELL-2/{place}/wav/C0001/{name}.wav", seconds=2.0)
    lists, _ = prepare("aishell2")
    assert in_sets(lists) == in_each({("chu2 fang2 yong4 pin3", "厨房用品")})
    for split in ("train", "test"):
        rows = "".join(f"SSB000{n}0001.wav\t花儿 huar1 广 guang3\n" for n in range(4))
        put(f"data_aishell3/{split}/content.txt", rows)
        for n in range(4):
            put(f"data_aishell3/{split}/wav/SSB000{n}/SSB000{n}0001.wav", seconds=2.0)
    recordings = CORPORA["aishell3"].recordings(put("x", "").parent)
    assert len(recordings) == 8 and {recording.text for recording in recordings} == {"花儿广"}


GRID = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 10.0
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "001-M"
        xmin = 0
        xmax = 10.0
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 1.5
            text = ""
        intervals [2]:
            xmin = 1.5
            xmax = 4.0
            text = "我们""开始""吧"
    item [2]:
        class = "IntervalTier"
        name = "002-F"
        xmin = 0
        xmax = 10.0
        intervals: size = 1
        intervals [1]:
            xmin = 3.0
            xmax = 6.0
            text = "好的"
"""


def test_meetings(put, prepare, data):
    put("train_S/TextGrid/20200616_M.TextGrid", GRID)
    put("train_S/wav/20200616_M.flac", seconds=10)
    put("test/TextGrid/L_R.TextGrid", GRID)
    recordings = CORPORA["aishell4"].recordings(data)
    assert [(r.split, r.text, r.problem) for r in recordings] == [
        ("test", '我们"开始"吧', "missing"),
        ("test", "好的", "missing"),
        ("train", '我们"开始"吧', ""),
        ("train", "好的", ""),
    ]
    lists, shown = prepare("aishell4", "--dev_fraction", "0")
    assert set(lists["train"]) == {"train_S/wav/20200616_M.flac#1.5-4", "train_S/wav/20200616_M.flac#3-6"}
    assert "begins while another person speaks: 1 clips" in shown
    put("Train_Ali_near/textgrid_dir/R0003_M0046_F_SPK0093.TextGrid", GRID)
    put("Train_Ali_near/audio_dir/R0003_M0046_F_SPK0093.wav", seconds=10)
    put("Eval_Ali/Eval_Ali_far/textgrid_dir/R8001_M8004.TextGrid", GRID)
    put("Eval_Ali/Eval_Ali_far/audio_dir/R8001_M8004_MS801.wav", seconds=10)
    lists, _ = prepare("alimeeting")
    assert len(lists["train"]) == len(lists["dev"]) == 2
    assert "Eval_Ali/Eval_Ali_far/audio_dir/R8001_M8004_MS801.wav#3-6" in lists["dev"]


def test_ramc(put, prepare, data):
    put("MagicData-RAMC/DataPartition/train.tsv", "/home/x\nCTS-1.wav\t100\nCTS-2.wav\t100\n")
    put("MagicData-RAMC/DataPartition/dev.tsv", "CTS-3.wav\t100\n")
    for n in (1, 3):
        put(f"MagicData-RAMC/MDT2021S003/WAV/CTS-{n}.wav", seconds=8)
        put(
            f"MagicData-RAMC/MDT2021S003/TXT/CTS-{n}.txt",
            "[1.319,3.691]\tG00000140\t女,普通话\t你好[*]\n[4,5]\tG00000000\t无\t[MUSIC]\n[5,7.5]\tG2\t男,普通话\t[LAUGHTER]对\n",
        )
    lists, shown = prepare("ramc")
    base = "MagicData-RAMC/MDT2021S003/WAV"
    assert lists["train"] == {
        f"{base}/CTS-1.wav#1.319-3.691": ("ni3 hao3 <UNK>", lists["train"][f"{base}/CTS-1.wav#1.319-3.691"][1]),
        f"{base}/CTS-1.wav#5-7.5": ("dui4", "对"),
    }
    assert len(lists["dev"]) == 2 and "no transcript 1" in shown
    put("MagicData-RAMC/MDT2021S003/TXT/CTS-1.txt", "[1.3]\tG1\t女\t你好\n")
    with pytest.raises(ListError, match=r"CTS-1.txt:1: not `\[start,end\]"):
        CORPORA["ramc"].recordings(data)


def test_wenetspeech(put, prepare, data, monkeypatch):
    def segment(sid, begin, subsets):
        return {"sid": sid, "begin_time": begin, "end_time": begin + 2, "subsets": subsets, "text": "怎么样"}

    pieces = {
        "y1": [segment("a", 0, ["L", "S"]), segment("b", 3, ["L"])],
        "y2": [segment("c", 1, ["DEV"]), segment("d", 4, ["W"])],
    }
    audios = [{"aid": n, "path": f"audio/{n}.opus", "duration": 9, "segments": of} for n, of in pieces.items()]
    put("WenetSpeech/WenetSpeech.json", json.dumps({"tasks": "ASR", "audios": audios}, indent=2, ensure_ascii=False))
    for name in ("y1", "y2"):
        put(f"WenetSpeech/audio/{name}.opus", seconds=9)
    monkeypatch.setattr("ramospeech.corpora.wenetspeech._BLOCK", 97)  # so that records lie across blocks
    lists, _ = prepare("wenetspeech")
    assert set(lists["train"]) == {"WenetSpeech/audio/y1.opus#0-2", "WenetSpeech/audio/y1.opus#3-5"}
    assert set(lists["dev"]) == {"WenetSpeech/audio/y2.opus#1-3"}
    lists, _ = prepare("wenetspeech", "--parts", "S")
    assert set(lists["train"]) == {"WenetSpeech/audio/y1.opus#0-2"}
    put("WenetSpeech/WenetSpeech.json", '{"audios": [{"aid": 1}')
    with pytest.raises(ListError, match="not the published description"):
        CORPORA["wenetspeech"].recordings(data)


def test_kespeech(put, prepare):
    for part in ("train_phase1", "train_phase2", "dev_phase1", "test"):
        put(f"KeSpeech/Tasks/ASR/{part}/wav.scp", f"u_{part} Audio/1000001/{part}.wav\n")
        put(f"KeSpeech/Tasks/ASR/{part}/text", f"u_{part} 你好<SPOKEN_NOISE>吗\n")
        put(f"KeSpeech/Tasks/ASR/{part}/utt2spk", f"u_{part} 1000001\n")
        put(f"KeSpeech/Audio/1000001/{part}.wav")
    lists, _ = prepare("kespeech")
    assert {split: len(rows) for split, rows in lists.items()} == {"train": 2, "dev": 1, "test": 1}
    assert lists["test"] == {"KeSpeech/Audio/1000001/test.wav": ("ni3 hao3 ma", "你好吗")}


def test_fleurs(put, prepare, data):
    for n, split in enumerate(("train", "dev", "test")):
        put(f"cmn_hans_cn/{split}.tsv", f"1\t{n}.wav\t它们是“真的”。\t它 们 是 真 的\tx\t16000\tMALE\n")
        put(f"cmn_hans_cn/audio/{split}/{n}.wav" if n else f"cmn_hans_cn/{split}/{n}.wav", seconds=2)
    lists, _ = prepare("fleurs")
    assert in_sets(lists) == in_each({("ta1 men shi4 zhen1 de", "它们是真的")})
    put("cmn_hans_cn/dev.tsv", "1\t2.wav\n")
    with pytest.raises(ListError, match=r"dev.tsv:1: 2 columns, not 7"):
        CORPORA["fleurs"].recordings(data)


def test_noise_and_rooms_are_folders(put, data, capsys):
    put("musan/noise/free/a.wav")
    put("musan/music/b.wav")
    assert main(["musan", "--root", str(data)]) == 0
    shown = capsys.readouterr().out
    assert f"--noise {data}/musan/noise    1 recordings" in shown and "--music" in shown
    with zipfile.ZipFile(data / "rirs_noises.zip", "w") as file:
        for name in ("simulated_rirs/smallroom/Room001/a.wav", "pointsource_noises/b.wav"):
            file.writestr(f"RIRS_NOISES/{name}", b"RIFF")
    assert main(["rirs", "--root", str(data)]) == 0
    assert f"--rooms {data}/RIRS_NOISES/simulated_rirs    1 recordings" in capsys.readouterr().out


def test_a_zip_that_leads_out_or_is_damaged_is_refused(data, tmp_path):
    with zipfile.ZipFile(data / "a.zip", "w") as file:
        file.writestr("good.txt", b"1")
        file.writestr("../out.txt", b"1")
    with pytest.raises(RamospeechError, match=r"member '../out.txt' would land outside"):
        unpack(data / "a.zip", data / "in")
    assert not (data / "out.txt").exists() and not (data / "in").exists()
    (data / "b.zip").write_bytes(b"PK\x03\x04 no zip")
    with pytest.raises(RamospeechError, match="not a zip archive"):
        unpack(data / "b.zip", data / "in")


def test_what_is_fetched_need_not_be_an_archive(data):
    table = Archive(name="train.tsv", url="https://h/x", save_in="a")
    assert table.addresses([]) == ["https://h/x/train.tsv"] and table.path(data) == data / "a/train.tsv"
    table.path(data).parent.mkdir()
    table.path(data).write_text("x")
    unpack_found([table], data)
    assert table.path(data).read_text() == "x"


@pytest.mark.parametrize("name", [name for name in CORPORA if name != "folder"])
def test_an_empty_root_is_one_line(name, data, capsys):
    assert main([name, "--root", str(data)]) == 2
    error = capsys.readouterr().err
    assert (error.startswith("error: no ") and error.count("\n") == 1 and "--root" in error) or "expected" in error


def test_every_list_is_read_in_its_units(put, prepare, tmp_path):
    put("zeroth_korean/train_data_01/003/104/104_003.trans.txt", "104_003_1 지난해\n")
    put("zeroth_korean/train_data_01/003/104/104_003_1.flac")
    prepare("zeroth", "--dev_fraction", "0")
    (clip,) = read_list(tmp_path / "lists/zeroth_train.txt", UNITS["characters"])
    assert clip.tokens == ("지", "난", "해")


def test_parts_that_are_not_there(capsys):
    assert main(["librispeech", "--parts", "train-clean-7"]) == 2
    assert "--parts train-clean-7: librispeech has the parts train-clean-100" in capsys.readouterr().err
    assert main(["thchs", "--parts", "x"]) == 2
    assert "thchs has the parts none" in capsys.readouterr().err
