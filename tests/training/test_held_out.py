"""Fine-tuning without a dev list: which of the training clips are held out."""

from argparse import Namespace

import pytest

from ramospeech.corpora import Clip
from ramospeech.data import FilteredClips
from ramospeech.training.held_out import hold_out
from ramospeech.training.sets import lists_of


def selection(paths):
    clips = [Clip(path, ("ba1",), "八", 1.0) for path in paths]
    return FilteredClips(clips, list(range(len(clips))), [(clips[0], "missing", "x")], 3)


def paths_of(part):
    return [clip.path for clip in part.clips]


def checked(train, lists, tmp_path):
    """What is held out; nothing is lost or in both, and the same is held out again."""
    rest, dev, line = hold_out(train, lists)
    assert sorted(paths_of(rest) + paths_of(dev)) == sorted(paths_of(train))
    assert [train.clips[i].path for i in rest.sources + dev.sources] == paths_of(rest) + paths_of(dev)
    assert rest.dropped and rest.unknown == 3 and not dev.dropped and not dev.unknown
    assert hold_out(train, lists)[1] == dev
    assert line.startswith(f"no dev list: {len(dev.clips)} of {len(train.clips)} training clips are dev, split by")
    return rest, dev, line


@pytest.mark.parametrize("speakers", [3, 12, 40])
def test_speakers_of_the_table_are_disjoint(tmp_path, speakers):
    paths = [f"all/{i}.wav" for i in range(120)]
    rows = "".join(f"{path}\ts{i % speakers}\n" for i, path in enumerate(paths))
    (tmp_path / "mine_train_speakers.tsv").write_text(rows, encoding="utf-8")
    rest, dev, line = checked(selection(paths), [tmp_path / "mine_train.txt"], tmp_path)
    of = dict(row.split("\t") for row in rows.splitlines())
    held = {of[path] for path in paths_of(dev)}
    assert 1 <= len(held) < speakers and not held & {of[path] for path in paths_of(rest)}
    assert line.endswith("a hash of the speaker")


@pytest.mark.parametrize("folders", [3, 20])
def test_folders_stand_for_speakers(tmp_path, folders):
    paths = [f"S{i % folders}/{i}.wav" for i in range(100)]
    rest, dev, _ = checked(selection(paths), [tmp_path / "mine_train.txt"], tmp_path)
    held, kept = ({path.split("/")[0] for path in paths_of(part)} for part in (dev, rest))
    assert held and kept and not held & kept


@pytest.mark.parametrize("paths", [[f"{i}.wav" for i in range(200)], [f"S{i % 2}/{i}.wav" for i in range(200)]])
def test_a_tenth_of_the_clips_of_few_speakers(tmp_path, paths):
    _, dev, line = checked(selection(paths), [tmp_path / "mine_train.txt"], tmp_path)
    assert 10 <= len(dev.clips) <= 30 and "speakers unknown or few" in line


def test_only_where_fine_tuning_has_no_dev_list(tmp_path):
    for name in ("mine_train", "ours_train", "ours_dev"):
        (tmp_path / f"{name}.txt").write_text("", encoding="utf-8")
    args = Namespace(
        data_type="mine",
        valid_ratio=None,
        train_manifest=None,
        dev_manifest=None,
        config_path=str(tmp_path),
        init_from="accurate",
    )
    assert lists_of(args) == ([tmp_path / "mine_train.txt"], [])
    args.data_type = "ours"
    assert lists_of(args) == ([tmp_path / "ours_train.txt"], [tmp_path / "ours_dev.txt"])
    args.dev_manifest = ["a.txt"]
    assert [path.name for path in lists_of(args)[1]] == ["a.txt"]
