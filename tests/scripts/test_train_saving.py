"""What train.py keeps, where and when, and runs that continue from a file."""

import json
import re
import shutil

from ramospeech.model import load_model
from ramospeech.model.__main__ import info

SIZES = "--features fbank --maps 4 4 8 8 --fc 16 --rnn 16 --rnn_layers 1"
TINY = [*SIZES.split(), "--warmup", "2", "--batch_size", "2"]


def test_models_of_steps_curves_and_lines(corpus, tmp_path, run, capsys):
    often = ["--checkpoint_every", 3, "--save_result_every", 2, "--print_every", 4]
    status, said = run(corpus, tmp_path, *TINY, "--epochs", 2, *often)
    assert status == 0, said
    steps = load_model(tmp_path / "dfcnn.last.safetensors").summary["steps"]
    kept = sorted(int(re.search(r"step(\d+)", path.name)[1]) for path in tmp_path.glob("dfcnn.step*.safetensors"))
    assert kept == list(range(3, steps + 1, 3))
    assert [load_model(tmp_path / f"dfcnn.step{step}.safetensors").summary["steps"] for step in kept] == kept
    entries = [json.loads(line) for line in (tmp_path / "dfcnn.metrics.jsonl").read_text().splitlines()]
    of_training = [entry["step"] for entry in entries if "train/loss" in entry]
    assert set(of_training) >= set(range(2, steps + 1, 2))
    assert sum("dev/ser" in entry for entry in entries) == 2
    assert len(re.findall(r"step.*loss=", said)) == len({*range(4, steps + 1, 4), steps})

    history = load_model(tmp_path / "dfcnn.last.safetensors").summary["history"]
    assert [(entry["epoch"], entry["steps"]) for entry in history] == [(1, steps // 2), (2, steps)]
    assert all(entry["train_loss"] > 0 and {"dev_loss", "dev_ser"} <= entry.keys() for entry in history)
    info([str(tmp_path / "dfcnn.last.safetensors")])
    assert '"train_loss"' in capsys.readouterr().out


def test_a_run_continues_from_its_file(corpus, tmp_path, run):
    """As it does by its folder and name."""
    one, other = tmp_path / "one", tmp_path / "other"
    assert run(corpus, one, *TINY, "--epochs", 2, "--model_name", "mine")[0] == 0
    shutil.copytree(one, other)
    assert run(corpus, one, *TINY, "--epochs", 3, "--model_name", "mine", "--load_model")[0] == 0
    status, said = run(corpus, tmp_path, *TINY, "--epochs", 3, "--continue_from", other / "mine.safetensors")
    assert status == 0, said
    first, second = (load_model(path / "mine.last.safetensors") for path in (one, other))
    assert first.summary["history"] == second.summary["history"] and len(first.summary["history"]) == 3
    assert all((a == b).all() for a, b in zip(first.parameters(), second.parameters(), strict=True))
    steps = [json.loads(line)["step"] for line in (other / "mine.metrics.jsonl").read_text().splitlines()]
    assert steps == sorted(steps) and steps[-1] == first.summary["steps"]

    start = ["--continue_from", one / "mine.safetensors", "--finetune"]
    status, said = run(corpus, tmp_path / "new", "--epochs", 1, *start)
    assert status == 0, said
    options = load_model(tmp_path / "new" / "dfcnn.last.safetensors").summary["options"]
    assert options["init_from"] == str(one / "mine.safetensors")


def test_continuing_from_what_has_no_state_is_one_line(corpus, tmp_path, run):
    model = tmp_path / "mine.epoch3.safetensors"
    status, said = run(corpus, tmp_path, "--continue_from", model)
    assert status == 2 and f"--continue_from {model}: no such file" in said
    model.touch()
    status, said = run(corpus, tmp_path, "--continue_from", model)
    assert status == 2 and "there is no mine.epoch3.state.pt beside it" in said
    status, said = run(corpus, tmp_path, "--finetune")
    assert status == 2 and "--finetune: needs --continue_from FILE" in said


def test_dated_folders(corpus, tmp_path, run):
    for more in ((), ("--load_model",)):
        status, said = run(corpus, tmp_path, *TINY, "--epochs", 1 + len(more), "--dated", *more)
        assert status == 0, said
    [folder] = tmp_path.iterdir()
    assert re.fullmatch(r"\d{4}(_\d\d){5}", folder.name)
    assert load_model(folder / "dfcnn.last.safetensors").summary["epoch"] == 2
    status, said = run(corpus, tmp_path, *TINY, "--dated", "--load_model", "--model_name", "other")
    assert status == 2 and "has no folder of an earlier run named other" in said


def test_dev_clips_out_of_the_training_clips(corpus, tmp_path, run):
    status, said = run(corpus, tmp_path, *TINY, "--epochs", 1, "--valid_ratio", 0.5)
    assert status == 0, said
    dev, clips = map(int, re.search(r"no dev list: (\d+) of (\d+) training clips are dev", said).groups())
    assert 0 < dev < clips and f"on {dev} clips" in said
    status, said = run(corpus, tmp_path, "--valid_ratio", 0.5, "--dev_manifest", corpus / "lists" / "tones_dev.txt")
    assert status == 2 and "--valid_ratio 0.5: --dev_manifest gives the dev clips" in said
