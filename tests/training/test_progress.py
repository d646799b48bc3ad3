"""How far a run is: kept whole, and read from states of version 0.1."""

import math
from dataclasses import asdict

from ramospeech.training import Progress


def test_it_is_what_was_saved():
    progress = Progress(epoch=3, batches=8, group=2, best=0.5, stale=1, lr_factor=0.25, before=0.75, consumed=40)
    assert Progress.of({"progress": asdict(progress), "steps": 20}, workers=4) == progress


def test_states_of_version_0_1():
    old = {"epoch": 2, "epoch_step": 5, "epoch_steps": 9, "best": 0.3, "workers": 2, "worse": 1, "lr_factor": 0.5}
    assert Progress.of({**old, "steps": 23}, workers=4) == Progress(2, 10, 2, 0.3, 1, 0.5, None, 46)
    translator = {"steps": 30, "best": 0.1}
    assert Progress.of(translator, workers=2) == Progress(group=2, best=0.1, consumed=60)


def test_evaluations_without_a_better_one_are_counted():
    progress = Progress()
    assert math.isinf(progress.best)
    assert [progress.record(rate) for rate in (0.5, 0.6, 0.5, 0.4)] == [True, False, False, True]
    assert (progress.best, progress.stale) == (0.4, 0)
