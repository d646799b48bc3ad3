"""Lists whose clips stay on disk, their index, and epochs that go through shards."""

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from ramospeech.corpora import Clip, ClipTable, Limits, index
from ramospeech.data import Loader, epoch_plan, read_clips, select, train_plan
from ramospeech.data.batches import in_order
from ramospeech.errors import ListError
from ramospeech.text import Vocabulary
from ramospeech.text.units import UNITS

LIMITS = Limits(durations="list", max_frames=300, max_labels=5)
FEW = Vocabulary(["<blank>", "<UNK>", "ni3", "hao3", "ma", "yi1"])


@pytest.fixture
def lists(tmp_path, rng):
    """Two lists with every kind of clip that is left out, and files of all but one."""
    texts = ["你好", "好好", "你好吗你好吗", "一", "你好", "你们"]
    labels = ["ni3 hao3", "hao3 hao3", "ni3 hao3 ma ni3 hao3 ma", "yi1", "ni3 hao3", "ni3 men"]
    for part in ("a", "b"):
        lines = ["\n", "\r\n", "\ufeff"] if part == "a" else []
        for n, (text, label) in enumerate(zip(texts, labels, strict=True)):
            path = tmp_path / f"{part}{n}.wav"
            seconds = [0.5, 0.26, 2.0, 9.0, 1.0, 1.0][n]
            if n != 5 or part == "a":
                soundfile.write(path, rng.normal(0, 0.1, round(16_000 * seconds)), 16_000)
            given = "" if n == 0 else f"\t{seconds:.3f}"
            lines.append(f"{path.name}\t{label}\t{text}{given}{chr(13) * (n % 2)}\n")
        (tmp_path / f"{part}.txt").write_bytes("".join(lines).encode().removesuffix(b"\n"))
    return [tmp_path / "a.txt", tmp_path / "b.txt"]


@pytest.fixture
def indexed(monkeypatch):
    monkeypatch.setattr(select, "INDEXED_FROM", 0)


def both(lists, monkeypatch, limits=LIMITS):
    whole = read_clips(lists, lists[0].parent, limits)
    monkeypatch.setattr(select, "INDEXED_FROM", 0)
    return whole, read_clips(lists, lists[0].parent, limits)


@pytest.mark.parametrize(
    "limits",
    [
        LIMITS,
        replace(LIMITS, vocabulary=FEW),
        replace(LIMITS, vocabulary=FEW, drop_unknown=True),
        replace(LIMITS, max_frames=None),
        Limits(durations="list"),
    ],
)
def test_an_index_leaves_out_what_reading_all_does(lists, limits, monkeypatch):
    for _ in range(2):  # with an index that is made, and with one that is there
        whole, table = both(lists, monkeypatch, limits)
        assert isinstance(table.clips, ClipTable) and list(table.clips) == list(whole.clips)
        assert list(table.sources) == list(whole.sources) and list(table.seconds) == list(whole.seconds)
        assert table.dropped == whole.dropped and table.unknown == whole.unknown
        assert table.describe() == whole.describe()
        monkeypatch.setattr(select, "INDEXED_FROM", 1 << 40)
    assert {path.name for path in lists[0].parent.glob("*.index.*")} == {
        f"{part}.txt.index.{kind}" for part in "ab" for kind in ("npy", "json")
    }


def test_characters_are_made_of_the_text(lists, monkeypatch):
    whole, table = both(lists, monkeypatch, replace(LIMITS, units=UNITS["characters"]))
    assert list(table.clips) == list(whole.clips) and table.clips[0].tokens == ("你", "好")


def test_a_table_travels_and_is_cut(lists, indexed):
    table = read_clips(lists, lists[0].parent, LIMITS).clips
    copy = pickle.loads(pickle.dumps(table))
    assert list(copy) == list(table) and list(table[1:3]) == [table[1], table[2]] and table[-1] == list(table)[-1]
    assert list(table.take([2, 0])) == [table[2], table[0]]


def test_an_index_is_used_until_something_changes(lists, indexed, monkeypatch):
    made = []
    real = index.make_index
    monkeypatch.setattr(index, "make_index", lambda path, *more: made.append(path.name) or real(path, *more))

    def read(limits=LIMITS, root=lists[0].parent):
        made.clear()
        read_clips(lists, root, limits)
        return made

    assert read() == ["a.txt", "b.txt"]
    assert read() == [] == read(replace(LIMITS, max_frames=100))
    assert read(replace(LIMITS, vocabulary=Vocabulary(["<blank>", "<UNK>", "ni3"]))) == ["a.txt", "b.txt"]
    assert read() == ["a.txt", "b.txt"]
    with lists[1].open("ab") as file:
        file.write(b"\n")
    assert read() == ["b.txt"]
    (lists[0].parent / "a.txt.index.json").write_text("{")
    assert read() == ["a.txt"]
    (lists[0].parent / "b.txt.index.npy").write_bytes(b"x")
    assert read() == ["b.txt"] and read() == []


def test_a_recording_that_comes_later_is_used(lists, indexed):
    root = lists[0].parent
    assert "b5.wav" not in [clip.path for clip in read_clips(lists, root, LIMITS).clips]
    soundfile.write(root / "b5.wav", np.zeros(16_000), 16_000)
    assert "b5.wav" in [clip.path for clip in read_clips(lists, root, LIMITS).clips]


@pytest.mark.parametrize("line", ["b.wav\n", "b.wav\tni3\t你\tlong\n", "b.wav\tnot pinyin\t你\n"])
def test_a_bad_line_is_named(line, tmp_path, indexed):
    (tmp_path / "l.txt").write_text("a.wav\tni3\t你\t1\n\n" + line, encoding="utf-8")
    with pytest.raises(ListError, match=r"l\.txt:3: ") as of_index:
        read_clips([tmp_path / "l.txt"], tmp_path, LIMITS)
    select.INDEXED_FROM = 1 << 40
    with pytest.raises(ListError) as of_all:
        read_clips([tmp_path / "l.txt"], tmp_path, LIMITS)
    assert str(of_index.value) == str(of_all.value)
    assert not (tmp_path / "l.txt.index.json").exists()


def test_a_folder_that_cannot_be_written_to(lists, indexed, monkeypatch, capsys):
    def refuse(*_):
        raise ListError("x.npy: not written (Read-only file system); ")

    monkeypatch.setattr(index, "whole_file", refuse)
    found = read_clips(lists, lists[0].parent, LIMITS)
    assert len(found.clips) and "its index cannot be kept" in capsys.readouterr().err


def test_a_list_that_changes_while_it_is_read(lists, indexed):
    table = read_clips(lists, lists[0].parent, LIMITS).clips
    lists[0].write_bytes(lists[0].read_bytes()[:-5])
    with pytest.raises(ListError, match=r"a\.txt: was changed while it was read"):
        table[0]


def test_loading_from_a_table(lists, indexed):
    found = read_clips(lists, lists[0].parent, LIMITS)
    (batch,) = Loader(found.clips, lists[0].parent, LIMITS.vocabulary, 8)([list(range(len(found.clips)))])
    assert len(batch) == len(found.clips) and not batch.unreadable
    assert batch.label_lengths.tolist() == [len(clip.tokens) for clip in found.clips]


def test_what_is_kept_of_an_index_is_small(lists, indexed):
    read_clips(lists, lists[0].parent, LIMITS)
    rows = np.load(lists[0].parent / "a.txt.index.npy")
    assert rows.dtype.itemsize <= 32 and len(rows) == 6
    assert json.loads((lists[0].parent / "a.txt.index.json").read_text())["units"] == "pinyin"


@pytest.mark.parametrize(("epoch", "workers"), [(0, 1), (0, 3), (2, 1), (2, 4)])
def test_an_epoch_goes_through_a_few_shards_at_a_time(epoch, workers, rng):
    shards = rng.permutation(np.repeat(np.arange(12), 40))
    shards[:30] = -1  # clips that are in no shard
    seconds = rng.uniform(0.5, 9, len(shards))
    plan = train_plan(seconds, 30.0, 8, workers, seed=1, epoch=epoch, shards=shards, buffer=3)
    flat = [batch for step in plan for batch in step]
    assert sorted(clip for batch in flat for clip in batch) == list(range(len(shards)))
    assert all(len(step) == workers for step in plan[:-1])
    assert all(max(seconds[batch]) * len(batch) <= 30.0 or len(batch) == 1 for batch in map(np.array, flat))
    groups = [{int(shards[clip]) for clip in batch} - {-1} for batch in flat[: len(flat) - 4 * (workers - 1) or None]]
    met = [set()]
    for group in groups:
        if group - met[-1] and len(met[-1] | group) > 3:
            met.append(set())
        met[-1] |= group
    assert len(met) == 4 and set.union(*met) == set(range(12))  # three shards at a time, none again
    again = train_plan(seconds, 30.0, 8, workers, seed=1, epoch=epoch, shards=shards, buffer=3)
    other = train_plan(seconds, 30.0, 8, workers, seed=1, epoch=epoch + 1, shards=shards, buffer=3)
    assert plan == again != other


def test_shards_are_told_from_paths(tmp_path):
    paths = ("s0.tar#512+9", "s1.tar#512+9", "s0.tar#2048+9#1-2", "a.wav", "a.wav#1-2")
    found = select.FilteredClips([Clip(path, ("ni3",), "你", 1.0) for path in paths], [0] * 5, [], 0)
    assert found.shards.tolist() == [0, 1, 0, -1, -1]
    assert found.take([3, 4]).shards is None


def test_weights_and_shards_together(rng):
    shards = np.repeat(np.arange(6), 20)
    clips = [Clip(f"{n}.wav", ("ni3",), "你", 1.0 + n / 50) for n in range(120)]
    weights = [0.0] * 60 + [2.0] * 60
    plan = epoch_plan(clips, weights, 0.0, 0.0, 64, 20.0, 8, 2, 1, 1, shards, 2)
    count, batch = in_order(plan)
    drawn = [clip for place in range(count) for clip in batch(place)]
    assert sorted(drawn) == sorted([*range(60, 120)] * 2)
