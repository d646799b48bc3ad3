"""Joining: every clip once, within its limits, the same for all workers; the joined batches of the loader."""

import numpy as np
import pytest
import soundfile
import torch

from ramospeech import audio
from ramospeech.augment import WaveAugment
from ramospeech.corpora import Clip
from ramospeech.data import Loader, epoch_plan, padding_share
from ramospeech.data.joining import PAUSES, Joined, utterances
from ramospeech.text import Vocabulary


@pytest.fixture
def clips(rng):
    """Words, mostly, and a few sentences."""
    seconds = np.where(rng.random(600) < 0.8, rng.uniform(0.4, 1.2, 600), rng.uniform(2.0, 15.0, 600))
    return [Clip(f"{i}.wav", ("ba1",) * int(1 + s * 3), "八", float(s)) for i, s in enumerate(seconds)]


def test_every_clip_is_joined_once_and_within_the_limits(clips):
    joined = utterances(clips, range(600), 6.0, 0.5, 12, seed=1, epoch=0)
    assert sorted(i for each in joined for i in each.clips) == list(range(600))
    several = [each for each in joined if len(each.clips) > 1]
    assert len(several) > 40 and any(len(each.clips) == 1 and each.seconds < 2 for each in joined)
    for each in joined:
        assert len(each.pauses) == len(each.clips) + 1
        assert 0 <= each.pauses[0] <= 0.5 and 0 <= each.pauses[-1] <= 0.5
        assert all(PAUSES[0] <= pause <= PAUSES[1] for pause in each.pauses[1:-1])
        assert each.seconds == pytest.approx(sum(each.pauses) + sum(clips[i].seconds for i in each.clips))
    assert all(each.seconds <= 6.0 and len(each.clip(clips).pinyin) <= 12 for each in several)
    assert np.percentile([each.seconds for each in several], 90) > 3.0


def test_joining_follows_from_seed_and_epoch(clips):
    assert utterances(clips, range(600), 6.0, 0.0, 64, 1, 3) == utterances(clips, range(600), 6.0, 0.0, 64, 1, 3)
    assert utterances(clips, range(600), 6.0, 0.0, 64, 1, 3) != utterances(clips, range(600), 6.0, 0.0, 64, 1, 4)
    assert utterances(clips, range(600), 6.0, 0.0, 64, 1, 3) != utterances(clips, range(600), 6.0, 0.0, 64, 2, 3)


def test_silence_alone_joins_nothing(clips):
    joined = utterances(clips, range(600), 0.0, 0.5, 64, 1, 0)
    assert len(joined) == 600 and all(len(each.clips) == 1 for each in joined)
    assert utterances([], [], 6.0, 0.5, 64, 1, 0) == []


@pytest.mark.parametrize("workers", [1, 3])
def test_steps_are_equal_and_batches_within_the_budget(clips, workers):
    plan = epoch_plan(clips, [1.0] * len(clips), 8.0, 0.3, 64, 60.0, 32, workers, seed=1, epoch=2)
    assert all(len(step) == workers and all(step) for step in plan[:-1]) and 1 <= len(plan[-1]) <= workers
    assert {i for step in plan for batch in step for each in batch for i in each.clips} == set(range(600))
    for step in plan:
        for batch in step:
            assert len(batch) <= 32
            assert len(batch) == 1 or max(each.seconds for each in batch) * len(batch) <= 60.0
    assert padding_share([], plan) < 0.2


def test_joined_clips_hold_their_audio_and_labels_in_order(corpus, loader):
    clips, root = corpus
    plan = [step[0] for step in epoch_plan(clips, [1.0] * len(clips), 8.0, 0.3, 64, 20.0, 8, 1, seed=1, epoch=0)]
    for items, batch in zip(plan, loader()(plan), strict=True):
        assert not batch.unreadable
        for row, item in enumerate(items):
            ids = batch.labels[row, : batch.label_lengths[row]].tolist()
            syllables = tuple(s for i in item.clips for s in clips[i].pinyin)
            assert tuple(Vocabulary.inventory().decode(ids)) == batch.clips[row].pinyin == syllables
            assert batch.lengths[row] == pytest.approx(item.seconds * 16_000, abs=8)
            place = 0
            for pause, index in zip(item.pauses, item.clips, strict=False):
                place += round(pause * 16_000)
                expected = audio.load(root / clips[index].path)
                np.testing.assert_array_equal(batch.waveforms[row, place : place + len(expected)], expected)
                place += len(expected)


def test_an_unreadable_clip_takes_those_joined_with_it(corpus, loader):
    clips, root = corpus
    plan = [step[0] for step in epoch_plan(clips, [1.0] * len(clips), 8.0, 0.0, 64, 1e9, 99, 1, seed=1, epoch=0)]
    victim = next(each for each in plan[0] if len(each.clips) > 1)
    (root / clips[victim.clips[1]].path).write_bytes(b"not audio")
    (batch,) = loader()(plan)
    assert len(batch) == len(plan[0]) - 1 and len(batch.unreadable) == 1
    assert clips[victim.clips[1]].path in batch.unreadable[0]


def varied(loader, plan, epoch=0, **options):
    augment = WaveAugment({"tempo": 0.5, "white": 0.5, "babble": 0.5, "telephone": 0.5})
    batches = loader(speeds=(0.9, 1.0, 1.1), augment=augment, **options)(plan, epoch)
    return [batch.waveforms for batch in batches]


@pytest.mark.parametrize("join", [False, True])
def test_effects_are_drawn_by_seed_epoch_and_clip_wherever_a_run_resumes(corpus, loader, join):
    plan = [[i, i + 1, i + 2] for i in range(0, 24, 3)]
    if join:
        plan = [
            step[0] for step in epoch_plan(corpus[0], [1.0] * len(corpus[0]), 6.0, 0.3, 64, 15.0, 8, 1, seed=1, epoch=0)
        ]
    whole = varied(loader, plan, cache_bytes=10**8, workers=3)
    resumed = varied(loader, plan[4:], workers=1)
    assert all(torch.equal(a, b) for a, b in zip(whole[4:], resumed, strict=True))
    for other in (varied(loader, plan, epoch=1), varied(loader, plan, seed=5)):
        assert not any(a.shape == b.shape and torch.equal(a, b) for a, b in zip(whole, other, strict=True))


def test_an_effect_that_leaves_too_few_frames_is_not_used(corpus, loader):
    clips, root = corpus
    (batch,) = loader(augment=lambda waveform, rng, clips: waveform[:500])([[0]])
    assert batch.lengths[0] == len(audio.load(root / clips[0].path))


def test_joined_words_of_letters_are_separated(tmp_path):
    rng = np.random.default_rng(0)
    clips = []
    for number, label in enumerate(("好a", "b", "吧")):
        soundfile.write(tmp_path / f"{number}.wav", rng.normal(0, 0.1, 8_000), 16_000)
        clips.append(Clip(f"{number}.wav", tuple(label), label, 0.5))
    vocabulary = Vocabulary(["<blank>", "<UNK>", "a", "b", "▁", "吧", "好"])
    loader = Loader(clips, tmp_path, vocabulary, reduction=8)
    joined = Joined((0, 1, 2), (0.1, 0.2, 0.2, 0.1), 2.1)
    [batch] = loader([[joined]])
    assert vocabulary.decode(batch.labels[0].tolist()) == ["好", "a", "▁", "b", "吧"]
