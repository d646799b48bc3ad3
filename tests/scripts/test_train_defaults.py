"""What train.py does without options, with the original's recipe, and when it resumes runs of other defaults."""

import json
import re

import pytest

from ramospeech.model import load_model
from ramospeech.text import Vocabulary
from ramospeech.text.units import main as make_units

TINY = "--maps 4 4 8 8 --fc 16 --rnn 16 --rnn_layers 1 --warmup 2"
OLD = "--features spectrogram --normalise clip --no-share_parts --warp 0 --augment_warmup 0 --ema_decay 0"


def options_of(out):
    return json.loads((out / "dfcnn.json").read_text(encoding="utf-8"))


def test_the_original_from_the_command_line(corpus, tmp_path, run, capsys):
    """1,215 units made of a list, as those of AISHELL-1 and THCHS-30 are, and a few steps with the whole network."""
    syllables = [unit for unit in Vocabulary.inventory().units[2:]][:1213]
    rows = [syllables[start : start + 20] for start in range(0, len(syllables), 20)]
    lines = [f"{number}.wav\t{' '.join(row)}\t{'字' * len(row)}\n" for number, row in enumerate(rows)]
    (tmp_path / "aishell_train.txt").write_text("".join(lines), encoding="utf-8")
    assert make_units([str(tmp_path / "aishell_train.txt"), "--output", str(tmp_path / "units.txt")]) == 0
    assert capsys.readouterr().out.endswith("1215 units\n")
    recipe = ["--recipe", "original", "--unit_list", tmp_path / "units.txt"]
    status, said = run(corpus, tmp_path / "run", *recipe, "--epochs", 1, "--batch_size", 4)
    assert status == 0, said
    assert "dfcnn on spectrogram (normalised by clip)" in said and "2,779,903 parameters" in said
    assert re.search(r"\(fc3\): Linear\(in_features=128, out_features=1215, bias=True\)", said)
    model = load_model(tmp_path / "run" / "dfcnn.safetensors")
    assert model.num_parameters == 2_779_903 and model.summary["steps"] == 2
    options = options_of(tmp_path / "run")
    assert (options["warp"], options["augment_ramp"], options["average"]) == (0.0, 0.0, 0.0)


def test_the_defaults_are_what_is_recommended(corpus, tmp_path, run):
    status, said = run(corpus, tmp_path, *TINY.split(), "--epochs", 1)
    assert status == 0, said
    config, options = load_model(tmp_path / "dfcnn.safetensors").config, options_of(tmp_path)
    assert (config.features, config.normalise, config.share_parts) == ("fbank", "bin", True)
    assert (options["warp"], options["augment_ramp"], options["average"]) == (0.1, 0.2, 0.999)


def test_a_run_resumes_with_what_it_began_with(corpus, tmp_path, run):
    """Options that are not given again are those of the run, so that one of other defaults resumes as it was."""
    assert run(corpus, tmp_path, *TINY.split(), *OLD.split(), "--epochs", 1)[0] == 0
    status, said = run(corpus, tmp_path, "--load_model", "--epochs", 2)
    assert status == 0 and "epoch 2: dev loss" in said, said
    config, options = load_model(tmp_path / "dfcnn.last.safetensors").config, options_of(tmp_path)
    assert (config.features, config.normalise, config.share_parts) == ("spectrogram", "clip", False)
    assert (options["warp"], options["augment_ramp"], options["average"]) == (0.0, 0.0, 0.0)
    status, said = run(corpus, tmp_path, "--load_model", "--epochs", 3, "--model", "deepspeech")
    assert status == 2 and "is a dfcnn" in said and "ask for a deepspeech" in said


@pytest.mark.parametrize(
    ("options", "scale", "warned"), [(["--dropout", "0.3"], 0.3, True), (["--dropout_scale", "0.4"], 0.4, False)]
)
def test_the_scale_of_dropout_by_its_old_name(corpus, tmp_path, run, options, scale, warned):
    status, said = run(corpus, tmp_path, *TINY.split(), *options, "--epochs", 1)
    assert status == 0, said
    assert load_model(tmp_path / "dfcnn.safetensors").config.sizes.dropout_scale == scale
    assert ("WARNING] --dropout is --dropout_scale for this encoder" in said) == warned


def test_dropout_is_a_rate_elsewhere(corpus, tmp_path, run):
    sizes = ["--model", "deepspeech", "--rnn", 4, "--rnn_layers", 2, "--epochs", 1]
    status, said = run(corpus, tmp_path, *sizes, "--dropout", 0.3)
    assert status == 0 and "--dropout is --dropout_scale" not in said, said
    assert load_model(tmp_path / "dfcnn.safetensors").config.sizes.dropout == 0.3
    status, said = run(corpus, tmp_path / "other", *sizes, "--dropout_scale", 0.3)
    assert status == 2 and "--dropout_scale: an option of dfcnn" in said
