"""Runs on windows: shares of corpora, batches by worker, time that drives the run, clips that are left out."""

from pathlib import Path

import numpy as np
import pytest
import torch
from speech import make_corpus

from ramospeech.corpora import Clip, read_list
from ramospeech.data import FilteredClips
from ramospeech.errors import UsageError
from ramospeech.model import AcousticModel, ModelConfig
from ramospeech.parallel import SingleProcess
from ramospeech.text import Vocabulary
from ramospeech.training import Progress
from ramospeech.training.options import check_options, options
from ramospeech.training.schedule import rate_of_run
from ramospeech.training.windows import WindowTraining, fractions_of, shares_of

LISTS = [Path("own_train.txt"), Path("words.txt")]
CPU = torch.device("cpu")


class Worker(SingleProcess):
    """One of several workers, for what needs its rank only."""

    def __init__(self, rank: int, size: int) -> None:
        self.rank, self.size = rank, size


def selection():
    clips = [Clip(f"{i}.wav", ("ba1",), "八", seconds) for i, seconds in enumerate((3.0, 3.0, 2.0))]
    return FilteredClips(clips, [0, 0, 1], [], 0)


def parsed(*words):
    return options("About.\n\nExamples.").parse_args(["--windows", "2", "3", "--seed", "3", *map(str, words)])


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    lists = make_corpus(folder)
    clips = read_list(lists / "tones_train.txt")
    return folder / "audio", FilteredClips(clips, [0] * 12 + [1] * 12, [], 0)


@pytest.fixture
def make(corpus):
    root, train = corpus
    torch.manual_seed(1)
    units = Vocabulary.inventory().units
    model = AcousticModel(ModelConfig(units, features="fbank", maps=(4, 4, 8, 8), fc=8, rnn=8, rnn_layers=1))

    def training(*words, workers=None, progress=None):
        args = parsed("--data_root", root, "--batch_seconds", 12, *words)
        made = WindowTraining(args, LISTS, train, model, workers or SingleProcess(), CPU, progress or Progress())
        return made, model

    return training


@pytest.mark.parametrize(
    ("words", "shares"),
    [
        ([], [6.0, 2.0]),
        (["--corpus_weights", "words=3"], [6.0, 6.0]),
        (["--mix", "words=0.2", "own=0.6"], [0.6, 0.2]),
        (["--mix", "words=0", "own=1"], [1.0, 0.0]),
    ],
)
def test_shares_of_corpora(words, shares):
    assert shares_of(parsed(*words), LISTS, selection()) == pytest.approx(shares)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--mix", "own=1"], "says nothing of words"),
        (["--mix", "own=1", "word=1"], "--mix word: write CORPUS=SHARE.* one of own, words"),
        (["--mix", "own=x", "words=1"], "--mix own: write CORPUS=SHARE"),
        (["--mix", "own=0", "words=0"], "leave nothing to train on"),
        (["--mix", "own=1", "words=1", "--corpus_weights", "own=2"], "give one of them"),
    ],
)
def test_shares_that_make_no_sense(words, message):
    with pytest.raises(UsageError, match=message):
        shares_of(parsed(*words), LISTS, selection())


@pytest.mark.parametrize("word", ["own=1", "own=0", "own", "own_train=0.1", "own=a"])
def test_fractions_to_leave_out(word):
    assert fractions_of(["words=0.07", "own=0.5"], ["own", "words"]) == {1: 0.07, 0: 0.5}
    with pytest.raises(UsageError, match=f"--drop_worst {word}: write CORPUS=F.* one of own, words"):
        fractions_of([word], ["own", "words"])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--steps 3", "--steps: works on windows only"),
        ("--mix own=1", "--mix: works on windows only"),
        ("--music there", "--music: works on windows only"),
        ("--windows 6 --join 3", "leave out --concat_seconds and --pad_silence"),
        ("--windows 6 --batch_seconds 5", "--windows 6: --batch_seconds 5 hold none"),
        ("--windows 6 --steps 3 --max_minutes 1", "give one of them"),
    ],
)
def test_options_that_do_not_go_together(words, message):
    with pytest.raises(UsageError, match=message):
        check_options(options("About.\n\nExamples.").parse_args(words.split()))


def drawn(training, epoch, taken):
    steps, batches = training(epoch, taken)
    return steps, [batch.waveforms for batch in batches]


def test_workers_have_other_batches_and_resuming_the_same(make):
    def of(rank, taken=0, epoch=0):
        progress = Progress(group=2, batches=taken, consumed=8 * epoch + taken)
        return drawn(make("--steps", 8, "--epochs", 2, workers=Worker(rank, 2), progress=progress)[0], epoch, taken)

    (steps, one), (_, two) = of(0), of(1)
    assert steps == 4 and len(one) == len(two) == 4
    assert all(a.shape == b.shape and not torch.equal(a, b) for a, b in zip(one, two, strict=True))
    steps, later = of(0, taken=4)
    assert steps == 4 and len(later) == 2
    assert all(torch.equal(a, b) for a, b in zip(later, one[2:], strict=True))
    _, second = of(0, epoch=1)
    assert not any(a.shape == b.shape and torch.equal(a, b) for a, b in zip(one, second, strict=True))


@pytest.mark.parametrize("size", [1, 2, 3])
def test_an_epoch_has_its_steps_with_another_number_of_workers(make, size):
    progress = Progress(group=2, batches=4, consumed=4)
    training, _ = make("--steps", 16, "--epochs", 2, workers=Worker(0, size), progress=progress)
    steps, batches = training(0, 4)
    assert steps == 4 // size + -(-12 // size) and len(list(batches)) == -(-12 // size)


def test_without_a_length_an_epoch_is_what_the_lists_hold(make):
    training, _ = make()
    seconds = sum(training.train.seconds)
    assert training(0, 0)[0] == max(1, round(seconds / 12))


def test_the_clock_ends_epochs_and_drives_the_rate(make):
    progress = Progress()
    training, _ = make("--max_minutes", 2, "--epochs", 4, "--warmup", 2, "--lr", 0.5, progress=progress)
    rate = rate_of_run(training.args, 1, progress)
    assert rate(0, 0, 100) == pytest.approx(0.25)
    taken = []
    for epoch in range(2):
        _, batches = training(epoch, 0)
        for _ in batches:
            progress.seconds += 7.0
            progress.consumed += 1
        taken.append(progress.consumed)
    assert taken == [5, 9], "30 and 60 of 120 seconds"
    assert training.steps_of_epoch == round(30 * 9 / 63)
    progress.seconds = 60.0
    assert rate(2, 0, 100) == pytest.approx(0.5 * (0.01 + 0.99 * 0.5))
    progress.seconds = 500.0
    assert rate(2, 0, 100) == pytest.approx(0.005)


def test_what_cannot_be_read_is_named_once(make, corpus):
    path, *_ = [corpus[0] / clip.path for clip in corpus[1].clips]
    kept = path.read_bytes()
    path.unlink()
    training, _ = make("--steps", 3, "--epochs", 1)
    batches = list(training(0, 0)[1])
    path.write_bytes(kept)
    assert [len(batch.unreadable) for batch in batches] == [1, 0, 0] and str(path) in batches[0].unreadable[0]


def test_the_clips_that_are_understood_least_are_left_out(make):
    training, model = make("--drop_worst", "words=0.25", "own=0.5", "--epochs", 4, "--steps", 4)
    assert [training.due(epoch) for epoch in range(1, 5)] == [False, True, False, False]
    found = training.worst_clips(model)
    assert len(found) == 9 and sum(number < 12 for number in found) == 6
    values = training.losses_of(model, np.arange(24))
    kept = [values[number] for number in range(12) if number not in found]
    assert max(kept) <= min(found[number] for number in found if number < 12)
    alone = training.losses_of(model, np.array([3]))
    assert alone[0] == pytest.approx(values[3], rel=1e-3), "whatever else is in its batch"
    training.leave_out(sorted(found))
    members = [clip for corpus in training.planner.corpora.members for clip in corpus]
    assert sorted(members) == [number for number in range(24) if number not in found]
    assert training.left_out == sorted(found)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--noise", "."], "--noise: for the effect noise, which is not among those of --augment"),
        (["--rooms", "."], "--rooms: for the effect room"),
        (["--augment", "noise"], "the effect noise and a folder of recordings given with --noise go together"),
        (["--augment", "tempo"], "unknown effect 'tempo'"),
    ],
)
def test_recordings_and_their_effects(make, corpus, words, message):
    words = [corpus[0] if word == "." else word for word in words]
    with pytest.raises(UsageError, match=message):
        make(*words)


def test_recordings_for_windows_without_speech(make, corpus):
    training, _ = make("--noise", corpus[0], "--noise_windows", 0.5, "--steps", 4, "--epochs", 1)
    batches = list(training(0, 0)[1])
    assert {0} < {int(count) for batch in batches for count in batch.label_lengths}
