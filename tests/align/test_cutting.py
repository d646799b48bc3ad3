"""Clips and lists out of alignments."""

from itertools import pairwise

import numpy as np
import pytest
import soundfile

from ramospeech.align import AlignedWord, Alignment, Corpus, Line, Misfit, cut
from ramospeech.corpora import read_list
from ramospeech.errors import ListError

RATE = 16_000


def alignment(*lines, seconds=20.0, misfits=(), score=-0.1):
    """Of lines of (character, start, end); a start of None is a word without a time."""
    words = [
        AlignedWord(number, column, text, "ma1", start, end, None if start is None else score)
        for number, line in enumerate(lines)
        for column, (text, start, end) in enumerate(line, 1)
    ]
    texts = tuple(Line(number, "".join(text for text, _, _ in line)) for number, line in enumerate(lines, 1))
    return Alignment("a.wav", seconds, 0.04, texts, tuple(words), tuple(misfits))


def spoken(text, start, step=0.25):
    return [(character, start + step * i, start + step * (i + 1)) for i, character in enumerate(text)]


def test_a_clip_for_each_line_with_a_part_of_the_pauses():
    clips, left_out = cut(alignment(spoken("今天天气", 1.0), spoken("很好", 3.0)), 0.5, 15.0)
    assert [(clip.text, clip.start, clip.end) for clip in clips] == [("今天天气", 0.8, 2.2), ("很好", 2.8, 3.7)]
    assert left_out == []


def test_a_long_line_is_cut_at_pauses():
    line = [*spoken("一二三四", 1.0), *spoken("五六七八", 2.5), *spoken("九十", 6.0)]
    clips, left_out = cut(alignment(line), 0.5, 3.0)
    assert [clip.text for clip in clips] == ["一二三四五六七八", "九十"] or len(clips) == 3
    assert all(clip.end - clip.start <= 3.0 for clip in clips) and left_out == []
    assert all(a.end <= b.start for a, b in pairwise(clips))


def test_what_cannot_be_cut_is_left_out_with_the_reason():
    unplaced = [("缺", None, None), ("字", None, None)]
    lines = (
        spoken("说得太快没有停下来的话", 1.0, 0.4),
        [*spoken("这里", 7.0), *unplaced],
        spoken("之后", 8.0),
        spoken("好", 10.0, 0.1),
        spoken("后面有话", 12.0),
    )
    misfits = [Misfit("speech", "la1 la1 la1", 3, 13.1, 14.0)]
    clips, left_out = cut(alignment(*lines, misfits=misfits), 0.6, 3.0)
    assert clips == []
    reasons = [part.reason for part in left_out]
    assert reasons == [
        "no pause", "text does not fit", "too short", "speech without text", "speech without text"
    ]  # fmt: skip
    assert (left_out[1].line, left_out[1].text) == (2, "这里缺字之后")


def test_uncertain_words_are_left_out():
    clips, left_out = cut(alignment(spoken("今天天气", 1.0), score=-4.0), 0.5, 15.0)
    assert clips == [] and [part.reason for part in left_out] == ["uncertain"]


@pytest.mark.parametrize("seconds", [20.0, 95.0])
def test_clips_and_lists_are_those_of_the_recording(tmp_path, rng, seconds):
    waveform = rng.uniform(-0.5, 0.5, round(seconds * RATE)).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", waveform, RATE, subtype="FLOAT")
    starts = np.arange(0.5, seconds - 3.0, 2.0).tolist()
    corpus = Corpus(tmp_path / "corpus", "mine", 15.0, 0.5)
    corpus.add(tmp_path / "a.wav", "a", alignment(*(spoken("今天天气", start) for start in starts), seconds=seconds))
    line = corpus.close()
    train = read_list(tmp_path / "corpus" / "mine_train.txt")
    dev_list = tmp_path / "corpus" / "mine_dev.txt"
    dev = read_list(dev_list) if dev_list.exists() else []
    assert len(train) + len(dev) == len(starts) and f"{len(train)} clips for training" in line
    for utterance in [*train, *dev]:
        number = int(utterance.path.split("/")[-1].removesuffix(".flac"))
        clip, rate = soundfile.read(tmp_path / "corpus" / utterance.path, dtype="float32")
        start = round((starts[number - 1] - 0.2) * RATE)
        assert rate == RATE and len(clip) / RATE == pytest.approx(utterance.seconds, abs=1e-3)
        assert np.allclose(clip, waveform[start : start + len(clip)], atol=1e-4)
        assert (utterance.text, utterance.tokens) == ("今天天气", ("ma1",) * 4)


def test_a_corpus_without_a_clip_is_an_error_that_says_why(tmp_path):
    corpus = Corpus(tmp_path, "mine", 15.0, 0.5)
    corpus.add((np.zeros(RATE * 20, np.float32), RATE), "a", alignment(spoken("今天天气", 1.0), score=-9.0))
    with pytest.raises(ListError, match="1 uncertain"):
        corpus.close()
    assert "今天天气" in (tmp_path / "mine_left_out.tsv").read_text("utf-8")
