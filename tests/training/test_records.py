"""Curves beside TensorBoard: lines of JSON, W&B and MLflow."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from ramospeech.errors import UsageError
from ramospeech.training.records import JsonLines, Tracker, records_of


def entries(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_each_entry_is_a_line(tmp_path: Path) -> None:
    record = JsonLines(tmp_path / "new" / "a.metrics.jsonl")
    record.write({"train/loss": 2.5, "train/lr": 1e-3}, 20)
    record.write({"dev/ser": 0.25}, 20)
    record.close()
    assert entries(record.path) == [{"step": 20, "train/loss": 2.5, "train/lr": 1e-3}, {"step": 20, "dev/ser": 0.25}]
    JsonLines(record.path)  # a new run of that name
    assert entries(record.path) == []


def test_a_resumed_run_writes_its_steps_again(tmp_path: Path) -> None:
    path = tmp_path / "a.metrics.jsonl"
    record = JsonLines(path)
    for step in (10, 20, 30):
        record.write({"x": 1.0}, step)
    with path.open("a") as file:
        file.write('{"step": 40, "x"')  # the machine went down
    JsonLines(path, done=20).write({"x": 2.0}, 30)
    assert entries(path) == [{"step": 10, "x": 1.0}, {"step": 20, "x": 1.0}, {"step": 30, "x": 2.0}]


def test_a_file_that_cannot_be_written_is_named_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said: list[str] = []
    record = JsonLines(tmp_path / "file" / "in" / "a.metrics.jsonl", warn=said.append)
    record.write({"x": 1.0}, 1)
    assert len(said) == 1 and "a.metrics.jsonl: cannot be written (Not a directory)" in said[0]


class Service:
    """What W&B or MLflow would be told."""

    def __init__(self, fails: bool = False) -> None:
        self.fails = fails
        self.calls: list[tuple] = []

    def init(self, **options) -> SimpleNamespace:
        if self.fails:
            raise RuntimeError("api_key not configured\nmore")
        self.calls.append((options["name"], options["config"]))
        return SimpleNamespace(log=self.log, finish=lambda: self.calls.append(("end",)))

    def start_run(self, run_name: str) -> object:
        self.calls.append((run_name,))
        return object()

    def log_params(self, options: dict) -> None:
        self.calls.append((options,))

    def log(self, values: dict, step: int) -> None:
        self.calls.append((values, step))

    log_metrics = log

    def end_run(self) -> None:
        self.calls.append(("end",))


@pytest.mark.parametrize(
    ("kind", "started"), [("wandb", [("run1", {"lr": "0.1"})]), ("mlflow", [("run1",), ({"lr": "0.1"},)])]
)
def test_a_service_gets_the_curves(tmp_path: Path, monkeypatch, kind: str, started: list) -> None:
    service = Service()
    monkeypatch.setitem(sys.modules, kind, service)
    records = records_of(tmp_path / "run1.metrics.jsonl", kind, {"lr": 0.1}, 0, print)
    for record in records:
        record.write({"train/loss": 2.0}, 5)
        record.close()
    assert service.calls == [*started, ({"train/loss": 2.0}, 5), ("end",)]
    assert entries(tmp_path / "run1.metrics.jsonl") == [{"step": 5, "train/loss": 2.0}]


def test_a_service_that_is_not_there_is_one_line(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(UsageError, match="--track wandb: wandb is not installed: pip install wandb"):
        Tracker("wandb", "run1", {})
    monkeypatch.setitem(sys.modules, "wandb", Service(fails=True))
    with pytest.raises(UsageError, match="--track wandb: api_key not configured; leave it out") as caught:
        Tracker("wandb", "run1", {})
    assert "\n" not in str(caught.value)
