"""What a run says about its options and its end."""

from argparse import Namespace
from pathlib import Path

import pytest
import torch

from ramospeech.corpora import Utterance
from ramospeech.data import FilteredClips
from ramospeech.errors import TrainingError
from ramospeech.model import AcousticModel, ModelConfig
from ramospeech.training import advice


@pytest.mark.parametrize(
    ("seconds", "budget", "size", "said"),
    [
        ([10.0] * 9, 120.0, 64, "holds about 12"),
        ([200.0] * 3, 120.0, 2, "holds about 1 "),
        ([1.0, 2.0, 3.0], 120.0, 64, "holds about 60"),
        ([1.0] * 9, 120.0, 64, None),
        ([10.0] * 9, 120.0, 12, None),
        ([], 120.0, 64, None),
    ],
)
def test_batches_that_are_smaller_than_asked(seconds, budget, size, said):
    line = advice.on_batches(seconds, budget, size)
    assert line is None if said is None else said in line and f"--batch_size {size}" in line


@pytest.mark.parametrize(
    ("epochs", "save", "dev", "has_dev", "said"),
    [
        (60, 20, 1, True, ["keeps the model of every 20 epoch(s), first after epoch 20"]),
        (10, 20, 1, True, ["--save_step 20: no model is kept by it, the run has 10 epoch(s)"]),
        (60, 0, 5, True, ["measures dev every 5 epochs and after the last, first after epoch 5"]),
        (3, 0, 5, True, ["measures dev every 5 epochs and after the last, first after epoch 3"]),
        (60, 0, 5, False, []),
        (60, 0, 1, True, []),
    ],
)
def test_what_is_counted_in_epochs(epochs, save, dev, has_dev, said):
    assert advice.on_epochs(epochs, save, dev, has_dev) == said


def test_a_blank_dev_set_is_usual_for_a_while():
    assert "usual before about 1,000 steps" in advice.on_blank(40) and "--lr" not in advice.on_blank(40)
    assert "--lr" in advice.on_blank(5_000)


@pytest.mark.parametrize("launcher", [("python",), ("horovodrun", "-np", "3", "python")])
def test_the_command_that_resumes(monkeypatch, launcher):
    start = " ".join([*launcher, "train.py"])
    monkeypatch.setattr("sys.argv", ["train.py", "--model_name", "a b"])
    assert advice.resume_command(launcher) == f"{start} --model_name 'a b' --load_model"
    monkeypatch.setattr("sys.argv", ["train.py", "--load_model"])
    assert advice.resume_command(launcher) == f"{start} --load_model"


@pytest.mark.parametrize(("freeze", "said"), [(0, ""), (2, ", but --freeze keeps some: better --freeze 0")])
def test_weights_that_were_trained_otherwise(freeze, said):
    model = AcousticModel(
        ModelConfig(("<blank>", "<UNK>", "ma1"), "whisper", width=64, layers=2, rnn=4, attention_window=32)
    )
    assert advice.on_changed("accurate", model, freeze) == []
    model.changed, model.new_units = {"attention_window": 0}, ("ma1",)
    assert advice.on_changed("accurate", model, freeze) == [
        "2 of the 3 units have weights in accurate; 1 are new, such as 'ma1'",
        "the weights of accurate were trained with attention_window 0; with attention_window 32 they need training"
        + said,
    ]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, []),
        ({"train_manifest": ["b.txt"]}, ["warning: resumed with other lists than before (--train_manifest)"]),
        (
            {"train_manifest": ["b.txt"], "dev_manifest": ["c.txt"]},
            [
                "warning: resumed with other lists than before (--train_manifest, --dev_manifest); the best dev rate "
                "so far is that of the lists before"
            ],
        ),
    ],
)
def test_other_lists_than_before(changed, said):
    options = {"data_type": None, "train_manifest": ["a.txt"], "dev_manifest": ["d.txt"], "valid_ratio": None}
    model = Namespace(summary={"options": options})
    now = {**options, **changed}
    assert advice.on_other_lists(Namespace(load_model=True, **now), model) == said
    assert advice.on_other_lists(Namespace(load_model=False, **now), model) == []


def labelled(tokens, unknown):
    """Ten clips of so many tokens each, and how many tokens are unknown."""
    return FilteredClips([Utterance(f"{i}.wav", ("ma1",) * tokens, "", 1.0) for i in range(10)], range(10), [], unknown)


def test_labels_of_other_units():
    lists = [Path("x_train.txt")]
    assert advice.on_unknown(lists, labelled(10, 0), "--units pinyin") == []
    assert advice.on_unknown(lists, labelled(10, 10), "--units pinyin") == []
    [line] = advice.on_unknown(lists, labelled(10, 20), "--units pinyin")
    assert line.startswith("warning: x_train.txt: 20% of the labels are not among the units (--units pinyin)")
    with pytest.raises(TrainingError, match=r"x_train\.txt: 100% of the labels are not among the units"):
        advice.on_unknown(lists, labelled(10, 100), "--units pinyin")


@pytest.mark.parametrize(
    ("amp", "device", "architecture", "tiles", "said"),
    [
        ("no", "cpu", "whisper", True, 1),
        ("bf16", "cpu", "whisper", True, 0),
        ("no", "cuda", "whisper", True, 0),
        ("no", "cpu", "dfcnn", True, 0),
        ("no", "cpu", "whisper", False, 0),
    ],
)
def test_precision_of_a_cpu(monkeypatch, amp, device, architecture, tiles, said):
    monkeypatch.setattr(advice, "multiplies_bfloat16", lambda: tiles)
    lines = advice.on_precision(amp, torch.device(device), architecture)
    assert len(lines) == said and all("--amp bf16" in line for line in lines)
