"""The model that punctuates: trained on a tiny text, its file, and what pauses change."""

import random
from pathlib import Path

import pytest
import torch

from ramospeech.display import Punctuator
from ramospeech.display.network import MARKS, PunctuationConfig, PunctuationNetwork, read, write
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


@pytest.mark.parametrize(
    ("text", "marked"),
    [
        ("天地了山水啊风雨吗日月了星星啊", "天地了，山水啊。风雨吗？日月了，星星啊。"),
        ("火木金啊", "火木金啊。"),
        ("水", "水。"),
        ("", ""),
    ],
)
def test_marks_are_learnt(model: Path, text: str, marked: str) -> None:
    marks = Punctuator.load(model).marks(text)
    end = "吗？" if text.endswith("吗") else marked[-1:]
    assert "".join(c + m for c, m in zip(text, marks, strict=True))[:-1] == marked[:-1]
    assert marks[-1:] == ([end[-1]] if text else []) or marks[-1] in "。？！"


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
    network = PunctuationNetwork(PunctuationConfig(3, 2, 2)).eval()
    with torch.no_grad():
        network.output.weight.zero_()
        network.output.bias.copy_(torch.tensor([logits.get(mark, -9.0) for mark in MARKS]))
    return Punctuator(network, "好")


def test_pauses_count() -> None:
    punctuator = constant({"": 0.0, "，": -1.0, "。": -1.5})
    assert punctuator.marks("好好") == ["", "。"]
    assert punctuator.marks("好好好", [0.5, 0.0, 0.0]) == ["，", "", "。"]
    assert punctuator.marks("好好好", [3.0, 0.0, 0.0]) == ["。", "", "。"]
    punctuator.pause_weight = 0.0
    assert punctuator.marks("好好好", [3.0, 3.0, 0.0]) == ["", "", "。"]


def test_a_text_ends_as_a_sentence_does() -> None:
    assert constant({"": 5.0, "？": 1.0}).marks("好好") == ["", "？"]


def test_the_file_comes_back(tmp_path: Path) -> None:
    network = PunctuationNetwork(PunctuationConfig(4, 8, 8)).eval()
    write(tmp_path / "m.safetensors", network, "好人", {"steps": 1})
    again, characters = read(tmp_path / "m.safetensors")
    ids = torch.tensor([[0, 2, 3, 1]])
    assert characters == "好人"
    assert torch.allclose(again(ids), network(ids), atol=0.05)


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
        read(path)


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
