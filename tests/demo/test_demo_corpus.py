"""The demo corpus: complete, decodable, small, and with a test part that training has not heard."""

from collections import Counter
from pathlib import Path

import pytest

from ramospeech import audio
from ramospeech.corpora import Clip, read_list

SPLITS = ("train", "dev", "test")


@pytest.fixture(scope="module")
def clips(root: Path) -> dict[str, list[Clip]]:
    return {split: read_list(root / "data_config" / f"demo_{split}.txt") for split in SPLITS}


@pytest.fixture(scope="module")
def voices(root: Path) -> dict[str, set[str]]:
    """Path of a clip -> the voices it is made of."""
    rows = [line.split("\t") for line in (root / "demo" / "voices.tsv").read_text("utf-8").splitlines()]
    return {path: {part.split("*")[0] for part in voice.split("+")} for path, voice, _ in rows}


def test_every_clip_is_there_once_and_no_other_file(root: Path, clips: dict[str, list[Clip]]) -> None:
    listed = Counter(clip.path for split in SPLITS for clip in clips[split])
    assert set(listed.values()) == {1}
    there = {str(path.relative_to(root / "demo")) for path in (root / "demo" / "audio").rglob("*.*")}
    assert there == set(listed)


def test_every_clip_decodes_to_the_length_in_the_list(root: Path, clips: dict[str, list[Clip]]) -> None:
    for clip in (clip for split in SPLITS for clip in clips[split]):
        waveform = audio.load(root / "demo" / clip.path)
        seconds = len(waveform) / audio.SAMPLE_RATE
        assert clip.seconds == pytest.approx(seconds, abs=0.006), clip.path
        assert 0.08 < seconds / len(clip.pinyin) < 0.6, clip.path
        assert 0.05 < abs(waveform).max() <= 1, clip.path


def test_one_syllable_a_character(clips: dict[str, list[Clip]]) -> None:
    for clip in (clip for split in SPLITS for clip in clips[split]):
        assert len(clip.pinyin) == len(clip.hanzi), clip.path


def test_no_sentence_is_in_two_parts(clips: dict[str, list[Clip]]) -> None:
    hanzi = {split: {clip.hanzi for clip in clips[split]} for split in SPLITS}
    pinyin = {split: {clip.pinyin for clip in clips[split]} for split in SPLITS}
    for texts in (hanzi, pinyin):
        assert not texts["train"] & texts["test"]
        assert not texts["train"] & texts["dev"]
        assert not texts["dev"] & texts["test"]


def test_no_voice_is_in_two_parts_even_as_a_share(clips: dict[str, list[Clip]], voices: dict[str, set[str]]) -> None:
    heard = {split: set().union(*(voices[clip.path] for clip in clips[split])) for split in SPLITS}
    assert not heard["train"] & heard["test"]
    assert not heard["train"] & heard["dev"]
    assert not heard["dev"] & heard["test"]
    mandarin = {voice for split in SPLITS for voice in heard[split] if voice.startswith("z")}
    assert len(mandarin) == 8
    assert {voice[:2] for voice in heard["test"]} == {"zf", "zm"}


def test_training_holds_every_syllable_often_enough(clips: dict[str, list[Clip]]) -> None:
    train = Counter(syllable for clip in clips["train"] for syllable in clip.pinyin)
    others = {syllable for split in ("dev", "test") for clip in clips[split] for syllable in clip.pinyin}
    assert others <= set(train)
    assert min(train.values()) >= 20


def test_at_most_four_megabytes(root: Path) -> None:
    files = [*(root / "demo" / "audio").rglob("*.ogg"), root / "demo" / "voices.tsv"]
    files += [root / "data_config" / f"demo_{split}.txt" for split in SPLITS]
    assert sum(path.stat().st_size for path in files) <= 4_000_000
