"""The program on text, and the shipped model."""

import io
import sys
from pathlib import Path

import pytest

from ramospeech.translate import NgramTranslator, __main__, ngram_path
from ramospeech.translate.error_model import Syllables
from ramospeech.translate.seq2seq import file as seq2seq_file
from ramospeech.translate.seq2seq.model import Seq2Seq, Seq2SeqConfig


def run(monkeypatch: pytest.MonkeyPatch, text: bytes, *options: str) -> int:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
    return __main__.main([*options])


def test_lines(monkeypatch, capsys, small_model: Path) -> None:
    text = "\ufeffni3 hao3 ma\r\n\njin1 qqq tian1\nni hao\n".encode() + b"\xff\xfe\nta1"
    assert run(monkeypatch, text, "--model", str(small_model)) == 0
    out, err = capsys.readouterr()
    lines = out.split("\n")
    assert lines[:4] == ["你好吗", "", "今□天", "你好"]
    assert lines[4].strip("□") == "" and lines[5:] == ["他", ""]
    assert "line 3: not pinyin: 'qqq'" in err and "line 5" in err
    assert "line 4" not in err and "line 1" not in err


def test_nbest_and_verbose(monkeypatch, capsys, small_model: Path) -> None:
    assert run(monkeypatch, b"ta1\nni3\n", "--model", str(small_model), "--nbest", "3") == 0
    first, second = capsys.readouterr().out.splitlines()
    assert len(set(first.split("\t"))) == 3 and second.startswith("你\t")
    assert run(monkeypatch, b"ni3 hao3\n\n", "--model", str(small_model), "--verbose") == 0
    block = capsys.readouterr().out
    assert block.startswith("SENT 1: ['ni3', 'hao3']\nPRED 1: 你 好\nPRED SCORE: -")
    assert "PRED AVG SCORE: -" in block and "PRED PPL: " in block and "SENT 2: []" in block


SHANGHAI = "shang4 hai3 zhi2 wu4 yuan2 you3 ge4 zhong3 ge4 yang4 de zhi2 wu4"


@pytest.mark.parametrize(("model", "ending"), [("translator", "植 物"), ("ngram", "职 务")])
def test_the_example_of_the_original(monkeypatch, capsys, model: str, ending: str) -> None:
    """The n-gram model, used for recordings, cannot tell 植物 from 职务 after 各样的, because it sees three characters;
    the seq2seq translator, the default for text, uses the whole sentence."""
    path = ngram_path().with_name(f"{model}.safetensors")
    assert run(monkeypatch, SHANGHAI.encode() + b"\n", "--model", str(path), "--verbose") == 0
    _, pred, score, average = capsys.readouterr().out.splitlines()[:4]
    assert pred == f"PRED 1: 上 海 植 物 园 有 各 种 各 样 的 {ending}"
    mean, perplexity = (float(part.rsplit(" ", 1)[1]) for part in average.split(","))
    assert float(score.rsplit(" ", 1)[1]) == pytest.approx(13 * mean, abs=1e-3) and 1 <= perplexity < 1.5


def test_usage(monkeypatch, capsys, tmp_path: Path) -> None:
    assert run(monkeypatch, b"", "--model", str(tmp_path / "none")) == 2
    assert "no such model" in capsys.readouterr().err
    assert run(monkeypatch, b"", "--nbest", "0") == 2


def test_the_shipped_model() -> None:
    assert ngram_path().stat().st_size <= 16_000_000
    translator = NgramTranslator.load()
    for syllables, hanzi in [
        ("jin1 tian1 tian1 qi4 zen3 me yang4", "今天天气怎么样"),
        ("ta1 men zai4 yin2 hang2 pai2 dui4", "他们在银行排队"),
        ("zhong1 hua2 ren2 min2 gong4 he2 guo2", "中华人民共和国"),
        ("wo3 xi3 huan1 zi4 ran2 yu2 yan2 chu4 li3", "我喜欢自然语言处理"),
    ]:
        assert translator.translate(syllables.split())[0].hanzi == hanzi


def test_a_seq2seq_model_answers_every_line_in_order(monkeypatch, capsys, tmp_path: Path) -> None:
    """An untrained network with the shipped n-gram model: each line has its own output line."""
    characters = NgramTranslator.load().model.characters
    path = tmp_path / "a.safetensors"
    config = Seq2SeqConfig(len(Syllables()), len(characters), width=8, layers=1, decoder=8)
    seq2seq_file.write(path, Seq2Seq(config), characters, {})
    lines = ["ni3 hao3", "", "K 3 ni3 qqq", "ni hao ma", "ni3 hao ma1", "ni3 " * 10_000, "<UNK>", "nǐhǎo", "huar1"]
    assert run(monkeypatch, "\n".join(lines).encode() + b"\n\xff\xfe\nta1", "--model", str(path)) == 0
    out, err = capsys.readouterr()
    answers = out.split("\n")
    assert [len(answer) for answer in answers[:9]] == [2, 0, 4, 3, 3, 10_000, 1, 2, 2]
    assert answers[2][0] == answers[2][1] == answers[2][3] == "□" != answers[2][2] and answers[6] == "□"
    assert answers[9].strip("□") == "" and len(answers[10]) == 1 and answers[11:] == [""]
    assert "line 3: not pinyin: '<UNK>', '3', 'qqq'" in err and "line 10" in err and "line 4" not in err
    assert run(monkeypatch, b"ni3 hao3\n", "--model", str(path), "--nbest", "3", "--verbose") == 0
    block = capsys.readouterr().out
    assert block.count("[-") == 3 and "PRED AVG SCORE" in block
    assert run(monkeypatch, b"", "--model", str(path), "--beam_width", "0") == 2


@pytest.mark.parametrize("kind", ["ngram", "translator"])
def test_hotwords(monkeypatch, capsys, tmp_path: Path, small_model: Path, kind: str) -> None:
    """Of either kind of model, from a file and from the command line."""
    path = small_model if kind == "ngram" else ngram_path().with_name("translator.safetensors")
    (tmp_path / "names.txt").write_text("泥壕\t15\n", "utf-8")
    text, model = b"ni2 hao2 jin1 tian1\nwo3\n", ("--model", str(path))
    assert run(monkeypatch, text, *model, "--hotwords", str(tmp_path / "names.txt"), "--hotword", "金天") == 0
    assert capsys.readouterr().out == "泥壕金天\n我\n"
    assert run(monkeypatch, text, *model, "--hotword", "金天 App") == 2
    assert "--hotword 金天 App: " in capsys.readouterr().err
    assert run(monkeypatch, text, *model, "--hotwords", str(tmp_path / "none.txt")) == 2
    assert "none.txt: no such file" in capsys.readouterr().err
