"""train.py on windows: a small Whisper encoder learns, stops and resumes, alone and with two workers."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from safetensors.torch import load_file, save_file
from speech import make_corpus

from ramospeech.model import AcousticModel, ModelConfig, load_model
from ramospeech.programs import train as train_program

ROOT = Path(__file__).resolve().parents[2]
HOROVODRUN = Path(sys.executable).with_name("horovodrun")
SMALL = "--windows 1.5 3 --batch_seconds 24 --freeze 0 --rnn 16 --dropout 0 --device cpu --threads 1"
PLAIN = (
    "--speeds 0.9 1.1 --ema_decay 0.9 --lr_scaling none --warmup 5 --lr 1e-3 --head_lr 1e-2 --max_grad_norm 1 "
    "--layer_decay 0.9"
)
OURS = {
    "attention_norm": "self_attention.layer_norm",
    "feed_norm": "ffn.layer_norm",
    ".qkv.": ".self_attention.linear_0.",
    ".out.": ".self_attention.linear_1.",
    "fc1": "ffn.linear_0",
    "fc2": "ffn.linear_1",
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """A corpus of tones, noise, and weights named as Whisper's."""
    folder = tmp_path_factory.mktemp("corpus")
    make_corpus(folder, clips=60)
    (folder / "noise").mkdir()
    rng = np.random.default_rng(1)
    soundfile.write(folder / "noise" / "a.wav", 0.05 * rng.standard_normal(40_000), 16_000)
    torch.manual_seed(0)
    units = ("<blank>", "<UNK>", "ma1")
    model = AcousticModel(ModelConfig(units, "whisper", width=64, layers=2, rnn=0))
    weights = {name: tensor for name, tensor in model.encoder.state_dict().items() if "pair_norm" not in name}
    for ours, theirs in OURS.items():
        weights = {name.replace(ours, theirs): tensor for name, tensor in weights.items()}
    weights = {f"layer_{name}" if name.startswith("norm.") else name: tensor for name, tensor in weights.items()}
    save_file(weights, folder / "whisper.safetensors")
    return folder


def command(corpus, out, *options):
    places = ["--config_path", corpus / "lists", "--data_root", corpus / "audio", "--model_path", out]
    words = [
        "--data_type",
        "tones",
        *places,
        "--init_from",
        corpus / "whisper.safetensors",
        *SMALL.split(),
        *PLAIN.split(),
        *options,
    ]
    return [str(word) for word in words]


def train(capsys, corpus, out, *options):
    """(exit status, what it said) of train.py in this process."""
    status = train_program.main(command(corpus, out, *options))
    return status, capsys.readouterr().err


def losses(said):
    return [float(loss) for loss in re.findall(r"epoch \d+: dev loss (\d+\.\d+)", said)]


def weights(out):
    return load_file(out / "dfcnn.last.safetensors")


def test_a_small_encoder_learns(corpus, tmp_path, capsys):
    status, said = train(
        capsys, corpus, tmp_path, "--epochs", 3, "--steps", 60, "--freeze_steps", 10, "--l2_sp", 1, "--augment",
        "noise=0.2", "floor=1", "level=0.5", "--noise", corpus / "noise", "--noise_windows", 0.1, "--drop_worst",
        "tones=0.1",
    )  # fmt: skip
    assert status == 0, said
    found = losses(said)
    assert len(found) == 4 and found[-1] < 0.5 * found[0]
    assert "left out 6 clips that the model understands least" in said
    assert (tmp_path / "dfcnn.dropped.tsv").read_text().count("not understood\tloss per label") == 6
    assert re.search(r"40% of the way from the start: dev loss", said)
    assert load_model(tmp_path / "dfcnn.safetensors").config.architecture == "whisper"


def test_what_the_file_did_not_bring_is_not_moved_to_the_start(corpus, tmp_path, capsys):
    """The head is new: it stays as it was learnt, whatever share of the encoder is the start's."""
    status, said = train(capsys, corpus, tmp_path, "--epochs", 1, "--steps", 8)
    assert status == 0, said
    last, best = weights(tmp_path), load_file(tmp_path / "dfcnn.safetensors")
    heads = [name for name in last if name.startswith(("heads.", "encoder.rnn"))]
    assert heads and all(torch.equal(last[name], best[name]) for name in heads)


def test_the_encoder_stays_as_it_is_at_first(corpus, tmp_path, capsys):
    status, said = train(capsys, corpus, tmp_path, "--epochs", 1, "--steps", 4, "--freeze_steps", 4, "--ema_decay", 0)
    assert status == 0, said
    first, last = load_file(corpus / "whisper.safetensors"), weights(tmp_path)
    assert torch.equal(first["conv1.weight"], last["encoder.conv1.weight"])
    assert not torch.equal(last["encoder.pair_norm.weight"], torch.ones(64))


def test_a_run_resumes_exactly(corpus, tmp_path, capsys):
    """Its batches, what is drawn for them, and the clips that were left out are those of a run without a stop."""
    options = ["--schedule", "constant", "--augment_warmup", 0, "--augment", "floor", "room=0.5", "--batch_seconds", 12]
    options += ["--drop_worst", "tones=0.1"]
    for out, epochs, more in (("whole", 2, []), ("parts", 1, []), ("parts", 2, ["--load_model"])):
        length = ["--epochs", epochs, "--steps", 3 * epochs]
        status, said = train(capsys, corpus, tmp_path / out, *options, *length, *more)
        assert status == 0, said
    whole, parts = (torch.load(tmp_path / out / "dfcnn.state.pt", weights_only=True) for out in ("whole", "parts"))
    assert whole["left_out"] == parts["left_out"] and len(whole["left_out"]) == 6
    assert whole["progress"]["consumed"] == parts["progress"]["consumed"] == 6
    for name, tensor in weights(tmp_path / "whole").items():
        torch.testing.assert_close(weights(tmp_path / "parts")[name], tensor, msg=name)


def test_what_cannot_be_read_is_named(corpus, tmp_path, capsys):
    lists = tmp_path / "lists"
    lists.mkdir()
    for path in (corpus / "lists").iterdir():
        (lists / path.name).write_bytes(path.read_bytes())
    (corpus / "audio" / "broken.wav").write_bytes(b"RIFF")
    with (lists / "tones_train.txt").open("a", encoding="utf-8") as file:
        file.write("broken.wav\tba1\t八\t1.0\n")
    status, said = train(capsys, corpus, tmp_path / "out", "--config_path", lists, "--epochs", 1, "--steps", 2)
    assert status == 0, said
    assert said.count("worker 0: left out:") == 1 and "broken.wav" in said
    assert "in training 1 could not be read" in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--noise_windows 1", "--noise_windows: must be"),
        ("--max_minutes 0", "--max_minutes: must be"),
        ("--mix tones=-1", "--mix tones: write CORPUS=SHARE"),
        ("--drop_worst other=0.1", "--drop_worst other=0.1: write CORPUS=F"),
        ("--augment mp3", "unknown effect 'mp3'"),
        ("--augment music", "music and a folder of recordings given with --music go together"),
        ("--music nowhere --augment music", "--music nowhere: no such folder"),
        ("--windows 30", "--windows 30: --batch_seconds 24 hold none"),
        ("--steps 3 --max_minutes 1", "--steps and --max_minutes"),
    ],
)
def test_bad_values_give_one_line(corpus, tmp_path, capsys, words, message):
    status, said = train(capsys, corpus, tmp_path, *words.split())
    lines = [line for line in said.splitlines() if line.startswith("error")]
    assert status == 2 and len(lines) == 1 and message in lines[0], said


@pytest.mark.xdist_group("horovod")
@pytest.mark.skipif(not HOROVODRUN.exists(), reason="Horovod is not installed here")
def test_two_workers(corpus, tmp_path):
    line = [HOROVODRUN, "-np", 2, sys.executable, ROOT / "train.py", *command(corpus, tmp_path / "two")]
    line += ["--epochs", 3, "--max_minutes", 0.02, "--drop_worst", "tones=0.1"]
    done = subprocess.run([str(word) for word in line], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    state = torch.load(tmp_path / "two" / "dfcnn.state.pt", weights_only=True)
    assert state["progress"]["epoch"] == 3 and state["progress"]["group"] == 2 and len(state["left_out"]) == 6
    assert "left out 6 clips" in done.stdout + done.stderr
