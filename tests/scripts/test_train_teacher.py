"""train.py --teacher and --auxiliary, as a user runs them."""

import json
import re

import pytest
import torch

from ramospeech.model import AcousticModel, ModelConfig, load_model, save_model
from ramospeech.text import Vocabulary

TINY = "--maps 4 4 8 8 --fc 16 --rnn 16 --rnn_layers 1 --warmup 2 --batch_seconds 8"


def test_a_model_teaches_another_one(corpus, tmp_path, run):
    """Of another frame rate, resumed, and named in the file."""
    teacher = tmp_path / "big.safetensors"
    sizes = {"maps": (4, 4, 8, 8), "fc": 16, "rnn": 16, "rnn_layers": 1}
    save_model(AcousticModel(ModelConfig(Vocabulary.inventory().units, **sizes)), teacher, {})
    more = ["--teacher", teacher, "--teacher_weight", 0.4, "--reduction", 4]
    status, said = run(corpus, tmp_path / "small", *TINY.split(), "--epochs", 1, *more)
    assert status == 0 and f"teacher: {teacher}, dfcnn on fbank" in said and "0.4 of the loss is its" in said, said
    status, said = run(corpus, tmp_path / "small", *TINY.split(), "--epochs", 2, "--load_model", *more)
    assert status == 0 and "epoch 2: dev loss" in said, said
    model = load_model(tmp_path / "small" / "dfcnn.safetensors")
    assert model.summary["options"]["teacher"] == str(teacher) and model.reduction == 4
    assert json.loads((tmp_path / "small" / "dfcnn.json").read_text())["teacher_weight"] == 0.4


def test_a_model_teaches_its_own_lowest_layer(corpus, tmp_path, run):
    """Only what lies above it learns, in a run that is stopped and resumed as in one that is not."""
    teacher = tmp_path / "deep.safetensors"
    deep = AcousticModel(ModelConfig(Vocabulary.inventory().units, "whisper", width=64, layers=2, rnn=8))
    save_model(deep, teacher, {})
    more = "--layers 1 --freeze_output --windows 1.5 3 --batch_seconds 12 --reuse 2 --augment floor --dropout 0"
    more += " --schedule constant --warmup 1 --augment_warmup 0 --ema_decay 0 --lr 1e-2"
    for out, epochs, resumed in (("whole", 2, []), ("parts", 1, []), ("parts", 2, ["--load_model"])):
        length = ["--epochs", epochs, "--steps", 5 * epochs]
        start = ["--init_from", teacher, "--teacher", teacher]
        status, said = run(corpus, tmp_path / out, *more.split(), *start, *length, *resumed)
        assert status == 0, said
        assert "of the way from the start" not in said, "a start without its upper layers is nothing to keep"
    assert "with layers 1 they need training" not in said, "a resumed run has them already"
    without = more.replace("--freeze_output ", "").split()
    status, said = run(corpus, tmp_path / "parts", *without, *start, "--epochs", 3, "--steps", 15, "--load_model")
    assert status == 1 and "error: other parts of the model learnt in the run that is resumed; give the" in said, said
    for options in (["--heads", "ctc", "attention"], ["--units", "characters", "--unit_list", "lists"]):
        status, said = run(corpus, tmp_path / "new", *start[:2], "--freeze_output", *options)
        assert status == 2 and re.search(r"--freeze_output: \S+deep.safetensors has no weights for heads\.", said), said
    whole, parts = (load_model(tmp_path / out / "dfcnn.last.safetensors").state_dict() for out in ("whole", "parts"))
    assert load_model(tmp_path / "whole" / "dfcnn.last.safetensors").config.sizes.layers == 1
    for name, tensor in whole.items():
        torch.testing.assert_close(parts[name], tensor, msg=name)
        learns = name.startswith(("encoder.rnn.", "encoder.pair_norm."))
        assert torch.equal(tensor, deep.state_dict()[name]) != learns, name


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--freeze_output"], "--freeze_output: keeps output layers of --init_from; give that option too"),
        (["--reuse", "2"], "--reuse: works on windows only; give their lengths"),
        (["--windows", "2", "--reuse", "2", "--batch_seconds", "auto"], "--reuse: not with --batch_seconds auto; give"),
        (["--teacher", "nowhere.safetensors"], "nowhere.safetensors: cannot be read"),
        (["--teacher", "accurate", "--unit_list", "lists"], "--teacher accurate: it writes 2142 units (pinyin) and"),
        (["--teacher", "accurate", "--teacher_weight", "1.5"], "--teacher_weight: must be"),
    ],
)
def test_what_cannot_teach(corpus, tmp_path, run, options, message):
    status, said = run(corpus, tmp_path / "run", *TINY.split(), "--epochs", 1, *options)
    assert status == 2 and message in said, said
    assert said.startswith("error: ") and said.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_auxiliary_heads_are_in_no_file_and_a_run_resumes_with_them(corpus, tmp_path, run):
    assert run(corpus, tmp_path / "run", *TINY.split(), "--epochs", 1, "--auxiliary", 0.5)[0] == 0
    status, said = run(corpus, tmp_path / "run", *TINY.split(), "--epochs", 2, "--load_model")
    assert status == 0 and "epoch 2: dev loss" in said, said
    model = load_model(tmp_path / "run" / "dfcnn.last.safetensors")
    assert model.summary["options"]["auxiliary"] == 0.5
    assert not [name for name in model.state_dict() if "auxiliary" in name]
    status, said = run(corpus, tmp_path / "x", *TINY.split(), "--epochs", 1, "--auxiliary", 0.5, "--init_from", "fast")
    assert status == 2 and "--auxiliary 0.5: helps a model that knows nothing; leave out --init_from" in said
    status, said = run(
        corpus, tmp_path / "x", *TINY.split(), "--epochs", 1, "--auxiliary", 0.5, "--units", "characters"
    )
    assert status == 2 and "characters have no initials" in said
