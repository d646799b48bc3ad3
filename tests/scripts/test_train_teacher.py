"""train.py --teacher and --auxiliary, as a user runs them."""

import json

import pytest

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


@pytest.mark.parametrize(
    ("options", "message"),
    [
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
