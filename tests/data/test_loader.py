"""Batches of real files: padding, order, seeded speed, and clips that cannot be read."""

import threading

import numpy as np
import pytest
import soundfile
import torch
from speech import make_corpus

from ramospeech import audio
from ramospeech.corpora import Limits, read_list
from ramospeech.data import Loader, dummy_batch, pad, read_clips
from ramospeech.data.select import dropped_table
from ramospeech.text import Vocabulary


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("cache_bytes", [0, 100_000, 10**8])
def test_batches_hold_the_clips_in_order(corpus, loader, workers, cache_bytes):
    clips, root = corpus
    load = loader(workers=workers, cache_bytes=cache_bytes)
    plan = [[3, 1], [0], [5, 6, 7], [2, 4]] * 3
    for indices, batch in zip(plan, load(plan), strict=True):
        assert [clip.path for clip in batch.clips] == [clips[i].path for i in indices]
        for row, index in enumerate(indices):
            expected = audio.load(root / clips[index].path)
            assert batch.lengths[row] == len(expected)
            np.testing.assert_allclose(batch.waveforms[row, : len(expected)], expected, atol=2**-15)
            assert not batch.waveforms[row, len(expected) :].any()
            ids = batch.labels[row, : batch.label_lengths[row]].tolist()
            assert tuple(Vocabulary.inventory().decode(ids)) == clips[index].pinyin
        assert batch.amount == pytest.approx(sum(batch.lengths.tolist()) / 16_000)


def test_speed_is_drawn_by_seed_epoch_and_clip(loader):
    def lengths(seed, epoch):
        load = loader(speeds=(0.9, 1.0, 1.1), seed=seed)
        return torch.cat([batch.lengths for batch in load([list(range(12)), list(range(12, 24))], epoch)]).tolist()

    assert lengths(1, 0) == lengths(1, 0)
    assert lengths(1, 0) != lengths(1, 1)
    assert lengths(1, 0) != lengths(2, 0)


def test_a_speed_that_leaves_too_few_frames_is_not_used(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.full(400 + 160 * 23, 0.1), 16_000)  # T = 24, T' = 3
    (tmp_path / "l.txt").write_text("a.wav\tba1 ma3 de\t八马的\n", encoding="utf-8")
    load = Loader(read_list(tmp_path / "l.txt"), tmp_path, Vocabulary.inventory(), reduction=8, speeds=(1.5,))
    (batch,) = load([[0]])
    assert batch.lengths.tolist() == [400 + 160 * 23]


def test_unreadable_clips_are_left_out_and_named(corpus, loader):
    clips, root = corpus
    (root / clips[1].path).write_bytes(b"not audio")
    (root / clips[2].path).unlink()
    soundfile.write(root / clips[3].path, np.zeros(100), 16_000)
    batch, empty = loader()([[0, 1, 2, 3, 4], [1]])
    assert [clip.path for clip in batch.clips] == [clips[0].path, clips[4].path]
    assert len(batch.unreadable) == 3
    assert all(clips[i].path in message for i, message in zip((1, 2, 3), batch.unreadable, strict=True))
    assert len(empty) == 0 and len(empty.unreadable) == 1


def test_reading_stops_when_the_reader_does(loader, monkeypatch):
    read, load = [], audio.load

    def counted(path):
        read.append(path)
        return load(path)

    monkeypatch.setattr(audio, "load", counted)
    batches = loader(workers=2)([[i % 24] for i in range(10_000)])
    next(batches)
    batches.close()
    assert 1 <= len(read) < 100
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("loader")]


def test_pad_and_noise():
    batch = pad([np.ones(3, np.float32), np.ones(5, np.float32)], [[1, 2], []], dummy_batch().clips * 2)
    assert batch.waveforms.shape == (2, 5) and batch.labels.tolist() == [[1, 2], [0, 0]]
    assert dummy_batch().waveforms.abs().max() > 0 and len(dummy_batch()) == 1


def test_selection_counts_what_it_leaves_out(tmp_path):
    lists = make_corpus(tmp_path, clips=6)
    root = tmp_path / "audio"
    (root / "train0.wav").unlink()
    (root / "train1.wav").write_bytes(b"")
    soundfile.write(root / "long.wav", np.zeros(16_000 * 17), 16_000)
    soundfile.write(root / "short.wav", np.zeros(16_000 // 2), 16_000)
    bad = "long.wav\tba1\t八\nshort.wav\t" + "ba1 ma3 de " * 3 + "\t" + "八马的" * 3 + "\n"
    text = (lists / "tones_train.txt").read_text(encoding="utf-8")
    text = "\n".join(line.rsplit("\t", 1)[0] for line in text.splitlines()) + "\n" + bad
    (lists / "tones_train.txt").write_text(text, encoding="utf-8")
    part = read_clips([lists / "tones_train.txt"], root, Limits(max_labels=64, durations="list"))
    assert [clip.path for clip in part.clips] == [f"train{i}.wav" for i in range(2, 6)]
    assert all(clip.seconds == pytest.approx(audio.duration(root / clip.path)) for clip in part.clips)
    assert sorted(reason for _, reason, _ in part.dropped) == [
        "missing",
        "too long",
        "too short",
        "unreadable",
    ]
    assert "1 missing" in part.describe() and "4 of 8 clips" in part.describe()
    table = dropped_table([part]).splitlines()
    assert len(table) == 5 and all(line.count("\t") == 2 for line in table)
