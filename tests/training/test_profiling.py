"""--profile: a trace, and parts of the time of a step that make the whole."""

import json
from itertools import count

import pytest
import torch
from torch import nn

from ramospeech.errors import TrainingError
from ramospeech.training import Profiler, profiling


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.features, self.augment = nn.Linear(2, 2), nn.Identity()


def profile(path, steps=2, epochs=(3, 3), said=None):
    """Run epochs of so many steps; the clock moves by 1 s at each look at it."""
    model = Model()
    profiler = Profiler(steps, path, model, torch.device("cpu"), (said if said is not None else []).append)
    for epoch, number in enumerate(epochs):
        total, batches = profiler.over(lambda *_, number=number: (number, iter(range(number))))(epoch, 0)
        assert total == number
        for _ in batches:
            with profiler.timed("forward"):
                model.augment(model.features(torch.ones(1, 2)))
            with profiler.timed("backward"):
                pass
    return profiler


def test_the_parts_and_the_trace(tmp_path, monkeypatch):
    clock = count()
    monkeypatch.setattr(profiling.time, "perf_counter", lambda: next(clock))
    said = []
    profiler = profile(tmp_path / "a.trace.json", said=said, epochs=(4, 2))
    # A second from each border to the next: forward has three pieces around features and augmentation.
    assert profiler.seconds == {
        "waiting for data": 2, "features": 2, "augmentation": 2, "forward": 6, "backward": 2, "communication": 0,
        "optimiser": 0, "other": 7,
    }  # fmt: skip
    assert said[0].startswith("profile of 2 steps: 10500.0 ms each") and len(said) == 9
    assert said[4].split() == ["forward", "3000.0", "ms", "28.6%"]
    names = {event.get("name") for event in json.loads((tmp_path / "a.trace.json").read_text())["traceEvents"]}
    assert {"step: forward", "step: backward", "step: waiting for data", "aten::linear"} <= names


def test_an_epoch_that_ends_before_ends_it(tmp_path):
    said = []
    profile(tmp_path / "a.trace.json", steps=10, epochs=(4, 4), said=said)
    assert said[0].startswith("profile of 2 steps: ") and len(said) == 9


def test_a_trace_that_cannot_be_written(tmp_path):
    (tmp_path / "a.trace.json").mkdir()
    with pytest.raises(TrainingError, match=r"a\.trace\.json: .*--profile"):
        profile(tmp_path / "a.trace.json")


@pytest.mark.parametrize(("epochs", "told"), [((1, 1), True), ((1, 2), False)])
def test_a_run_too_short_to_measure_says_so(tmp_path, epochs, told):
    said = []
    profile(tmp_path / "a.trace.json", steps=5, epochs=epochs, said=said).close()
    assert [line.startswith("--profile 5: nothing was measured: of 2 steps") for line in said[:1]] == [told]
    assert (tmp_path / "a.trace.json").exists() is not told
