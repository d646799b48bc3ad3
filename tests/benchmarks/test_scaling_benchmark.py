"""The model of scaling, by cases that are known; and that the ways which the benchmark compares take the same step."""

import sys
from pathlib import Path

import pytest
import torch

from ramospeech.parallel import SingleProcess


@pytest.fixture
def benchmarks(root: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    yield
    for name in ("scaling", "scaling_model", "table"):
        sys.modules.pop(name, None)


def test_sums_of_messages(benchmarks):
    import scaling_model as model

    assert model.ring(1, 100, 10, 50) == model.tree(1, 100, 10, 50) == 0.0
    assert model.ring(2, 100, 10, 50) == pytest.approx(100 * 8 / 10 + 0.1)  # half of it there and half back, twice
    assert model.ring(64, 0, 10, 50) == pytest.approx(126 * 0.05) and model.tree(64, 0, 10, 50) == pytest.approx(0.6)
    assert model.ring(10_000, 100, 10, 0) == pytest.approx(2 * model.ring(2, 100, 10, 0), rel=1e-3)


def test_efficiency(benchmarks):
    import scaling_model as model

    training, link = model.TRAININGS[1], model.LINKS[0]
    assert model.efficiency(training, 1, link, 0.2) == pytest.approx(1.0, abs=0.01)
    assert model.waiting(1, 0.2) == pytest.approx(1.0, abs=0.02) and model.waiting(512, 0.0) == 1.0
    found = [model.efficiency(training, gpus, link, 0.05) for gpus in (1, 8, 64, 512)]
    assert found == sorted(found, reverse=True)
    assert model.efficiency(training, 64, link, 0.0, 2.0) > model.efficiency(training, 64, link, 0.0, 4.0)
    assert model.efficiency(training, 64, model.LINKS[1], 0.0) > model.efficiency(training, 64, link, 0.0)


def test_the_page_has_the_table_of_the_model(benchmarks, root):
    import scaling_model as model

    assert model.table() in (root / "docs" / "scaling.md").read_text("utf-8")


def test_ours_is_measured_by_its_parts(benchmarks):
    import scaling

    torch.manual_seed(0)
    batch = scaling.batch_of(2.0, 1.0)
    assert (len(batch), batch.amount) == (2, 2.0)
    step, trainer = scaling.stepper("ours", scaling.model_of("dfcnn"), SingleProcess())
    spent: dict[str, float] = {}
    trainer.timed = scaling.counter(spent)
    step(batch)
    assert set(spent) == {"forward", "backward", "communication", "optimiser"}
