"""The program on real speech: clips of the demo corpus joined, so that it is known when each line is spoken."""

import json
import re

import numpy as np
import pytest
import soundfile

from ramospeech.align.__main__ import main
from ramospeech.align.texts import read_lines
from ramospeech.audio import load
from ramospeech.corpora import read_list
from ramospeech.model.pretrained import model_path

RATE = 16_000
pytestmark = pytest.mark.skipif(not model_path("accurate").is_file(), reason="no accurate model is shipped")


@pytest.fixture(scope="module")
def joined(root, tmp_path_factory):
    """A recording of 12 clips with pauses of 0 to 1 s: its path, the texts, and (start, end) of the speech of each."""
    folder = tmp_path_factory.mktemp("joined")
    rng = np.random.default_rng(3)
    waveforms, spans, texts, at = [], [], [], 0
    for clip in read_list(root / "data_config" / "demo_test.txt")[20:32]:
        waveform = trimmed(load(root / "demo" / clip.path))
        pause = rng.normal(0, 1e-4, round(RATE * rng.choice([0.0, 0.1, 0.4, 1.0]))).astype(np.float32)
        waveforms += [waveform, pause]
        spans.append((at / RATE, (at + len(waveform)) / RATE))
        texts.append(clip.text)
        at += len(waveform) + len(pause)
    soundfile.write(folder / "talk.wav", np.concatenate(waveforms), RATE)
    return folder / "talk.wav", texts, spans


def trimmed(waveform):
    """Without the silence at both ends."""
    hops = waveform[: len(waveform) // 160 * 160].reshape(-1, 160).var(axis=1)
    loud = np.flatnonzero(hops > hops.max() * 10**-3.5)
    return waveform[160 * loud[0] : 160 * (loud[-1] + 1)]


def aligned(audio, text, tmp_path, *options):
    output = tmp_path / "out.json"
    assert main([str(audio), str(text), "--format", "json", "--output", str(output), *options]) == 0
    return json.loads(output.read_text("utf-8"))


def written(lines, tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_lines_begin_and_end_within_a_tenth_of_a_second(joined, tmp_path, capsys):
    audio, texts, spans = joined
    found = aligned(audio, written([f"“{text}”。" for text in texts], tmp_path), tmp_path)
    assert [line["line"] for line in found["lines"]] == list(range(1, 13)) and found["misfits"] == []
    errors = np.array(
        [(line["start"] - a, line["end"] - b) for line, (a, b) in zip(found["lines"], spans, strict=True)]
    )
    assert np.abs(errors).max() <= 0.1, errors
    assert found["resolution"] == 0.04 and "in steps of 40 ms" in capsys.readouterr().err
    for line in found["lines"]:
        times = [(word["start"], word["end"]) for word in line["words"]]
        assert all(a < b for a, b in times) and times == sorted(times)


@pytest.mark.parametrize("kind", ["srt", "TextGrid"])
def test_what_is_written_can_be_aligned_again(joined, tmp_path, kind):
    audio, texts, _ = joined
    folder = tmp_path / "out"
    assert main([str(audio), str(written(texts, tmp_path)), "--format", "all", "--output", f"{folder}/"]) == 0
    lines = [line.text for line in read_lines(folder / f"talk.{kind}")]
    assert "".join(lines) == "".join(texts)


def test_a_text_that_lacks_and_adds_lines_is_reported_by_place(joined, tmp_path, capsys):
    audio, texts, spans = joined
    extra = "这一句话根本没有人说过它"
    lines = [*texts[:4], extra, *texts[4:7], *texts[8:]]
    found = aligned(audio, written(lines, tmp_path), tmp_path)
    [speech] = [misfit for misfit in found["misfits"] if misfit["kind"] == "speech"]
    assert speech["start"] > spans[7][0] - 0.3 and speech["end"] < spans[7][1] + 0.3
    unsaid = [misfit for misfit in found["misfits"] if misfit["kind"] == "text"]
    assert {misfit["line"] for misfit in unsaid} == {5} and sum(misfit["count"] for misfit in unsaid) >= 10
    error = capsys.readouterr().err
    assert "text.txt: line 5, characters" in error and "speech that is not in the text" in error
    kept = [line for line in found["lines"] if line["line"] != 5]
    for line, (start, end) in zip(kept, [*spans[:7], *spans[8:]], strict=True):
        assert abs(line["start"] - start) <= 0.3 and abs(line["end"] - end) <= 0.3


def test_another_text_is_refused_and_the_next_recording_still_aligned(joined, tmp_path, capsys):
    audio, texts, _ = joined
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.wav").write_bytes(audio.read_bytes() if name != "b" else b"")
    (tmp_path / "a.txt").write_text("床前明月光疑是地上霜举头望明月低头思故乡\n" * 8, encoding="utf-8")
    (tmp_path / "b.txt").write_text("空\n", encoding="utf-8")
    (tmp_path / "c.txt").write_text("\n".join(texts), encoding="utf-8")
    soundfile.write(tmp_path / "d.wav", np.zeros(RATE), RATE)
    assert main([str(tmp_path), "--format", "srt", "--output", f"{tmp_path}/out/"]) == 3
    error = capsys.readouterr().err
    assert re.search(r"a\.wav: only \d+ of 160 characters", error) and "b.wav" in error
    assert "d.wav: no text beside it" in error and "1 aligned, 3 failed" in error
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["c.srt"]


def test_clips_and_a_list_to_train_on(joined, tmp_path, capsys):
    audio, texts, _ = joined
    corpus = tmp_path / "mine"
    assert main([str(audio), str(written(texts, tmp_path)), "--cut", str(corpus)]) == 0
    captured = capsys.readouterr()
    assert captured.out == ""
    clips = read_list(corpus / "mine_train.txt")
    if (corpus / "mine_dev.txt").exists():  # from ten clips on
        clips += read_list(corpus / "mine_dev.txt")
    kept = "".join(clip.text for clip in sorted(clips, key=lambda clip: clip.path))
    left_out = [line.split("\t") for line in (corpus / "mine_left_out.tsv").read_text("utf-8").splitlines()[1:]]
    assert sorted(kept + "".join(row[-1] for row in left_out)) == sorted("".join(texts))
    assert len(clips) >= 6 and "clips for training" in captured.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["text.txt"], "needs its recording before it"),
        (["a.wav"], "no text beside it"),
        (["a.wav", "text.txt", "b.wav", "text.txt"], "give a folder with --output"),
        (["a.wav", "text.txt", "--format", "all"], "give a folder with --output"),
        (["a.wav", "text.txt", "--cut", "all"], "cannot name lists"),
        (["a.wav", "text.txt", "--cut", "x", "--min_seconds", "20"], "is not below --max_seconds"),
        (["a.wav", "text.txt", "--model", "missing.safetensors"], "missing.safetensors"),
    ],
)
def test_wrong_usage_is_one_line(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    written(["你好"], tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
