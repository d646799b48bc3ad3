"""The check: CTC's length rule against brute force, and every reason for which a clip is dropped."""

from itertools import product

import pytest
import torch

from ramospeech.corpora import Clip, Limits, frames, too_short
from ramospeech.corpora.check import REASONS, check, overlaps
from ramospeech.features.framing import frame_count
from ramospeech.text import Vocabulary


def test_frames_are_those_of_the_features():
    for samples in (0, 1, 399, 400, 559, 560, 16_000, 123_457):
        assert frames(samples / 16_000) == frame_count(torch.tensor(samples))


@pytest.mark.parametrize("labels", [(), (2,), (2, 2), (2, 3), (2, 2, 2), (2, 3, 3), (2, 2, 3, 3)])
def test_too_short_is_where_no_alignment_exists(labels):
    def aligns(steps):
        for path in product((0, 2, 3), repeat=steps):
            merged = [unit for i, unit in enumerate(path) if unit and (i == 0 or unit != path[i - 1])]
            if tuple(merged) == labels:
                return True
        return False

    for steps in range(7):
        assert too_short(steps * 8 + 7, labels, 8) != aligns(steps)


LABEL = ("ni3", "hao3")


@pytest.mark.parametrize(
    ("seconds", "label", "reason"),
    [
        (16.0, LABEL, None),  # 1,598 frames
        (16.1, LABEL, "too long"),
        (0.185, LABEL, None),  # 17 frames are 2 outputs
        (0.174, LABEL, "too short"),  # 15 frames are 1
        (0.3, ("ma1", "ma1", "ma1"), "too short"),  # 3 outputs, and two blanks between equal ones
        (0.02, LABEL, "too short"),
        (1.0, (), "no label"),
    ],
)
def test_lengths_and_labels(seconds, label, reason, speak, tmp_path):
    speak(tmp_path / "a.wav", seconds)
    kept, dropped = check({"train": [Clip("a.wav", label, "")]}, tmp_path, Limits())
    assert [row.reason for row in dropped] == ([reason] if reason else [])
    assert [clip.seconds for clip in kept["train"]] == ([] if reason else [pytest.approx(seconds)])


def test_the_rate_of_the_file_does_not_matter(speak, tmp_path):
    speak(tmp_path / "a.wav", 1.0, rate=48_000)
    kept, _ = check({"train": [Clip("a.wav", LABEL, "")]}, tmp_path, Limits())
    assert kept["train"][0].seconds == 1.0


def test_missing_empty_broken_truncated_and_not_audio(speak, tmp_path):
    whole = speak(tmp_path / "whole.wav").read_bytes()
    (tmp_path / "truncated.wav").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.wav").touch()
    (tmp_path / "text.wav").write_text("no audio at all, but some text")
    (tmp_path / "folder.wav").mkdir()
    names = ["whole", "truncated", "empty", "text", "folder", "gone"]
    kept, dropped = check({"dev": [Clip(f"{name}.wav", LABEL, "") for name in names]}, tmp_path, Limits())
    assert [clip.path for clip in kept["dev"]] == ["whole.wav"]
    assert {row.path: row.reason for row in dropped} == {
        "truncated.wav": "unreadable",
        "empty.wav": "unreadable",
        "text.wav": "unreadable",
        "folder.wav": "missing",
        "gone.wav": "missing",
    }
    assert all(row.split == "dev" and row.detail for row in dropped)


def test_read_audio_finds_what_headers_hide(speak, tmp_path):
    flac = speak(tmp_path / "a.flac", 3.0)
    content = bytearray(flac.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 2000] = bytes(2000)
    flac.write_bytes(content)
    clips = {"train": [Clip("a.flac", LABEL, "", 3.0)]}
    assert check(clips, tmp_path, Limits(durations="list"))[0]["train"]
    assert [row.reason for row in check(clips, tmp_path, Limits(durations="audio"))[1]] == ["unreadable"]


def test_the_second_of_two_equal_paths_goes_in_whichever_split(speak, tmp_path):
    speak(tmp_path / "a.wav")
    clip = Clip("a.wav", LABEL, "")
    kept, dropped = check({"train": [clip], "test": [clip]}, tmp_path, Limits())
    assert (len(kept["train"]), len(kept["test"])) == (1, 0)
    assert [(row.split, row.reason) for row in dropped] == [("test", "duplicate path")]


def test_unknown_syllables_are_kept_unless_asked(speak, tmp_path):
    speak(tmp_path / "a.wav")
    small = Vocabulary(["<blank>", "<UNK>", "ni3"])
    clips = {"train": [Clip("a.wav", LABEL, "")]}
    assert check(clips, tmp_path, Limits(vocabulary=small))[0]["train"]
    _, dropped = check(clips, tmp_path, Limits(vocabulary=small, drop_unknown=True))
    assert [(row.reason, row.detail) for row in dropped] == [("unknown syllable", "hao3")]


def test_order_is_kept_and_every_reason_is_known(speak, tmp_path):
    clips = [Clip(f"{n}.wav", LABEL, "") for n in range(200)]
    for clip in clips[::3]:
        speak(tmp_path / clip.path, 0.5)
    kept, dropped = check({"train": clips}, tmp_path, Limits())
    assert [clip.path for clip in kept["train"]] == [clip.path for clip in clips[::3]]
    assert {row.reason for row in dropped} <= set(REASONS)


def test_overlap_of_texts():
    a, b = Clip("a.wav", ("ma1",), "妈"), Clip("b.wav", ("de",), "的")
    assert list(overlaps({"train": [a], "dev": [b], "test": [a, b, a]})) == [("dev", 0, 1), ("test", 2, 3)]


def test_the_real_recordings_pass(shared):
    from ramospeech.corpora import read_list

    clips = {"dev": read_list(shared / "audio/biaobei_dev.txt"), "test": read_list(shared / "audio/samples.txt")}
    kept, dropped = check(clips, shared / "audio", Limits())
    assert not dropped
    for part in clips:
        for listed, found in zip(clips[part], kept[part], strict=True):
            assert found.seconds == pytest.approx(listed.seconds, abs=0.01)
