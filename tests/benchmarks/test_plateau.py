"""The table of the plateau, of logs that are known, and a tiny run that is stopped."""

import math
import sys

import pytest
from speech import make_corpus


@pytest.fixture
def plateau(root, monkeypatch):
    """The module `plateau`, imported as it is when it is run."""
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    import plateau

    yield plateau
    sys.modules.pop("plateau", None)


def line(epoch, ser):
    return f"2026-11-29 12:00:00 INFO epoch {epoch}: dev loss 3.100, SER {ser:.2f}% (TER 50.00%) on 60 clips\n"


def test_the_last_measurement_of_an_epoch_counts(plateau, tmp_path):
    log = tmp_path / "seed1.log"
    assert plateau.measured(log) == {}
    log.write_text("starts\n" + line(2, 99.5) + line(4, 70) + line(4, 68.25), encoding="utf-8")
    assert plateau.measured(log) == {2: 99.5, 4: 68.25}


def test_the_table(plateau):
    results = {
        "plain": {1: {2: 100.0, 4: 99.0, 10: 95.0, 12: 40.0}, 2: {4: 98.0, 10: 60.0}, 3: {4: 97.0}},
        "heads": {1: {4: 80.0, 10: 30.0}, 2: {4: 91.0, 10: 20.0}, 3: {}},
    }
    plain, heads = plateau.table(results, 10).split("\n")[2:]
    assert plain == "| plain | 2 of 3 | 0 | 1 | 12 10 | 77.5 | 95 60 |"
    assert heads == "| heads | 2 of 3 | 1 | 2 | 4 10 | 25.0 | 30 20 |"


def test_runs_are_stopped_at_the_epoch_and_not_run_again(plateau, tmp_path, monkeypatch):
    make_corpus(tmp_path, clips=4)
    sizes = "--maps 4 4 8 8 --fc 16 --rnn 16 --rnn_layers 1"
    where = f"--data_type tones --config_path {tmp_path / 'lists'} --data_root {tmp_path / 'audio'} --dev_step 1"
    monkeypatch.setattr(plateau, "ONE_WORKER", f"--device cpu --threads 1 --epochs 100 {where} {sizes}")
    runs = plateau.Runs(1)
    found = runs.train(tmp_path / "out", 3, ["--auxiliary", "1"])
    assert set(found) >= {1} and max(found) < 90
    before = (tmp_path / "out" / "seed3.log").read_text()
    assert runs.train(tmp_path / "out", 3, []) == found
    assert (tmp_path / "out" / "seed3.log").read_text() == before
    monkeypatch.setattr(plateau, "LEFT", math.inf)  # the first measurement is off the plateau
    assert max(plateau.Runs(90, until_left=True).train(tmp_path / "left", 3, [])) < 90
    runs.stop()
    assert runs.train(tmp_path / "other", 4, []) == {}
