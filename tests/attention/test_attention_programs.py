"""speech2text.py with models that have an attention head: which decoder is taken, and what does not go together."""

import json

import numpy as np
import pytest
import soundfile
import torch

from ramospeech.lm.neural import LmSizes, NeuralLm, save_neural_lm
from ramospeech.model import AcousticModel, ModelConfig, save_model
from ramospeech.programs import transcribe
from ramospeech.programs.decoding import heads_of
from ramospeech.text import Vocabulary

SIZES = {"maps": (2, 2, 2, 2), "fc": 8, "rnn": 8, "rnn_layers": 1, "speller": 8, "speller_embedding": 4}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Files of tiny models with random weights and every choice of heads."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    units = tuple(Vocabulary.inventory().units)
    for heads in (("ctc",), ("attention",), ("ctc", "attention")):
        sizes = SIZES if "attention" in heads else {k: v for k, v in SIZES.items() if not k.startswith("speller")}
        model = AcousticModel(ModelConfig(units, features="fbank", heads=heads, **sizes))
        save_model(model, folder / f"{'_'.join(heads)}.safetensors", {"min_confidence": 0.0})
    save_neural_lm(NeuralLm(Vocabulary(units), LmSizes(embedding=4, hidden=4)), folder / "lm.safetensors", {})
    return folder


@pytest.fixture
def run(models, tmp_path, capsys):
    """Transcribes a second of noise: the exit status, the transcript in JSON if there is one, and stderr."""
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).uniform(-0.3, 0.3, 16_000), 16_000)

    def transcribe_by(model, *options):
        words = ["--model", str(models / f"{model}.safetensors"), "--format", "json", *options, str(tmp_path / "a.wav")]
        status = transcribe.main(words)
        out, errors = capsys.readouterr()
        return status, json.loads(out)[0] if out else None, errors

    return transcribe_by


@pytest.mark.parametrize(
    ("model", "options"),
    [
        ("attention", ()),
        ("attention", ("--translator", "none")),
        ("attention", ("--decoder", "attention", "--beam_width", "1")),
        ("ctc_attention", ()),
        ("ctc_attention", ("--decoder", "attention", "--ctc_weight", "0.5", "--hotword", "你好")),
        ("ctc_attention", ("--decoder", "rescoring", "--hotword", "你好", "--nbest", "3")),
    ],
)
def test_every_decoder_runs(run, model, options):
    status, found, errors = run(model, *options)
    assert status == 0 and "1 transcribed" in errors
    assert not found.get("error") and found["tokens"]
    assert all(0.0 <= token["start"] <= token["end"] for token in found["tokens"])


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("attention", ("--decoder", "greedy"), "no CTC head, only attention: leave --decoder out"),
        ("attention", ("--decoder", "beam"), "no CTC head, only attention: leave --decoder out"),
        ("attention", ("--decoder", "rescoring"), "--decoder rescoring needs one"),
        ("attention", ("--ctc_weight", "0.5"), "--ctc_weight needs one"),
        ("ctc", ("--decoder", "attention"), "no attention head, only ctc"),
        ("ctc", ("--decoder", "rescoring"), "no attention head, only ctc"),
        ("ctc", ("--ctc_weight", "0.5"), "--ctc_weight belongs to an attention head"),
        ("ctc", ("--length_penalty", "1"), "--length_penalty needs --decoder attention"),
        ("ctc_attention", ("--decoder", "attention", "--lm", "nothing.arpa"), "nothing.arpa"),
        ("ctc_attention", ("--decoder", "attention", "--lm", "nothing.safetensors"), "nothing.safetensors: cannot be"),
        ("ctc", ("--lm", "nothing.safetensors"), "--lm nothing.safetensors: a language model of units, which greedy"),
        ("ctc", ("--decoder", "beam", "--lm", "nothing.safetensors"), "nothing.safetensors: cannot be read"),
    ],
)
def test_a_wrong_combination_is_a_clear_line(run, model, options, message):
    status, found, errors = run(model, "--translator", "none", *options)
    assert (status, found) == (2, None)
    assert message in errors and errors.startswith("error: ") and errors.count("\n") == 1


@pytest.mark.parametrize(
    ("model", "decoder"), [("ctc", "beam"), ("ctc_attention", "rescoring"), ("ctc_attention", "attention")]
)
def test_neural_language_models_take_part(run, models, model, decoder):
    options = (
        "--decoder",
        decoder,
        "--beam_width",
        "4",
        "--translator",
        "none",
        "--lm",
        str(models / "lm.safetensors"),
    )
    scores = []
    for weight in ("0.5", "1.5"):
        status, found, _ = run(model, *options, "--lm_weight", weight)
        assert status == 0 and found["tokens"]
        scores.append(found["score"])
    assert scores[1] < scores[0]


def test_heads_are_read_from_the_description(models, tmp_path):
    assert heads_of(str(models / "ctc_attention.safetensors")) == ["ctc", "attention"]
    (tmp_path / "odd").write_bytes(b"\xff" * 64)
    (tmp_path / "short").write_bytes(b"\x01")
    for name in ("odd", "short", "nothing"):  # what is wrong with them is told when they are loaded
        assert heads_of(str(tmp_path / name)) == ["ctc"]
    assert heads_of("fast") == ["ctc"]
