"""Recipes: read as if they stood on the command line."""

from pathlib import Path

import pytest

import train
from ramospeech.errors import UsageError
from ramospeech.training import options, parse_with_recipe

ROOT = Path(__file__).resolve().parents[2]
RECIPES = sorted((ROOT / "data_config" / "recipes").glob("*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_recipe_is_one_that_train_takes(path: Path, monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    args = parse_with_recipe(options(train.__doc__), ["--recipe", path.stem, "--data_type", "mine"])
    train.check_options(args)
    assert (args.features, args.normalise, args.data_type) == ("fbank", "bin", "mine")


def test_values_of_every_kind_and_the_command_line_wins(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('data_type = "mine"\nmaps = [1, 2, 3, 4]\nlr = 1e-2\nspec_augment = false\nload_model = true\n')
    args = parse_with_recipe(options(train.__doc__), ["--lr", "0.5", "--recipe", str(path)])
    assert (args.data_type, args.maps, args.lr) == ("mine", [1, 2, 3, 4], 0.5)
    assert (args.spec_augment, args.load_model, args.epochs) == (False, True, 60)


@pytest.mark.parametrize(
    ("content", "message"),
    [("epoch = 3", "'epoch' is no option"), ("epochs = ", "cannot be read as a recipe"), ('recipe = "a"', "'recipe'")],
)
def test_recipes_that_are_wrong(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text(content)
    with pytest.raises(UsageError, match=message):
        parse_with_recipe(options(train.__doc__), ["--recipe", str(path)])


def test_a_recipe_that_is_not_there(monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(UsageError, match=r"--recipe none: there is no .*none.toml; .* aishell, all, demo"):
        parse_with_recipe(options(train.__doc__), ["--recipe", "none"])


def test_a_value_of_the_wrong_kind_is_a_wrong_option(tmp_path: Path, capsys) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text('epochs = "many"')
    with pytest.raises(SystemExit):
        parse_with_recipe(options(train.__doc__), ["--data_type", "mine", "--recipe", str(path)])
    assert "invalid int value: 'many'" in capsys.readouterr().err
