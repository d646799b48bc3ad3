"""train.py as a user runs it: alone, under horovodrun, interrupted, resumed, and with bad input."""

import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import seeds
import soundfile
import torch
from safetensors.torch import load_file, save_file
from speech import SYLLABLES, make_corpus, say
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from ramospeech.model import load_model
from ramospeech.programs import train as train_program
from ramospeech.training import Trainer

ROOT = Path(__file__).resolve().parents[2]
SMALL = "--features fbank --maps 4 4 8 8 --fc 16 --rnn 16 --rnn_layers 1 --warmup 2"
TINY = [*SMALL.split(), "--gpu_rank", "0", "--threads", "1"]
PLAIN = [*seeds.PLAIN.split(), "--lr_scaling", "none"]
HOROVODRUN = Path(sys.executable).with_name("horovodrun")


def needs_horovod(test):
    """Skip a test where Horovod is absent, and run it in the process of pytest-xdist that runs all of these."""
    there = pytest.mark.skipif(not HOROVODRUN.exists(), reason="Horovod is not installed here")
    return pytest.mark.xdist_group("horovod")(there(test))


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    make_corpus(folder)
    return folder


def command(corpus, out, *options, name="tones"):
    where = ["--config_path", corpus / "lists", "--data_root", corpus / "audio", "--model_path", out]
    return [str(part) for part in (sys.executable, ROOT / "train.py", "--data_type", name, *where, *TINY, *options)]


def train(corpus, out, *options, workers=1, name="tones", launcher="horovodrun"):
    """What came of train.py: of one worker in this process, where nothing is imported again."""
    line = command(corpus, out, *options, name=name)
    if workers > 1:
        launch = [str(HOROVODRUN), "-np", str(workers)]
        if launcher == "torchrun":
            launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(workers)]
            line = line[1:]
        return subprocess.run([*launch, *line], capture_output=True, text=True, cwd=out.parent)
    stdout, stderr = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        try:
            status = train_program.main(line[2:])
        except SystemExit as end:  # of argparse
            status = end.code
    return subprocess.CompletedProcess(line, status, stdout.getvalue(), stderr.getvalue())


def train_here(capsys, corpus, out, *options, name="tones"):
    """As `train`, in this process: (exit status, stderr). Quick: nothing is imported again."""
    status = train_program.main(command(corpus, out, *options, name=name)[2:])
    return status, capsys.readouterr().err


def weights(out, name="dfcnn.last"):
    return load_file(out / f"{name}.safetensors")


def scalars(out, tag, name="dfcnn"):
    events = EventAccumulator(str(out / "tensorboard" / name), size_guidance={"scalars": 0})
    events.Reload()
    return {event.step: event.value for event in events.Scalars(tag)}


def test_trains_writes_and_shows(corpus, tmp_path):
    out = tmp_path / "run"
    done = train(corpus, out, "--epochs", 3, "--batch_size", 8, "--save_step", 2)
    assert done.returncode == 0, done.stderr
    names = {file.name for file in out.iterdir()}
    expected = "dfcnn.safetensors dfcnn.last.safetensors dfcnn.state.pt dfcnn.json dfcnn.log dfcnn.dropped.tsv"
    expected += " dfcnn.metrics.jsonl"
    assert names == {*expected.split(), "dfcnn.epoch2.safetensors", "tensorboard"}
    assert (out / "dfcnn.log").read_text(encoding="utf-8") in done.stderr
    assert re.search(r"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} INFO\]   \(conv1\): Stage\(", done.stderr)
    assert json.loads((out / "dfcnn.json").read_text())["maps"] == [4, 4, 8, 8]
    assert re.search(r"epoch 3: dev loss \d+\.\d+, SER \d+\.\d+% .* on 6 clips", done.stderr)
    assert done.stderr.count("24 of 24 clips") == 2 and "tensorboard --logdir" in done.stderr
    assert "keeps the model of every 2 epoch(s), first after epoch 2" in done.stderr
    assert re.search(r"The model is .*dfcnn\.safetensors \(dev SER \d+\.\d+%, the best\)", done.stderr)
    assert f"python speech2text.py --model {out}/dfcnn.safetensors RECORDING" in done.stderr
    assert all(line.count("loss=") <= 1 and "\r" not in line for line in done.stderr.splitlines())
    events = EventAccumulator(str(out / "tensorboard" / "dfcnn"), size_guidance={"images": 0})
    events.Reload()
    tags = events.Tags()
    wanted = "train/loss train/lr train/gradient_norm dev/loss dev/ser speed/audio_seconds_per_second"
    wanted += " speed/padding_share speed/memory_gb speed/loader_wait train/hours dev/tone_error dev/initial_error"
    assert {*wanted.split()} <= set(tags["scalars"])
    assert any(tag.startswith("clips/dev") for tag in tags["images"])
    assert {"confusions/tone", "confusions/initial", "confusions/final"} <= set(tags["images"])
    assert not {*tags["audio"]} & {*tags["images"]}, "TensorBoard would not show the sound"
    assert len(tags["audio"]) == 3 and all(len(events.Audio(tag)) == 1 for tag in tags["audio"])
    assert any("clips/dev" in tag for tag in tags["tensors"])


def test_learns_the_tones(tmp_path):
    seeds.check("tones", tmp_path)


@pytest.mark.parametrize(
    "more",
    [
        [],
        ["--augment", "all", "room=0.1", "--concat_seconds", 4, "--pad_silence", 0.3],
        [
            "--share_parts",
            "--ema_decay",
            0.9,
            "--corpus_weights",
            "tones=1.5",
            "--label_smoothing",
            0.1,
            "--cr_ctc_weight",
            0.2,
        ],
    ],
)
def test_resumed_run_is_the_same_run(corpus, tmp_path, more):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    options = ["--epochs", 4, "--batch_size", 3, *more]
    assert train(corpus, whole, *options).returncode == 0
    halfway = torch.load(whole / "dfcnn.state.pt", weights_only=True)["steps"] // 2 - 1  # within the second epoch
    original, taken = Trainer.step, []

    def interrupted(self, *given, **wishes):
        taken.append(original(self, *given, **wishes))
        if len(taken) == halfway - 1:
            os.kill(os.getpid(), signal.SIGINT)  # heard before the next step, which is then the last
        return taken[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "step", interrupted)
        done = train(corpus, parts, *options)
    assert done.returncode == 130 and "--load_model" in done.stderr
    assert torch.load(parts / "dfcnn.state.pt", weights_only=True)["steps"] == halfway
    done = train(corpus, parts, *options, "--load_model")
    assert done.returncode == 0, done.stderr
    expected, found = weights(whole), weights(parts)
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[key], found[key]) for key in expected)
    for tag in ("dev/loss", "dev/ser"):
        assert scalars(whole, tag) == scalars(parts, tag)


def test_two_views_that_are_one_change_nothing(corpus, tmp_path):
    """Without augmentation and dropout the views agree; with them they do not, and the loss says so."""
    losses = {}
    for name, options in {
        "one": PLAIN,
        "two": [*PLAIN, "--cr_ctc_weight", 0.2],
        "apart": [*PLAIN, "--cr_ctc_weight", 1000, "--warp", 0.3],
        "warped": [*PLAIN, "--warp", 0.3],
    }.items():
        assert train(corpus, tmp_path / name, "--epochs", 2, *options).returncode == 0
        losses[name] = list(scalars(tmp_path / name, "train/loss").values())
    assert losses["two"] == pytest.approx(losses["one"], rel=1e-3)
    assert losses["apart"][-1] > 1.01 * losses["warped"][-1]


def test_patience_ends_a_run_that_gets_no_better(corpus, tmp_path):
    done = train(corpus, tmp_path / "run", "--epochs", 60, "--lr", 1e-9, "--patience", 2)
    assert done.returncode == 0, done.stderr
    last = re.search(r"epoch (\d+): no better on dev 2 times in a row", done.stderr)
    assert last and int(last[1]) < 60 and f"epoch {int(last[1]) + 1}:" not in done.stderr


def test_a_finished_run_says_so(corpus, tmp_path, capsys):
    assert train_here(capsys, corpus, tmp_path / "run", "--epochs", 2)[0] == 0
    before = (tmp_path / "run" / "dfcnn.state.pt").read_bytes()
    status, said = train_here(capsys, corpus, tmp_path / "run", "--epochs", 2, "--load_model")
    assert status == 0 and "2 of 2 epochs are done; give more --epochs, or " in said
    assert (tmp_path / "run" / "dfcnn.state.pt").read_bytes() == before
    status, said = train_here(capsys, corpus, tmp_path / "run", "--epochs", 3, "--load_model")
    assert status == 0 and "epoch 3: dev loss" in said and "are done" not in said


@pytest.mark.parametrize("kind", ["unreadable", "overflow"])
def test_a_run_that_trains_on_nothing_is_an_error(corpus, tmp_path, capsys, kind):
    """No recording can be read, or no gradient is finite: nothing is saved that looks like a result."""
    shutil.copytree(corpus, tmp_path / "corpus")
    options = []
    if kind == "unreadable":
        for path in (tmp_path / "corpus" / "audio").glob("train*.wav"):
            path.write_bytes(path.read_bytes()[:60])
    else:
        options = ["--loss", "ctc_ace", "--ace_weight", "1e38", "--ace_ramp", "0"]
    status, said = train_here(capsys, tmp_path / "corpus", tmp_path / "run", "--epochs", 2, *options)
    assert status == 1, said
    assert "error: epoch 1 trained on nothing: " in said and "Traceback" not in said
    assert not list((tmp_path / "run").glob("*.safetensors"))


def test_what_is_left_out_is_counted(corpus, tmp_path, capsys):
    shutil.copytree(corpus, tmp_path / "corpus")
    (tmp_path / "corpus" / "audio" / "train3.wav").unlink()
    broken = tmp_path / "corpus" / "audio" / "train5.wav"
    broken.write_bytes(broken.read_bytes()[:60])
    status, said = train_here(
        capsys, tmp_path / "corpus", tmp_path / "run", "--epochs", 1, "--batch_size", 4, "--batch_seconds", 3
    )
    assert status == 0, said
    assert re.search(r"train: 23 of 24 clips, .*left out: 1 missing", said)
    assert re.search(r"trained on 23 of 24 clips", said) and "in training 1 could not be read" in said
    assert re.search(r"--batch_size 4 is an upper limit: --batch_seconds 3 holds about \d", said)


def test_fine_tuning_in_one_command(corpus, tmp_path, capsys):
    """Sizes, features and units are the file's; dev is measured before and after; what is known is kept."""
    assert train_here(capsys, corpus, tmp_path / "run", "--epochs", 2)[0] == 0
    start = tmp_path / "run" / "dfcnn.safetensors"
    where = ["--config_path", corpus / "lists", "--data_root", corpus / "audio", "--model_path", tmp_path / "tuned"]
    more = ["--data_type", "tones", "--init_from", start, "--model_name", "mine", "--epochs", 2, "--device", "cpu"]
    line = [str(part) for part in (*where, *more)]
    assert train_program.main(line) == 0
    said = capsys.readouterr().err
    assert "epoch 0: dev loss" in said and re.search(r"dev SER \d+\.\d+% before, \d+\.\d+% after", said)
    assert load_model(tmp_path / "tuned" / "mine.safetensors").config.matches(load_model(start).config)
    options = json.loads((tmp_path / "tuned" / "mine.json").read_text())
    assert options["lr"] == 2e-4 and options["lr_scaling"] == "none"  # the recipe of fine-tuning
    # Resumed by the same command, but not from another start.
    assert train_program.main([*line, "--epochs", "3", "--load_model"]) == 0
    assert re.search(r"dev SER \d+\.\d+% before, \d+\.\d+% after", capsys.readouterr().err)
    at = line.index(str(start))
    assert train_program.main([*line[:at], "fast", *line[at + 1 :], "--epochs", "4", "--load_model"]) == 2
    assert f"was fine-tuned from {start}: give --init_from {start} to resume it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("start", "more", "said"),
    [
        ("accurate", ["--rnn", "128"], "has rnn 256, and --rnn 128 was given; leave that option out"),
        ("dfcnn", ["--model", "whisper"], "has model dfcnn, and --model whisper was given; leave that option out"),
        ("dfcnn", ["--freeze", "3"], "--freeze 3: dfcnn has 0 parts to keep; give fewer"),
        ("pickle.pt", [], "a pickle, which could run code when loaded; convert it with: python -c"),
        ("other.safetensors", [], "holds no encoder that is known here; give one of Whisper's"),
        ("none.safetensors", [], "check the path"),
    ],
)
def test_what_fine_tuning_cannot_start_from(corpus, tmp_path, capsys, start, more, said):
    torch.save({"w": torch.ones(2)}, tmp_path / "pickle.pt")
    save_file({"embeddings.weight": torch.ones(2)}, tmp_path / "other.safetensors")
    path = tmp_path / start if "." in start else start
    where = ["--config_path", corpus / "lists", "--data_root", corpus / "audio", "--model_path", tmp_path / "run"]
    line = ["--data_type", "tones", "--device", "cpu", *where, "--init_from", path, *more]
    assert train_program.main([str(part) for part in line]) != 0
    last = capsys.readouterr().err.strip().split("\n")[-1]
    assert last.startswith("error: ") and said in last
    assert not list(tmp_path.glob("run/*.safetensors"))


def test_an_interrupted_fine_tuning_is_resumed_exactly(corpus, tmp_path, capsys, monkeypatch):
    """With a pull towards the start, which is read again; the resumed run ends as one that was never stopped."""
    assert train_here(capsys, corpus, tmp_path / "run", "--epochs", 1)[0] == 0
    start = tmp_path / "run" / "dfcnn.safetensors"

    def tune(out, *more):
        where = ["--config_path", corpus / "lists", "--data_root", corpus / "audio", "--model_path", out]
        line = [*where, "--data_type", "tones", "--init_from", start, "--device", "cpu", "--l2_sp", 50, "--epochs", 2,
                "--batch_seconds", 4, *more]  # fmt: skip
        return train_program.main([str(part) for part in line])

    assert tune(tmp_path / "whole") == 0
    real = Trainer.step

    def stopped(self, batch, lr, stop=False, save=False, seconds=0.0):
        return real(self, batch, lr, self.steps == 3, save, seconds)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "step", stopped)
        assert tune(tmp_path / "parts") == 130
    assert tune(tmp_path / "parts", "--load_model") == 0
    expected, found = (load_file(tmp_path / name / "dfcnn.last.safetensors") for name in ("whole", "parts"))
    for key in expected:
        torch.testing.assert_close(found[key], expected[key])
    assert train_program.main(["--data_type", "tones", "--l2_sp", "1"]) == 2
    assert "--l2_sp 1: pulls towards the weights of --init_from" in capsys.readouterr().err


def test_lists_given_themselves(corpus, tmp_path, capsys):
    options = command(corpus, tmp_path / "run", "--epochs", 1)[2:]
    at = options.index("--data_type")
    lists = corpus / "lists"
    options[at : at + 2] = ["--train_manifest", f"{lists}/tones_train.txt", "--dev_manifest", f"{lists}/tones_dev.txt"]
    assert train_program.main(options) == 0
    said = capsys.readouterr().err
    assert "24 of 24 clips" in said and "epoch 1: dev loss" in said
    options[at + 1] = str(tmp_path / "none.txt")
    assert train_program.main(options) == 2
    assert "none.txt: cannot be read" in capsys.readouterr().err


@needs_horovod
@pytest.mark.parametrize("launcher", ["horovodrun", "torchrun"])
def test_two_workers_are_one_with_the_whole_batch(corpus, tmp_path, launcher):
    """After 5 steps of the real program in float32.

    Adam scales rounding up where gradients are tiny, and there single weights go other ways: so the root mean square of
    each tensor counts. It is 3e-5 to 6e-5 here, and 2e-3 to 5e-3 for a third of the tensors without shared batch
    statistics. test_parallel.py has the same in float64, exactly.
    """
    options = ["--epochs", 1, "--sync_batchnorm", *PLAIN]
    shutil.copytree(corpus, tmp_path / "corpus")
    path = tmp_path / "corpus" / "lists" / "tones_train.txt"
    path.write_text("".join(path.read_text(encoding="utf-8").splitlines(keepends=True)[:20]), encoding="utf-8")
    alone = train(tmp_path / "corpus", tmp_path / "alone", *options, "--batch_size", 4)
    both = train(tmp_path / "corpus", tmp_path / "both", *options, "--batch_size", 2, workers=2, launcher=launcher)
    assert alone.returncode == 0 == both.returncode, alone.stderr + both.stderr
    for out in ("alone", "both"):
        state = torch.load(tmp_path / out / "dfcnn.state.pt", weights_only=True)
        assert state["steps"] == 5
        assert all(moment["exp_avg"].any() for moment in state["optimizer"]["state"].values())
    expected, found = weights(tmp_path / "alone"), weights(tmp_path / "both")
    for key in expected:
        difference = (found[key].double() - expected[key].double()).square().mean().sqrt()
        assert difference < 5e-4, key


@needs_horovod
def test_two_workers_with_an_unreadable_clip_finish(corpus, tmp_path):
    shutil.copytree(corpus, tmp_path / "corpus")
    for i in range(8):  # whole batches go missing
        path = tmp_path / "corpus" / "audio" / f"train{i}.wav"
        path.write_bytes(path.read_bytes()[:60])
    out = tmp_path / "run"
    done = train(tmp_path / "corpus", out, "--epochs", 1, "--batch_size", 1, "--sync_batchnorm", workers=2)
    assert done.returncode == 0, done.stderr
    for i in range(8):
        assert done.stderr.count(f"left out: {tmp_path}/corpus/audio/train{i}.wav") == 1


@needs_horovod
def test_workers_with_different_lists_end_at_once(corpus, tmp_path):
    """Each worker gets a working folder of its own, with another list in it."""
    for rank in range(2):
        shutil.copytree(corpus / "lists", tmp_path / str(rank) / "lists")
    path = tmp_path / "1" / "lists" / "tones_train.txt"
    path.write_text(path.read_text(encoding="utf-8").replace("ba1", "ba2"), encoding="utf-8")
    script = tmp_path / "start.sh"
    inner = command(corpus, tmp_path / "out", "--epochs", 1)
    inner[inner.index("--config_path") + 1] = "lists"
    script.write_text(f'cd "{tmp_path}/$HOROVOD_RANK" && exec {" ".join(inner)}\n')
    done = subprocess.run([str(HOROVODRUN), "-np", "2", "sh", str(script)], capture_output=True, text=True, timeout=600)
    assert done.returncode != 0
    assert "another set of lists than worker 0" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr.split("another set of lists")[0]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--gpu_rank", "64"], r"--gpu_rank 64: this host has \d+ GPUs"),
        (["--epochs", "0"], r"--epochs: must be a whole number of at least 1 and at most \d+, not 0"),
        (["--lr", "-1"], "--lr: must be a finite number greater than 0 and at most 100, not -1"),
        (["--lr", "inf"], "--lr: must be .*, not inf"),
        (["--seed", "-1"], "--seed: must be a whole number of at least 0 and .*, not -1"),
        (["--cache_gb", "nan"], "--cache_gb: must be .*, not nan"),
        (["--batch_seconds", "inf"], "--batch_seconds: must be .*, not inf"),
        (["--loss", "ctc_ace", "--ace_weight", "nan"], "--ace_weight: must be .*, not nan"),
        (["--noise_snr", "10", "5"], "--noise_snr 10 5: give the lower level first"),
        (["--epochs", "many"], "--epochs: must be a whole number .*, not 'many'"),
        (["--epoch_count", "1"], "unrecognized arguments: --epoch_count"),
        (["--model_name", "../x"], "a plain name"),
        (["--amp", "fp16"], "needs a GPU"),
        (["--load_model"], r"dfcnn\.safetensors"),
        (["--config_path", "nowhere"], "nowhere"),
        (["--cr_ctc_weight", "0.2", "--loss", "ace"], r"--cr_ctc_weight 0\.2: needs --loss ctc or ctc_ace"),
        (["--concat_seconds", "17"], "--concat_seconds 17: must be at most --max_window, which is 16 seconds"),
        (["--corpus_weights", "tone=2"], "--corpus_weights tone=2: write CORPUS=W, .* one of tones"),
        (["--augment", "echo"], "unknown effect 'echo'"),
        (["--augment", "noise", "--noise", "nowhere"], "nowhere: no such folder"),
    ],
)
def test_wrong_options(corpus, tmp_path, capsys, options, message):
    status, said = train_here(capsys, corpus, tmp_path / "run", *options)
    assert status == 2, said
    assert re.search(message, said)
    assert said.startswith("error: ") and said.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_unknown_corpus_names_those_there(corpus, tmp_path):
    done = train(corpus, tmp_path / "run", name="aishel")
    assert done.returncode == 2 and "aishel" in done.stderr and "tones" in done.stderr
    assert "Traceback" not in done.stderr


def test_bad_line_is_named(corpus, tmp_path):
    shutil.copytree(corpus, tmp_path / "corpus")
    path = tmp_path / "corpus" / "lists" / "tones_train.txt"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([*lines[:4], "no tabs here", *lines[4:]]), encoding="utf-8")
    done = train(tmp_path / "corpus", tmp_path / "run")
    assert done.returncode == 2 and "tones_train.txt:5:" in done.stderr and "Traceback" not in done.stderr


def test_checkpoint_of_another_architecture(corpus, tmp_path):
    assert train(corpus, tmp_path / "run", "--epochs", 1).returncode == 0
    done = train(corpus, tmp_path / "run", "--epochs", 2, "--load_model", "--rnn", 32)
    assert done.returncode == 2 and "--model_name" in done.stderr and "Traceback" not in done.stderr


def test_the_aishell_recipe_runs_as_the_readme_says(tmp_path):
    """A corpus laid out as AISHELL-1 is, prepared and trained on by the README's two commands, for one epoch."""
    rng, hanzi = np.random.default_rng(0), {"ba1": "八", "ma3": "马", "de": "的", "shi4": "是"}
    transcript = []
    for split, count in (("train", 6), ("dev", 2), ("test", 2)):
        for number in range(count):
            name = f"BAC009S0{split[:2]}W{number:04}"
            said = ["shi4", *rng.choice(SYLLABLES, 3)]
            path = tmp_path / "data" / "data_aishell" / "wav" / split / f"S0{split[:2]}" / f"{name}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, say(said, rng), 16_000, subtype="PCM_16")
            transcript.append(f"{name} {' '.join(hanzi[syllable] for syllable in said)}\n")
    table = tmp_path / "data" / "data_aishell" / "transcript" / "aishell_transcript_v0.8.txt"
    table.parent.mkdir()
    table.write_text("".join(transcript), encoding="utf-8")
    places = ["--data_root", tmp_path / "data", "--config_path", tmp_path / "lists"]
    commands = [
        ["-m", "ramospeech.corpora", "aishell", "--root", tmp_path / "data", *places],
        ["train.py", "--recipe", "aishell", *places, "--model_path", tmp_path / "runs", "--epochs", 1, "--gpu_rank", 0],
    ]
    for line in commands:
        done = subprocess.run(
            [sys.executable, *map(str, line)], capture_output=True, text=True, cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    assert re.search(r"train: 6 of 6 clips.*", done.stderr) and "epoch 1: dev loss" in done.stderr
    options = json.loads((tmp_path / "runs" / "aishell.json").read_text())
    assert (options["features"], options["share_parts"]) == ("fbank", True)
