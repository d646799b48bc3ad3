"""speech2text.py and its wrapper as programs: bad input of every kind, exit statuses, formats."""

import importlib
import json
import os
import re
import subprocess

import numpy as np
import pytest
import soundfile
import torch

from ramospeech.model import AcousticModel, ModelConfig, save_model
from ramospeech.text import Vocabulary
from ramospeech.translate import train_ngram


@pytest.fixture(scope="module")
def translator(tmp_path_factory):
    """A translator that has read one sentence."""
    folder = tmp_path_factory.mktemp("translator")
    (folder / "text.txt").write_text("今天天气很好\n", encoding="utf-8")
    train_ngram.main([str(folder / "text.txt"), "--output", str(folder / "tiny.safetensors")])
    return folder / "tiny.safetensors"


NO_TRANSLATOR = ["--translator", "none"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A tiny model with random weights, whose every syllable counts as speech."""
    torch.manual_seed(0)
    units = tuple(Vocabulary.inventory().units)
    config = ModelConfig(units, features="fbank", maps=(2, 2, 2, 2), fc=8, rnn=8, rnn_layers=1)
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    save_model(AcousticModel(config), path, {"min_confidence": 0.0})
    return path


@pytest.fixture
def transcribe(root, tmp_path, model, translator, monkeypatch, capsys):
    """Runs the program, in this process, with the tiny model and in a folder of its own."""
    monkeypatch.syspath_prepend(root)
    monkeypatch.chdir(tmp_path)
    program = importlib.import_module("speech2text")

    def run(*arguments):
        try:
            status = program.main(["--model", str(model), "--translator", str(translator), *arguments])
        except SystemExit as refusal:  # argparse's
            status = refusal.code
        return subprocess.CompletedProcess(arguments, status, *capsys.readouterr())

    return run


def noise(seconds: float, rate: int = 16000, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.3, 0.3, (round(seconds * rate), channels))


def test_every_kind_of_input(transcribe, tmp_path):
    clips = tmp_path / "clips"
    clips.mkdir()
    soundfile.write(clips / "8bit.wav", noise(1.0), 16000, subtype="PCM_U8")
    soundfile.write(clips / "8khz.wav", noise(1.0, 8000), 8000)
    soundfile.write(clips / "48khz.wav", noise(1.0, 48000, 2), 48000)
    soundfile.write(clips / "long.wav", noise(45.0), 16000)
    soundfile.write(clips / "opus.ogg", noise(1.0), 16000, subtype="OPUS")
    soundfile.write(clips / "short.wav", noise(0.02), 16000)
    (clips / "empty.wav").touch()
    (clips / "truncated.wav").write_bytes((clips / "8bit.wav").read_bytes()[:8000])
    (clips / "text.wav").write_text("not audio")
    done = transcribe("clips", "missing.wav", "--format", "tsv", "--output", "hyp.tsv")
    assert (done.returncode, done.stdout) == (3, "")
    rows = [line.split("\t") for line in (tmp_path / "hyp.tsv").read_text(encoding="utf-8").splitlines()]
    assert rows[0] == ["id", "pinyin", "hanzi", "seconds", "score", "error"]
    names = ["48khz", "8bit", "8khz", "empty", "long", "opus", "short", "text", "truncated"]
    extensions = [".ogg" if name == "opus" else ".wav" for name in names]
    assert [row[0] for row in rows[1:]] == [
        *(os.path.join("clips", name + end) for name, end in zip(names, extensions, strict=True)),
        "missing.wav",
    ]
    failed = {row[0]: row for row in rows[1:] if row[5]}
    reasons = {
        "clips/empty.wav": "empty",
        "clips/short.wav": "too short",
        "clips/text.wav": "cannot be read",
        "clips/truncated.wav": "truncated",
        "missing.wav": "no such file",
    }
    assert failed.keys() == reasons.keys()
    for name, reason in reasons.items():
        assert reason in failed[name][5]
        assert failed[name][1] == failed[name][2] == failed[name][4] == ""
        assert f"error: {failed[name][5]}" in done.stderr
    assert [row[3] for row in rows[1:4]] == ["1.000"] * 3
    assert rows[5][3] == "45.000"
    counts = "10 recordings: 5 transcribed, 5 failed (1 the file is empty, 1 too short, 1 cannot be read as audio, "
    assert done.stderr.splitlines()[-1].startswith(counts + "1 truncated, 1 no such file); ")


def test_the_recognised_syllables(transcribe, tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(2.0), 16000)
    lines = [transcribe("a.wav", *options, "--format", "tsv").stdout.splitlines()[1] for options in ([], NO_TRANSLATOR)]
    translated, heard = (line.split("\t") for line in lines)
    assert len(translated[2]) == len(translated[1].split()) == len(heard[1].split()) > 0 and heard[2] == ""
    assert transcribe("a.wav", *NO_TRANSLATOR).stdout == heard[1] + "\n"


def test_noise_is_left_out_and_reported(transcribe, tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(2.0), 16000)
    done = transcribe("a.wav", "--min_confidence", "0.5", "--format", "json")
    [transcript] = json.loads(done.stdout)
    assert (done.returncode, transcript["text"], transcript["tokens"], transcript["error"]) == (0, "", [], None)
    [[start, end]] = transcript["no_speech"]
    assert start == 0.0 and end > 1.8 and transcript["warnings"] and "--min_confidence 0 " in done.stderr
    assert "1 transcribed, 0 failed, 1 with parts taken as noise or music; " in done.stderr
    done = transcribe("a.wav", "--format", "json")
    assert json.loads(done.stdout)[0]["no_speech"] == [] and "noise or music" not in done.stderr
    assert transcribe("a.wav", "--min_confidence", "2").returncode == 2


def test_real_recordings_by_list_in_every_format(transcribe, shared, tmp_path):
    audio = shared / "audio"
    done = transcribe(
        str(audio / "samples.txt"), "--data_root", str(audio), "--format", "all", "--output", "out", "--nbest", "2"
    )
    assert (done.returncode, done.stdout) == (0, "")
    ids = [line.split("\t")[0] for line in (audio / "samples.txt").read_text(encoding="utf-8").splitlines()]
    entries = json.loads((tmp_path / "out" / "transcripts.json").read_text(encoding="utf-8"))
    assert [entry["id"] for entry in entries] == ids
    assert all(len(entry["text"]) == len(entry["pinyin"].split()) for entry in entries)
    assert len(os.listdir(tmp_path / "out")) == 3 + 4 * len(ids)


def test_a_folder_in_which_not_all_can_be_transcribed(transcribe, tmp_path):
    """Joined, unfinished and damaged files, formats of other libraries, samples without a header: each is named."""
    folder = tmp_path / "in"
    folder.mkdir()
    for kind in ("wav", "flac", "mp3", "ogg"):
        soundfile.write(folder / f"a.{kind}", noise(1.0), 16000)
        content = (folder / f"a.{kind}").read_bytes()
        (folder / f"a.{kind}").write_bytes(content + content)
    (folder / "b.m4a").write_bytes(b"\0\0\0\x18ftypM4A " + bytes(12))
    (folder / "c.pcm").write_bytes(bytes(32000))
    (folder / "d.mp3").symlink_to(tmp_path / "gone.mp3")
    done = transcribe("in", "--format", "tsv")
    assert done.returncode == 3
    rows = [line.split("\t") for line in done.stdout.splitlines()[1:]]
    assert [(row[0], row[3]) for row in rows] == [
        *((f"in/a.{kind}", "2.000") for kind in ("flac", "mp3", "ogg", "wav")),
        ("in/b.m4a", "0.000"),
    ]
    assert "in/b.m4a: " in rows[-1][5]
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert [line.split(": ")[1] for line in errors] == ["in/c.pcm", "in/d.mp3", "in/b.m4a"]
    assert "5 recordings: 4 transcribed, 1 failed" in done.stderr and "2 left out" in done.stderr


@pytest.mark.parametrize("count", [2, 3])
def test_one_transcript_for_each_channel(transcribe, tmp_path, count):
    waveform = np.random.default_rng(1).uniform(-0.3, 0.3, (32000, count))
    soundfile.write(tmp_path / "a.wav", waveform, 16000)
    soundfile.write(tmp_path / "b.wav", noise(1.0), 16000)
    for number in range(count):
        soundfile.write(tmp_path / f"c{number}.wav", waveform[:, number], 16000)
    done = transcribe("a.wav", "b.wav", "c.wav", "--channels", "split", "--format", "tsv")
    rows = [line.split("\t") for line in done.stdout.splitlines()[1:]]
    assert [row[0] for row in rows] == [*(f"a.wav#{n + 1}" for n in range(count)), "b.wav", "c.wav"]
    alone = transcribe(*(f"c{n}.wav" for n in range(count)), "--format", "tsv").stdout.splitlines()[1:]
    assert [row[1:4] for row in rows[:count]] == [line.split("\t")[1:4] for line in alone]
    assert done.returncode == 3 and rows[-1][5] == "c.wav: no such file; check the path and, for lists, --data_root"
    assert f"{count + 2} recordings: {count + 1} transcribed, 1 failed (1 no such file); " in done.stderr
    assert transcribe("a.wav", "--channels", "split", "--format", "all", "--output", "out").returncode == 0
    entries = json.loads((tmp_path / "out" / "transcripts.json").read_text(encoding="utf-8"))
    assert [(e["id"], e["channel"]) for e in entries] == [(f"a.wav#{n}", n) for n in range(1, count + 1)]
    assert {f"a-channel{n}.srt" for n in range(1, count + 1)} <= set(os.listdir(tmp_path / "out"))
    assert "data:audio" in (tmp_path / "out" / "a-channel1.html").read_text(encoding="utf-8")
    mixed = transcribe("a.wav", "--format", "tsv").stdout.splitlines()
    assert len(mixed) == 2 and mixed[1].startswith("a.wav\t")


def test_the_block_of_the_original(transcribe, tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(1.0), 16000)
    done = transcribe("a.wav", "none.wav", "a.wav", "--verbose", "--format", "tsv")
    row = done.stdout.splitlines()[1].split("\t")
    assert f"SENT 1: {row[1].split()}\nPRED 1: {' '.join(row[2])}\nPRED SCORE: {row[4]}\n" in done.stderr
    assert "SENT 3: [" in done.stderr and "SENT 2" not in done.stderr
    assert re.search(r"^Prediction using \d+\.\ds$", done.stderr, re.MULTILINE)
    assert "SENT" not in transcribe("a.wav").stderr


def test_paragraphs_words_and_doubt(transcribe, tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(3.0), 16000)
    marked = transcribe("a.wav", "--paragraphs", "--doubtful", "1").stdout
    plain = transcribe("a.wav", "--paragraphs", "--doubtful", "0").stdout
    assert plain.startswith("[00:00:0") and "?" not in plain
    assert re.sub(r"\[(.+?)\?\]", r"\1", marked.strip()) == plain.strip()
    [entry] = json.loads(transcribe("a.wav", "--format", "json", "--words", "--nbest", "2").stdout)
    assert "".join(word["text"] for word in entry["words"]) == entry["text"]
    assert entry["nbest"][0] == {"text": entry["text"], "score": entry["score"]}


def test_only_where_there_is_a_voice(transcribe, tmp_path):
    pytest.importorskip("webrtcvad")
    soundfile.write(
        tmp_path / "a.wav", np.concatenate([np.zeros((160000, 1)), noise(2.0), np.zeros((160000, 1))]), 16000
    )
    done = transcribe("a.wav", "--vad", "--format", "json")
    [entry] = json.loads(done.stdout)
    assert done.returncode == 0 and entry["seconds"] == 22.0 and "have no voice and were left out" in done.stderr
    assert all(9.0 < token["start"] < 12.6 for token in entry["tokens"])


def test_urls_are_refused_with_a_line(transcribe, tmp_path):
    urls = ["https://example.org/a.mp3", "http://example.org/list.txt", "ftp://example.org/x", "s3://bucket/a.wav"]
    done = transcribe(*urls)
    assert done.returncode == 3
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert [line.split(": is a URL; download the recording first")[0] for line in errors] == [
        f"error: {u}" for u in urls
    ]
    (tmp_path / "calls:").mkdir()
    soundfile.write(tmp_path / "calls:" / "a.wav", noise(1.0), 16000)
    assert transcribe("calls:/a.wav").returncode == 0


def test_a_device_as_output_stays_one(transcribe, tmp_path):
    """A named pipe stands for /dev/null, which a run as root would have replaced by a file."""
    soundfile.write(tmp_path / "a.wav", noise(1.0), 16000)
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    done = transcribe("a.wav", "--output", "pipe")
    assert done.returncode == 0 and os.read(reader, 10_000).decode().strip()
    assert not os.path.isfile(tmp_path / "pipe") and sorted(os.listdir(tmp_path)) == ["a.wav", "pipe"]


@pytest.mark.parametrize("arguments", [["--", "-a.wav"], ["--format", "tsv", "--", "-a.wav"], ["-", "--", "-a.wav"]])
def test_names_after_two_dashes_are_inputs(transcribe, tmp_path, arguments):
    soundfile.write(tmp_path / "-a.wav", noise(1.0), 16000)
    done = transcribe(*arguments)
    assert done.returncode == (3 if "-" in arguments else 0), done.stderr
    assert "1 transcribed" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--format", "docx", "a.wav"], "docx"),
        ([], "INPUT"),
        (["none.txt"], "none.txt: cannot read this list"),
        (["--format", "srt", "a.wav", "b.wav"], "--output DIR"),
        (["--device", "quantum", "a.wav"], "--device quantum"),
        (["--nbest", "0", "a.wav"], "--nbest: must be a whole number of at least 1"),
        (["--batch_seconds", "inf", "a.wav"], "--batch_seconds: must be a finite number greater than 0, not inf"),
        (["--batch_seconds", "nan", "a.wav"], "--batch_seconds: must be a finite number"),
        (["--threads", "0", "a.wav"], "--threads: must be a whole number of at least 1"),
        (["--beam_width", "x", "a.wav"], "--beam_width: must be a whole number"),
        (["--lm_weight", "inf", "a.wav"], "--lm_weight: must be a finite number"),
        (["--hotwords_near", "2", "a.wav"], "--hotwords_near: must be a finite number"),
        (["--model", "none.safetensors", "a.wav"], "none.safetensors"),
        (["--translator", "none.safetensors", "a.wav"], "none.safetensors"),
        (["."], "no audio in this folder"),
    ],
)
def test_wrong_usage(transcribe, arguments, message):
    done = transcribe(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stdout == ""


def test_the_wrapper_works_from_anywhere(root, tmp_path, model, translator):
    soundfile.write(tmp_path / "a b.wav", noise(1.0), 16000)
    (tmp_path / "link.sh").symlink_to(root / "speech2text.sh")
    command = [str(tmp_path / "link.sh"), "--model", str(model), "--translator", str(translator), "a b.wav"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    done = subprocess.run([*command, "none.wav"], cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert done.returncode == 3
    assert done.stdout.count("\n") == 2
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_two_hours(transcribe, tmp_path):
    with soundfile.SoundFile(tmp_path / "long.wav", "w", 16000, 1, "PCM_U8") as file:
        for _ in range(120):
            file.write(noise(60.0))
    done = transcribe("long.wav", "--format", "srt", "--output", "long.srt")
    assert done.returncode == 0, done.stderr
    cues = (tmp_path / "long.srt").read_text(encoding="utf-8").strip().split("\n\n")
    assert [int(cue.split("\n")[0]) for cue in cues] == list(range(1, len(cues) + 1))
    times = re.findall(r"(\d\d):(\d\d):(\d\d),\d{3}", " ".join(cue.split("\n")[1] for cue in cues))
    seconds = [int(hours) * 3600 + int(minutes) * 60 + int(rest) for hours, minutes, rest in times]
    assert seconds == sorted(seconds) and len(seconds) == 2 * len(cues) and 7000 < seconds[-1] <= 7200


def test_beam_search_with_a_language_model_and_hotwords(transcribe, tmp_path):
    """A model with random weights says one thing; a language model forbids it, a hotword calls it up."""
    soundfile.write(tmp_path / "a.wav", noise(1.0), 16000)

    def pinyin(*options):
        done = transcribe("a.wav", "--decoder", "beam", "--translator", "none", "--format", "json", *options)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)[0]["pinyin"].split()

    favourite = pinyin()[0]
    (tmp_path / "lm.arpa").write_text(
        f"\\data\\\nngram 1=4\n\n\\1-grams:\n-0.1\t<unk>\n-9\t<s>\n-0.1\t</s>\n-9\t{favourite}\n\n\\end\\\n",
        encoding="utf-8",
    )
    model = ["--lm", "lm.arpa", "--lm_weight", "1"]
    steered = pinyin(*model)
    assert steered and favourite not in steered
    (tmp_path / "names.txt").write_text(f"{favourite}\t40\n", encoding="utf-8")
    assert favourite in pinyin(*model, "--hotwords", "names.txt")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--lm", "none.txt"], "none.txt: cannot be read"),
        (["--lm", "letters.txt"], "letters.txt: no hanzi in it"),
        (["--lm", "letters.txt", "--translator", "none"], "needs the n-gram translator"),
        (["--decoder", "beam", "--lm", "none.arpa"], "none.arpa"),
        (["--decoder", "beam", "--hotwords", "none.txt"], "none.txt"),
        (["--decoder", "beam", "--beam_width", "0"], "--beam_width: must be a whole number of at least 1"),
    ],
)
def test_search_options_that_cannot_be(transcribe, tmp_path, options, message):
    soundfile.write(tmp_path / "a.wav", noise(1.0), 16000)
    (tmp_path / "letters.txt").write_text("only letters\n")
    refused = transcribe("a.wav", *options)
    assert refused.returncode == 2 and message in refused.stderr and "Traceback" not in refused.stderr
