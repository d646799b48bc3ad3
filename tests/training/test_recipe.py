"""Recipes: read as if they stood on the command line."""

from pathlib import Path

import pytest
import torch

from ramospeech.errors import UsageError
from ramospeech.model import AcousticModel
from ramospeech.programs import train
from ramospeech.training import options, parse_with_recipe, start

ROOT = Path(__file__).resolve().parents[2]
RECIPES = sorted((ROOT / "data_config" / "recipes").glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_is_one_that_train_takes(path: Path) -> None:
    args = parse_with_recipe(options(train.__doc__), ["--recipe", path.stem, "--data_type", "mine"])
    train.check_options(args)
    # Runs that start from a model take their features from it.
    of_start = dict.fromkeys(("finetune", "accurate", "accurate-cpu", "fast", "whisper-aishell"), (None, None))
    bare = dict.fromkeys(("original", "an4-deepspeech", "librispeech-deepspeech2"), ("spectrogram", "clip"))
    expected = {**of_start, **bare}.get(path.stem, ("fbank", "bin"))
    assert (args.features, args.normalise, args.data_type) == (*expected, "mine")


def test_the_command_line_may_be_empty_and_the_folder_another(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    args = parse_with_recipe(options(train.__doc__), ["--recipe", "aishell"])
    assert (args.data_type, args.lr) == ("aishell", 1e-3)


def test_values_of_every_kind_and_the_command_line_wins(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(
        'data_type = "mine"\nmaps = [1, 2, 3, 4]\nlr = 1e-2\n'
        "spec_augment = false\nload_model = true\nfp16_gradients = false\n"
    )
    args = parse_with_recipe(options(train.__doc__), ["--lr", "0.5", "--recipe", str(path)])
    assert (args.data_type, args.maps, args.lr) == ("mine", [1, 2, 3, 4], 0.5)
    assert (args.spec_augment, args.load_model, args.fp16_gradients, args.epochs) == (False, True, False, 60)


@pytest.mark.parametrize("heads", [["ctc"], ["attention"]])
def test_a_recipe_of_two_heads_serves_one_of_them(heads: list[str]) -> None:
    """What it says of the other would be refused."""
    args = parse_with_recipe(options(train.__doc__), ["--recipe", "demo-las", "--heads", *heads])
    train.check_options(args)
    model = AcousticModel(start._config(args, ("<blank>", "<UNK>", "ma1")))
    start.set_objectives(model, args)
    assert list(model.heads) == heads and args.ctc_weight == 0.3
    assert ("speller" in vars(args)) == (heads == ["attention"])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--steps 3", (3, None)),
        ("--max_minutes 2", (None, 2.0)),
        ("--max_minutes=2", (None, 2.0)),
        ("", (None, 6.0)),
    ],
)
def test_how_long_a_run_is_on_the_command_line_wins(words: str, expected: tuple) -> None:
    args = parse_with_recipe(options(train.__doc__), ["--recipe", "accurate", *words.split()])
    train.check_options(args)
    assert (args.steps, args.max_minutes) == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("epoch = 3", "'epoch' is not an option"),
        ("epochs = ", "cannot be read as options"),
        ('recipe = "a"', "'recipe'"),
        ('epochs = "many"', "epochs = many: must be a whole number"),
        ("epochs = 0", "epochs = 0: must be a whole number of at least 1"),
        ("epochs = 2.5", "epochs = 2.5: must be a whole number"),
        ("epochs = true", "epochs = True: must not be bool"),
        ("epochs = [1, 2]", "must be one value"),
        ("lr = inf", "lr = inf: must be a finite number"),
        ("cache_gb = nan", "cache_gb = nan: must be a finite number"),
        ("speeds = [1.0, nan]", "speeds = .*: must be a finite number"),
        ("speeds = 1.0", "speeds = 1.0: must be a list"),
        ("maps = [1, 2]", "maps = .*: must be a list of 4 values"),
        ("spec_augment = 1", "spec_augment = 1: must be true or false"),
        ('loss = "mse"', "loss = mse: must be one of ctc, ace, ctc_ace"),
    ],
)
def test_recipes_that_are_wrong(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(content)
    with pytest.raises(UsageError, match=message):
        parse_with_recipe(options(train.__doc__), ["--recipe", str(path)])


def test_a_recipe_that_is_not_there() -> None:
    with pytest.raises(UsageError, match=r"--recipe none: there is no .*none.toml; .* aishell, .*all, .*demo"):
        parse_with_recipe(options(train.__doc__), ["--recipe", "none"])


@pytest.mark.parametrize("average", ["average", "ema_decay"])
def test_old_names_of_options_are_taken(average: str, tmp_path: Path, capsys) -> None:
    """In a recipe without a word, on the command line with a note."""
    path = tmp_path / "mine.toml"
    path.write_text(f"{average} = 0.5\n")
    args = parse_with_recipe(options(train.__doc__), ["--recipe", str(path), "--clip", "2"])
    assert (args.average, args.clip) == (0.5, 2.0)
    note = "note: --clip is called --max_grad_norm now; the old name works in this version\n"
    assert capsys.readouterr().err == note


@pytest.mark.parametrize(
    ("recipe", "inputs", "millions"),
    [("an4-deepspeech", 672, 46.9), ("librispeech-deepspeech2", 1312, 86.6), ("demo-deepspeech2", 320, 1.0)],
)
def test_recipes_of_deep_speech_make_the_networks_that_they_name(recipe: str, inputs: int, millions: float) -> None:
    args = parse_with_recipe(options(train.__doc__), ["--recipe", recipe, "--data_type", "mine"])
    train.check_options(args)
    units = ("<blank>", "<UNK>", *(f"u{i}" for i in range(28)))
    with torch.device("meta"):
        model = AcousticModel(start._config(args, units))
    assert model.encoder.rnns[0].input_size == inputs
    assert round(model.num_parameters / 1e6, 1) == millions
