"""The model that punctuates: trained on a tiny text, its file, and what pauses change."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch

from ramospeech.display import Punctuator
from ramospeech.display.model_file import MARKS, PunctuationConfig, PunctuationModel, read_model
from ramospeech.display.network import PunctuationNetwork, read, write
from ramospeech.display.train import f1, main, noisy, read_texts
from ramospeech.errors import ModelError
from ramospeech.lm.text import TextFile


def tiny_text(lines: int) -> str:
    """Sentences whose marks follow from their characters: 了 ends a clause, 啊 a sentence, 吗 a question."""
    chance = random.Random(1)
    others = "天地人山水火木金土日月星风雨"
    sentences = []
    for _ in range(lines):
        clauses = ["".join(chance.choices(others, k=chance.randint(2, 6))) for _ in range(3)]
        sentences.append(f"{clauses[0]}了，{clauses[1]}啊。{clauses[2]}吗？")
    return "\n".join(sentences) + "\n"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("punctuation")
    (folder / "text.txt").write_text(tiny_text(400), "utf-8")
    options = ["--embedding", "16", "--width", "16", "--steps", "60", "--batch", "16", "--window", "40", "--lr", "2e-2"]
    assert main([str(folder / "text.txt"), "--output", str(folder / "m.safetensors"), *options]) == 0
    return folder / "m.safetensors"


@pytest.mark.parametrize("text", ["天地了山水啊风雨吗日月了星星啊。", "火木金啊。", "水。", ""])
def test_marks_are_learnt(model: Path, text: str) -> None:
    marked = "".join({"了": "了，", "啊": "啊。", "吗": "吗？"}.get(character, character) for character in text[:-1])
    marks = Punctuator.load(model).marks(text[:-1])
    assert "".join(c + m for c, m in zip(text[:-1], marks, strict=True)).rstrip("。？！") == marked.rstrip("。")
    assert not marks or marks[-1] in "。？！"


def test_long_texts_are_cut_without_a_seam(model: Path) -> None:
    punctuator = Punctuator.load(model)
    text = "天地了山水啊风雨吗" * 100
    marks = punctuator.marks(text)
    assert len(marks) == len(text)
    assert "".join(c + m for c, m in zip(text, marks, strict=True)) == "天地了，山水啊。风雨吗？" * 100


def test_unknown_words_are_read_over(model: Path) -> None:
    marks = Punctuator.load(model).marks(["天", "iPad", "了", "地", "龘", "啊"])
    assert marks[2] == "，"


def constant(logits: dict[str, float]) -> Punctuator:
    """A punctuator whose network gives every place the same logits."""
    config = PunctuationConfig(3, 2, 2)
    weights = {name: np.zeros(shape, np.float32) for name, shape in config.shapes().items()}
    weights["output.bias"] = np.array([logits.get(mark, -9.0) for mark in MARKS], np.float32)
    return Punctuator(PunctuationModel(config, "好", weights))


def test_pauses_count() -> None:
    punctuator = constant({"": 2.0, "，": -1.0, "。": -2.0})
    assert punctuator.marks("好好") == ["", "。"]
    assert punctuator.marks("好好好", [0.5, 0.0, 0.0]) == ["，", "", "。"]
    assert punctuator.marks("好好好", [3.0, 0.0, 0.0]) == ["。", "", "。"]


@pytest.mark.parametrize("seconds", [0.0, 0.3, 0.5, 0.8, 5.0])
def test_a_pause_needs_a_text_that_may_end_there(seconds: float) -> None:
    assert constant({"": 30.0}).marks("好好好", [seconds] * 3) == ["", "", "。"]


def test_a_text_ends_as_a_sentence_does() -> None:
    assert constant({"": 5.0, "？": 1.0}).marks("好好") == ["", "？"]


@pytest.mark.parametrize("size", [(4, 8, 8), (7, 5, 3)])
def test_the_file_is_computed_as_torch_does(tmp_path: Path, size: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    network = PunctuationNetwork(PunctuationConfig(*size)).eval()
    characters = "好人天地山"[: size[0] - 2]
    write(tmp_path / "m.safetensors", network, characters, {"steps": 1})
    model, (again, known) = read_model(tmp_path / "m.safetensors"), read(tmp_path / "m.safetensors")
    ids = torch.randint(size[0], (3, 11))
    expected = again.eval()(ids).detach().numpy()
    assert model.characters == known == characters
    np.testing.assert_allclose(model.logits(ids.numpy()), expected, atol=1e-5)
    np.testing.assert_allclose(expected, network(ids).detach().numpy(), atol=0.1)  # 8 bits


@pytest.mark.parametrize("damage", ["missing", "empty", "truncated", "other", "infinite"])
def test_files_that_cannot_be_used_are_named(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "m.safetensors"
    network = PunctuationNetwork(PunctuationConfig(3, 4, 4))
    write(path, network, "好", {})
    if damage == "missing":
        path.unlink()
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "truncated":
        path.write_bytes(path.read_bytes()[:-20])
    elif damage == "other":
        path = Path(__file__).resolve().parents[2] / "pretrained" / "ngram.safetensors"
    else:
        with torch.no_grad():
            network.output.bias[0] = torch.inf
        with pytest.raises(ModelError, match=r"output\.bias"):
            write(path, network, "好", {})
        return
    with pytest.raises(ModelError, match=path.name):
        read_model(path)


@pytest.mark.parametrize("text", ["", "没有标点的文字\n" * 100, "hello world.\n" * 100])
def test_text_without_marks_or_hanzi_is_refused(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "text.txt").write_text(text, "utf-8")
    assert main([str(tmp_path / "text.txt"), "--output", str(tmp_path / "m.safetensors")]) == 1
    assert "give text with its punctuation" in capsys.readouterr().err
    assert not (tmp_path / "m.safetensors").exists()


def test_lines_are_kept_back(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(tiny_text(100), "utf-8")
    train, dev = read_texts([TextFile(tmp_path / "text.txt")])
    assert sum(mark == MARKS.index("？") for mark in train[1]) == 98
    assert sum(mark == MARKS.index("？") for mark in dev[1]) == 2


def test_noise_leaves_edges() -> None:
    characters = torch.tensor([[0, 2, 3, 4, 0] * 50])
    changed = noisy(characters, 5, torch.Generator().manual_seed(0))
    assert (changed[characters == 0] == 0).all() and (changed[characters != 0] != 0).all()
    assert 0 < (changed != characters).float().mean() < 0.2


def test_f1_counts_marks() -> None:
    marks = torch.tensor([0, 1, 2, 1, -100])
    assert f1(torch.tensor([0, 1, 1, 0, 1]), marks) == {"，": 0.5, "。": 0.0, "？": 0.0, "！": 0.0, "、": 0.0}


def test_training_starts_from_a_model(model: Path, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("天地了，山水啊。龘龘龘吗？\n" * 100, "utf-8")
    command = [str(tmp_path / "text.txt"), "--init_from", str(model), "--steps", "1", "--window", "20", "--batch", "2"]
    assert main([*command, "--output", str(tmp_path / "m.safetensors")]) == 0
    before, after = read_model(model), read_model(tmp_path / "m.safetensors")
    assert (after.config, after.characters) == (before.config, before.characters)
    assert "".join(Punctuator(after).marks("天地了山水啊")) == "，。"
