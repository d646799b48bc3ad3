"""Windows of clips: what is in them, where they come from, and that seed and number alone decide."""

import numpy as np
import pytest
import torch

from ramospeech.augment import BatchAugment, Sounds, Sources
from ramospeech.corpora import Clip
from ramospeech.data import Corpora, WindowBatches, WindowPlanner, read_folder, read_pool
from ramospeech.data import pool as pool_module
from ramospeech.data.window_batches import REUSED
from ramospeech.data.windows import MIN_PAUSE, ONE, WindowPlan, cut_out
from ramospeech.errors import UsageError

CPU = torch.device("cpu")
RATE = 16_000


def constant(level, seconds):
    """A recording whose samples tell which one it is."""
    return np.full(int(seconds * RATE), level, np.int16)


@pytest.fixture
def sounds(rng):
    """Forty clips of 0.5 to 5 s; the sample values of clip k are 100 * (k + 1); two recordings of noise."""
    clips = [constant(100 * (k + 1), s) for k, s in enumerate(rng.uniform(0.5, 5.0, 40))]
    together = Sounds.of([*clips, constant(-1_000, 1.0), constant(-2_000, 60.0)], CPU)
    return together.some(slice(40)), together.some(slice(40, None))


def planner(sounds, seconds=(2.0, 7.0, 12.0), batch_seconds=100.0, speeds=(0.9, 1.1), fraction=0.0, shares=(0.7, 0.3),
            seed=1, group=1, sources=None):  # fmt: skip
    clips, noise = sounds
    sources = np.arange(40) % 2 if sources is None else sources
    corpora = Corpora(sources, clips.lengths, shares)
    labels = [[k + 2] * 2 for k in range(40)]
    return WindowPlanner(clips, labels, corpora, seconds, batch_seconds, speeds, 4, lambda a, b: [*a, *b], noise,
                         fraction, seed, group)  # fmt: skip


def pieces_of(plan):
    """For each window its pieces: (start, source samples, samples, step)."""
    found, row, left = [[]], 0, plan.size
    for piece in zip(plan.starts, plan.lengths, plan.samples, plan.steps, strict=True):
        if not left:
            found.append([])
            row, left = row + 1, plan.size
        found[-1].append(piece)
        left -= piece[2]
        assert left >= 0, "a piece ends in the next window"
    assert left == 0
    return found


@pytest.mark.parametrize("number", range(6))
def test_windows_hold_whole_clips_with_pauses_and_their_labels(sounds, number):
    plan = planner(sounds)(number)
    windows = pieces_of(plan)
    assert len(windows) == len(plan.used) == len(plan.labels) == max(1, int(100 / (plan.size / RATE)))
    clip_at = {int(start): k for k, start in enumerate(sounds[0].starts)}
    for pieces, labels, used in zip(windows, plan.labels, plan.used, strict=True):
        spoken = [clip_at[start] for start, length, *_ in pieces if length]
        assert spoken and labels == [k + 2 for k in spoken for _ in range(2)]
        ends = np.cumsum([samples for *_, samples, _ in pieces])
        last = max(i for i, (_, length, *_) in enumerate(pieces) if length)
        assert ends[last] <= used <= plan.size
        for before, (_, length, samples, step) in zip([None, *pieces], pieces, strict=False):
            if length:
                assert abs(samples * step / ONE - length) <= 2 and 0.9 <= step / ONE <= 1.1
                assert before is not None and not before[1], "a pause lies between clips"
        gaps = [samples for _, length, samples, _ in pieces[1:last] if not length]
        assert all(samples >= MIN_PAUSE * RATE for samples in gaps)


def test_corpora_get_their_shares_of_the_time(sounds):
    plan = planner(sounds, (12.0,), 600.0)
    seconds = np.sum([plan(number).seconds for number in range(8)], 0)
    np.testing.assert_allclose(seconds / seconds.sum(), [0.7, 0.3], atol=0.02)
    only = planner(sounds, (12.0,), 100.0, shares=(0.0, 1.0))(0)
    assert only.seconds[0] == 0.0 and only.seconds[1] > 0


def test_short_windows_hold_short_clips_whatever_is_due(sounds):
    lengths = sounds[0].lengths
    sources = (lengths < RATE).astype(int)  # no clip of the first corpus fits
    plan = planner(sounds, (1.0,), 40.0, shares=(0.9, 0.1), sources=sources)(0)
    assert all(plan.labels) and plan.seconds[0] == 0.0


def test_windows_that_no_clip_fits_into_are_without_speech(sounds):
    plan = planner(sounds, (0.4,), 4.0)(3)
    assert not any(plan.labels) and len(plan.used) == 10 and pieces_of(plan)


def test_left_out_clips_are_not_drawn(sounds):
    sources = np.where(np.arange(40) < 30, -1, np.arange(40) % 2)
    plans = [planner(sounds, sources=sources)(number) for number in range(5)]
    assert {k for plan in plans for ids in plan.labels for k in ids} <= set(range(32, 42))


@pytest.mark.parametrize("group", [1, 2, 4])
def test_seed_and_number_decide(sounds, group):
    plans = [planner(sounds, group=group)(number) for number in range(8)]
    assert plans[3] == planner(sounds, group=group)(3)
    assert len({str(plan.starts) for plan in plans}) == 8, "each batch is another one"
    assert plans[3].starts != planner(sounds, group=group, seed=2)(3).starts
    sizes = [plan.size for plan in plans]
    assert all(len({*sizes[start : start + group]}) == 1 for start in range(0, 8, group)), "no worker waits"
    assert len({*sizes}) > 1


@pytest.mark.parametrize("fraction", [0.1, 0.5])
def test_windows_without_speech(sounds, fraction):
    plans = [planner(sounds, (2.0,), 400.0, fraction=fraction)(number) for number in range(5)]
    empty = [not labels for plan in plans for labels in plan.labels]
    assert np.mean(empty) == pytest.approx(fraction, abs=0.06)
    plans = [planner(sounds, (2.0,), 40.0, fraction=fraction)(number) for number in range(3)]
    batches = WindowBatches(planner(sounds, (2.0,), 40.0, fraction=fraction), sounds[0].samples, effects())
    for number, plan in enumerate(plans):
        batch = batches.batch(plan, number)
        silent = (batch.waveforms == 0).all(1)
        for row, labels in enumerate(plan.labels):
            if row in plan.generated:
                assert not labels and not silent[row]
            elif not labels:
                assert silent[row] or batch.waveforms[row].max() <= 0  # those of `sounds` are negative
            assert batch.label_lengths[row] == len(labels)
        assert batch.lengths.device.type == "cpu" and batch.labels.shape[1] >= 1


def effects(*words):
    return BatchAugment.of(words, Sources())


def test_pieces_are_cut_out_where_they_belong():
    sounds = Sounds.of([np.arange(1_000, 1_500, dtype=np.int16), constant(500, 0.05)], CPU)
    plan = WindowPlan(1_000)
    plan.silence(100)
    plan.add(0, 500, 500, ONE, 2.0)
    plan.silence(400)
    plan.add(500, 800, 800)
    plan.silence(200)
    plan.used, plan.labels = [1_000, 900], [[2], [3]]
    found = cut_out(plan, sounds.samples) * 32_768
    assert found.shape == (2, 1_000)
    assert not found[0, :100].any() and not found[0, 600:].any() and not found[1, 800:].any()
    np.testing.assert_allclose(found[0, 100:600], 2 * np.arange(1_000, 1_500), rtol=1e-6)
    np.testing.assert_allclose(found[1, :800], 500.0, rtol=1e-6)


@pytest.mark.parametrize("speed", [0.8, 1.0, 1.25])
@pytest.mark.parametrize("hertz", [200.0, 1_500.0])
def test_a_speed_shifts_tones(speed, hertz):
    time = np.arange(RATE) / RATE
    sounds = Sounds.of([(16_000 * np.sin(2 * np.pi * hertz * time)).astype(np.int16)], CPU)
    samples = int(RATE / speed)
    plan = WindowPlan(samples)
    plan.add(0, RATE, samples, round(speed * ONE))
    plan.used, plan.labels = [samples], [[2]]
    (found,) = cut_out(plan, sounds.samples).numpy()
    expected = 16_000 / 32_768 * np.sin(2 * np.pi * hertz * speed * np.arange(samples) / RATE)
    np.testing.assert_allclose(found[10:-10], expected[10:-10], atol=0.005 if hertz < 1_000 else 0.02)


def test_batches_come_in_order_and_repeat(sounds):
    made = [
        WindowBatches(planner(sounds, batch_seconds=30.0), sounds[0].samples, effects("all"), seed=3) for _ in range(2)
    ]
    first, later = list(made[0](range(4))), list(made[1](range(2, 4)))
    for a, b in zip(first[2:], later, strict=True):
        assert torch.equal(a.waveforms, b.waveforms) and torch.equal(a.labels, b.labels)
        assert torch.equal(a.lengths, b.lengths) and torch.equal(a.label_lengths, b.label_lengths)
    for batch in first:
        assert len(batch) == len(batch.waveforms) and 0 < batch.amount <= batch.padded_amount
        past = torch.arange(batch.waveforms.shape[1]) >= batch.lengths.unsqueeze(1)
        assert not (batch.waveforms * past).any()
        assert ((batch.labels != 0).sum(1) == batch.label_lengths).all()


@pytest.mark.parametrize("uses", [1, 2, 3])
@pytest.mark.parametrize("group", [1, 3])
def test_batches_that_are_used_again_are_made_once(sounds, uses, group, monkeypatch):
    """In the same order wherever it begins, each so often, by the same worker, with what was computed from it."""
    made = []
    batches = WindowBatches(
        planner(sounds, (2.0,), 4.0, group=group), sounds[0].samples, BatchAugment.of((), Sources()), uses=uses
    )
    make = batches.batch
    monkeypatch.setattr(batches, "batch", lambda plan, number: made.append(number) or make(plan, number))
    numbers = range(group - 1, 2 * REUSED * uses * group, group)  # of the last worker
    found = list(batches(numbers))
    assert made == list(range(group - 1, 2 * REUSED * group, group))
    order = [batches.made_as(number) for number in numbers]
    assert order == [made[block * REUSED + k] for block in range(2) for _ in range(uses) for k in range(REUSED)]
    for number, batch in zip(order, found, strict=True):
        first = found[order.index(number)]
        assert torch.equal(batch.waveforms, first.waveforms) and batch.taught is first.taught
    later = list(batches(numbers[REUSED + 2 :]))  # a resumed run
    assert all(torch.equal(a.waveforms, b.waveforms) for a, b in zip(later, found[REUSED + 2 :], strict=True))


def test_a_pool_names_what_it_leaves_out(corpus):
    clips, root = corpus
    (root / "bad.wav").write_bytes(b"RIFF, but no recording")
    clips = [*clips[:3], Clip("bad.wav", ("ba1",), "八", 1.0), Clip("gone.wav", ("ba1",), "八", 1.0), *clips[3:5]]
    labels = [[2], [2], [2] * 500, [2], [2], [2], [2]]
    pool = read_pool(clips, labels, root, 4, CPU, 2, extra=[constant(7, 0.1)])
    assert pool.clips.tolist() == [0, 1, 5, 6] and len(pool.sounds) == 4
    assert [str(root / name) in message for name, message in
            zip((clips[2].path, "bad.wav", "gone.wav"), pool.unreadable, strict=True)] == [True] * 3  # fmt: skip
    assert "too short for its 500 labels" in pool.unreadable[0]
    assert pool.extra is not None and pool.extra.samples is pool.sounds.samples
    assert pool.extra.samples[int(pool.extra.starts[0]) :].tolist() == [7] * 1_600
    waveforms, lengths = pool.sounds.padded(np.array([0, 2]))
    assert waveforms.shape == (2, int(lengths.max())) and lengths.tolist() == pool.sounds.lengths[[0, 2]].tolist()


def test_a_pool_that_does_not_fit_says_so(corpus, monkeypatch):
    clips, root = corpus
    monkeypatch.setattr(pool_module, "free_bytes", lambda device: 100_000)
    with pytest.raises(UsageError, match=r"--windows: 0\.0 h of audio take 0\.0 GB .* give fewer lists"):
        read_pool(clips, [[2]] * len(clips), root, 4, CPU, 1)


def test_folders_of_recordings(tmp_path, corpus):
    _, root = corpus
    assert len(read_folder(root, "--noise")) > 3
    with pytest.raises(UsageError, match=r"--music .*nowhere: no such folder"):
        read_folder(tmp_path / "nowhere", "--music")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"--rooms .*no recording in it"):
        read_folder(tmp_path / "empty", "--rooms")
    (tmp_path / "empty" / "x.wav").write_bytes(b"nothing")
    with pytest.raises(UsageError, match=r"x\.wav.*or take it out of"):
        read_folder(tmp_path / "empty", "--rooms")
