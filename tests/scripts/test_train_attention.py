"""train.py with an attention head: alone, with CTC, on several encoders, resumed, on two workers, and bad input."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest
import seeds
import torch
from safetensors.torch import load_file
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ramospeech.errors import ModelError
from ramospeech.model import load_model
from ramospeech.model.__main__ import info
from ramospeech.model.export import export_onnx
from ramospeech.training import Trainer

ENCODERS = {
    "dfcnn": "--maps 4 4 8 8 --fc 16 --rnn 16 --rnn_layers 1",
    "deepspeech": "--model deepspeech --rnn 8 --rnn_layers 1",
    "whisper": "--model whisper --width 64 --layers 1 --rnn 0",
}
TINY = [*ENCODERS["dfcnn"].split(), "--warmup", "2", "--speller", "8", "--attention_dim", "8"]
BOTH = ["--heads", "ctc", "attention"]


def scalars(out):
    events = EventAccumulator(str(out / "tensorboard" / "dfcnn"), size_guidance={"scalars": 0, "images": 0})
    events.Reload()
    return events


def test_a_speller_alone_trains_and_shows_where_it_looks(corpus, tmp_path, run, capsys):
    status, said = run(corpus, tmp_path, *TINY, "--heads", "attention", "--epochs", 2)
    assert status == 0, said
    assert "heads: attention (speller 8, " in said and "(attention): AttentionHead(" in said
    assert re.search(r"epoch 2: dev loss \d+\.\d+, SER \d+\.\d+%.* on 2 clips", said) and "by ctc" not in said
    model = load_model(tmp_path / "dfcnn.safetensors")
    assert model.config.heads == ("attention",) and model.summary["options"]["heads"] == ["attention"]
    pictures = sorted(file.name for file in (tmp_path / "dfcnn.attention").iterdir())
    assert len(pictures) == 2 * 2 and pictures[0].startswith("dev") and pictures[0].endswith(".png")
    events = scalars(tmp_path)
    assert sum(tag.startswith("attention/dev") for tag in events.Tags()["images"]) == 2
    assert info([str(tmp_path / "dfcnn.safetensors")]) in (0, None)
    assert "attention (speller 8" in capsys.readouterr().out
    with pytest.raises(ModelError, match=r"not written, the model has the attention head only.*--heads ctc attention"):
        export_onnx(model, tmp_path / "m.onnx")
    assert not (tmp_path / "m.onnx").exists()


@pytest.mark.parametrize("encoder", ENCODERS)
def test_it_goes_on_every_encoder(corpus, tmp_path, run, encoder):
    options = [*ENCODERS[encoder].split(), "--warmup", 2, "--speller", 8, "--attention", "dot", *BOTH]
    status, said = run(corpus, tmp_path, *options, "--epochs", 1)
    assert status == 0, said
    assert re.search(r"epoch 1: dev loss \d+\.\d+, SER .*, by ctc: SER \d+\.\d+% on 2 clips", said)
    assert {"dev/ser", "dev/loss", "dev/ctc_ser", "dev/ctc_loss"} <= set(scalars(tmp_path).Tags()["scalars"])


@pytest.mark.parametrize(
    "more",
    [
        ["--heads", "attention", "--teacher_forcing", 1.0, 0.5, "--teacher_forcing_steps", 10],
        [*BOTH, "--speller_type", "gru", "--ema_decay", 0.9, "--cr_ctc_weight", 0.2],
    ],
    ids=["alone, scheduled sampling", "both, two views"],
)
def test_a_resumed_run_is_the_same_run(corpus, tmp_path, run, more):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    options = [*TINY, "--epochs", 2, "--batch_size", 3, "--dev_step", 2, *more]
    assert run(corpus, whole, *options)[0] == 0
    original, taken = Trainer.step, []

    def interrupted(self, *given, **wishes):
        taken.append(original(self, *given, **wishes))
        if len(taken) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return taken[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "step", interrupted)
        assert run(corpus, parts, *options)[0] == 130
    assert run(corpus, parts, *options, "--load_model")[0] == 0
    expected, found = (load_file(out / "dfcnn.last.safetensors") for out in (whole, parts))
    assert expected.keys() == found.keys() and all(torch.equal(expected[key], found[key]) for key in expected)
    for tag in ("dev/loss", "dev/ser"):
        first, second = ({e.step: e.value for e in scalars(out).Scalars(tag)} for out in (whole, parts))
        assert first == second


@pytest.mark.slow
def test_two_workers_are_one_with_the_whole_batch(corpus, tmp_path, run):
    """By torchrun, without what is random: as in test_train.py, single weights go other ways by rounding."""
    options = [*TINY, *BOTH, *seeds.PLAIN.split(), "--lr_scaling", "none", "--speller_dropout", 0, "--epochs", 1]
    options = [str(word) for word in (*options, "--sync_batchnorm", "--gpu_rank", 0, "--threads", 1)]
    assert run(corpus, tmp_path / "alone", *options, "--batch_size", 4)[0] == 0
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    where = ["--data_type", "tones", "--config_path", corpus / "lists", "--data_root", corpus / "audio"]
    line = [*launch, "train.py", *where, "--model_path", tmp_path / "both", *options, "--batch_size", "2"]
    done = subprocess.run([str(word) for word in line], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    expected, found = (load_file(tmp_path / name / "dfcnn.last.safetensors") for name in ("alone", "both"))
    for key in expected:
        assert (found[key].double() - expected[key].double()).square().mean().sqrt() < 5e-4, key


def test_resuming_keeps_the_heads(corpus, tmp_path, run):
    assert run(corpus, tmp_path, *TINY, *BOTH, "--epochs", 1)[0] == 0
    status, said = run(corpus, tmp_path, "--load_model", "--epochs", 2)
    assert status == 0, said
    assert load_model(tmp_path / "dfcnn.last.safetensors").config.heads == ("ctc", "attention")
    assert json.loads((tmp_path / "dfcnn.json").read_text())["heads"] is None
    status, said = run(corpus, tmp_path, "--load_model", "--epochs", 3, "--heads", "ctc")
    assert status == 2 and "is a dfcnn" in said and "give the same options" in said


def test_a_new_head_on_the_encoder_of_a_file(corpus, tmp_path, run):
    """It is drawn anew, while the encoder and the CTC head begin as they are there; what comes out lies between."""
    assert run(corpus, tmp_path, *TINY[:-4], "--epochs", 1)[0] == 0
    start = tmp_path / "dfcnn.safetensors"
    more = ["--init_from", start, *BOTH, "--speller", 8, "--model_name", "both", "--epochs", 1, "--lr", 1e-9]
    status, said = run(corpus, tmp_path, *more)
    assert status == 0 and "epoch 0: dev loss" in said, said
    before, after = load_file(start), load_file(tmp_path / "both.last.safetensors")
    assert load_model(tmp_path / "both.last.safetensors").config.sizes_of("attention").speller == 8
    assert before.keys() < after.keys()
    for name, tensor in before.items():
        if not re.search("running|batches", name):
            torch.testing.assert_close(after[name], tensor, atol=1e-6, rtol=0)
    status, said = run(corpus, tmp_path, *more, "--load_model", "--epochs", 2)
    assert status == 0 and "epoch 2: dev loss" in said, said
    more = ["--init_from", tmp_path / "both.safetensors", "--heads", "ctc", "--model_name", "one", "--epochs", 1]
    assert run(corpus, tmp_path, *more)[0] == 0 and load_file(tmp_path / "one.safetensors").keys() == before.keys()
    status, said = run(corpus, tmp_path, "--init_from", tmp_path / "both.safetensors", "--speller", 9)
    assert status != 0 and "has speller 8, and --speller 9 was given" in said


def test_other_units_on_the_encoder_of_a_file(corpus, tmp_path, run):
    """Characters instead of syllables, whose output layer is new, resumed; and a list of fewer syllables."""
    assert run(corpus, tmp_path, *TINY, *BOTH, "--epochs", 1)[0] == 0
    start, few = tmp_path / "dfcnn.safetensors", tmp_path / "units.txt"
    lines = (corpus / "lists" / "tones_train.txt").read_text("utf-8").splitlines()
    spoken = sorted({syllable for line in lines for syllable in line.split("\t")[1].split()})
    few.write_text("\n".join(["<blank>", "<UNK>", *spoken]), "utf-8")
    more = ["--init_from", start, "--units", "characters", "--model_name", "other", "--l2_sp", 10]
    status, said = run(corpus, tmp_path, *more, "--epochs", 1)
    assert status == 0 and "units have weights in" in said and "% of the way from the start" in said, said
    status, said = run(corpus, tmp_path, "--epochs", 2, "--load_model", *more[:2], *more[4:])
    assert status == 0, said  # what the model has need not be given again
    for other, told in (
        (("--units", "mixed"), "is a dfcnn"),
        (("--heads", "ctc"), "is a dfcnn"),
        (("--unit_list", few), few),
    ):
        status, said = run(corpus, tmp_path, *more, *other, "--epochs", 3, "--load_model")
        assert status == 2 and str(told) in said and "another --model_name" in said
    config = load_model(tmp_path / "other.last.safetensors").config
    assert config.unit_type == "characters" and config.heads == ("ctc", "attention")
    more = ["--init_from", start, "--unit_list", few, "--model_name", "few", "--epochs", 1]
    assert run(corpus, tmp_path, *more)[0] == 0
    assert load_model(tmp_path / "few.safetensors").config.units[2:] == tuple(spoken)
    few.write_text("<blank>\n<UNK>\n好\n", "utf-8")
    status, said = run(corpus, tmp_path, *more)
    assert status == 1 and "tones_train.txt: 100% of the labels are not among the units (--units pinyin" in said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--speller", "8"], "--speller: of the attention head; give --heads attention, or leave it out"),
        (["--heads", "attention", "--loss", "ctc_ace"], "--loss: of the CTC head, .* --heads ctc attention"),
        (["--heads", "attention", "--cr_ctc_weight", "0.2"], "--cr_ctc_weight: of the CTC head"),
        (["--heads", "attention", "--label_smoothing", "0.2"], "--label_smoothing: of the CTC head"),
        (["--heads", "attention", "--teacher", "fast"], "--teacher: of the CTC head"),
        (["--heads", "attention", "--speller", "0"], "speller must be a whole number from 1 to"),
        (["--heads", "attention", "--location_width", "2"], "location_width must be odd, not 2"),
        (["--teacher_forcing", "1", "0.5"], "--teacher_forcing: 2 ratios and 0 stages"),
        (["--teacher_forcing", "0.5"], "--teacher_forcing: of the attention head; give --heads ctc attention"),
        (["--attention_smoothing", "0.2"], "--attention_smoothing: of the attention head"),
        (["--heads", "ctc", "--ctc_weight", "0.5"], "--ctc_weight: of the attention head"),
        (["--teacher_forcing", "1.5"], "--teacher_forcing: must be .* not 1.5"),
        (["--heads", "ctc", "ctc"], "repeated heads"),
    ],
)
def test_wrong_options(corpus, tmp_path, run, options, message):
    status, said = run(corpus, tmp_path / "run", *TINY[:-4], *options)
    assert status == 2, said
    assert re.search(message, said) and said.count("\n") == 1, said
