"""Training states: whole or not at all, and never a program."""

import errno
import os
import pickle

import pytest
import torch

from ramospeech.errors import ModelError, TrainingError
from ramospeech.training import load_state, save_state


def test_round_trip(tmp_path):
    state = {"model": {"w": torch.randn(3)}, "steps": 7, "best": float("inf"), "name": "a", "list": [1, 2]}
    save_state(tmp_path / "s.pt", state)
    again = load_state(tmp_path / "s.pt")
    assert torch.equal(again.pop("model")["w"], state.pop("model")["w"])
    assert again == state


def test_full_disk_keeps_the_old_state(tmp_path, monkeypatch):
    save_state(tmp_path / "s.pt", {"model": {}, "steps": 1})

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TrainingError, match=r"s\.pt.*No space left.*--load_model"):
        save_state(tmp_path / "s.pt", {"model": {}, "steps": 2})
    assert load_state(tmp_path / "s.pt")["steps"] == 1
    assert [file.name for file in tmp_path.iterdir()] == ["s.pt"]


class Hostile:
    def __init__(self, target):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol 4:UserWarning")  # torch, on the way to its refusal
@pytest.mark.parametrize("kind", ["pickle", "torch", "truncated", "other", "missing"])
def test_what_is_not_a_state_is_refused(tmp_path, kind):
    path, target = tmp_path / "s.pt", tmp_path / "owned"
    if kind == "pickle":
        path.write_bytes(pickle.dumps(Hostile(target)))
    elif kind == "torch":
        torch.save({"model": Hostile(target)}, path)
    elif kind == "truncated":
        save_state(path, {"model": {"w": torch.randn(1000)}})
        path.write_bytes(path.read_bytes()[:2000])
    elif kind == "other":
        torch.save([1, 2], path)
    with pytest.raises(ModelError, match=r"s\.pt"):
        load_state(path)
    assert not target.exists()
