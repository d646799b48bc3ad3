"""train.py --teacher and --auxiliary, as a user runs them."""

import json

import pytest
from speech import make_corpus

from ramospeech.model import AcousticModel, ModelConfig, load_model, save_model
from ramospeech.programs import train
from ramospeech.text import Vocabulary

TINY = "--maps 4 4 8 8 --fc 16 --rnn 16 --rnn_layers 1 --warmup 2 --batch_seconds 8"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    make_corpus(folder, clips=8)
    return folder


def run(capsys, corpus, out, *options):
    where = ["--data_type", "tones", "--config_path", corpus / "lists", "--data_root", corpus / "audio"]
    words = (*where, "--model_path", out, "--device", "cpu", "--threads", 1, *TINY.split(), *options)
    status = train.main([str(word) for word in words])
    return status, capsys.readouterr().err


def test_a_model_teaches_another_one(corpus, tmp_path, capsys):
    """Of another frame rate, resumed, and named in the file."""
    teacher = tmp_path / "big.safetensors"
    sizes = {"maps": (4, 4, 8, 8), "fc": 16, "rnn": 16, "rnn_layers": 1}
    save_model(AcousticModel(ModelConfig(Vocabulary.inventory().units, **sizes)), teacher, {})
    more = ["--teacher", teacher, "--teacher_weight", 0.4, "--reduction", 4]
    status, said = run(capsys, corpus, tmp_path / "small", "--epochs", 1, *more)
    assert status == 0 and f"teacher: {teacher}, dfcnn on fbank" in said and "0.4 of the loss is its" in said, said
    status, said = run(capsys, corpus, tmp_path / "small", "--epochs", 2, "--load_model", *more)
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
def test_what_cannot_teach(corpus, tmp_path, capsys, options, message):
    status, said = run(capsys, corpus, tmp_path / "run", "--epochs", 1, *options)
    assert status == 2 and message in said, said
    assert said.startswith("error: ") and said.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_auxiliary_heads_are_in_no_file_and_a_run_resumes_with_them(corpus, tmp_path, capsys):
    assert run(capsys, corpus, tmp_path / "run", "--epochs", 1, "--auxiliary", 0.5)[0] == 0
    status, said = run(capsys, corpus, tmp_path / "run", "--epochs", 2, "--load_model")
    assert status == 0 and "epoch 2: dev loss" in said, said
    model = load_model(tmp_path / "run" / "dfcnn.last.safetensors")
    assert model.summary["options"]["auxiliary"] == 0.5
    assert not [name for name in model.state_dict() if "auxiliary" in name]
    status, said = run(capsys, corpus, tmp_path / "x", "--epochs", 1, "--auxiliary", 0.5, "--init_from", "fast")
    assert status == 2 and "--auxiliary 0.5: helps a model that knows nothing; leave out --init_from" in said
    status, said = run(capsys, corpus, tmp_path / "x", "--epochs", 1, "--auxiliary", 0.5, "--units", "characters")
    assert status == 2 and "characters have no initials" in said
