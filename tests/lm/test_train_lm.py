"""The program that trains a language model: what it reads, what it writes, what it says."""

import gzip
import re
from pathlib import Path

import pytest

from ctc_decode import NgramModel
from ramospeech.lm import NgramTrainer
from ramospeech.lm import train as train_lm

HANZI = ["你好！我们有3个苹果。", "今天天气很好", "hello world", "天气，真的很好；我们走吧"]
SENTENCES = [
    "ni3 hao3",
    "wo3 men you3 san1 ge4 ping2 guo3",
    "jin1 tian1 tian1 qi4 hen3 hao3",
    "tian1 qi4 zhen1 de hen3 hao3",
    "wo3 men zou3 ba",
]


@pytest.fixture
def texts(tmp_path: Path) -> tuple[Path, Path]:
    """The same sentences as hanzi, gzip, and as pinyin."""
    one, two = tmp_path / "hanzi.txt.gz", tmp_path / "pinyin.txt"
    one.write_bytes(gzip.compress("\n".join(HANZI).encode()))
    two.write_text("\n".join(["Nǐ hao3", *SENTENCES[1:], "what is this"]))
    return one, two


@pytest.mark.parametrize("jobs", [1, 2])
def test_hanzi_and_pinyin_give_the_same_model(
    texts: tuple[Path, Path], tmp_path: Path, jobs: int, capsys: pytest.CaptureFixture[str], monkeypatch
) -> None:
    monkeypatch.setattr(train_lm, "CHUNK", 1)
    trainer = NgramTrainer(2)
    trainer.add([sentence.split() for sentence in SENTENCES])
    expected = trainer.model()
    for text in texts:
        output = tmp_path / f"{text.name}.arpa"
        command = [str(text), "--order", "2", "--output", str(output), "--jobs", str(jobs), "--dev", str(texts[1])]
        assert train_lm.main(command) == 0
        said = capsys.readouterr().err
        assert re.search(r"lines: [34] hanzi, 0 pinyin, 1 skipped \(such as 'hello world'\)", said) or re.search(
            r"lines: 0 hanzi, 5 pinyin, 1 skipped \(such as 'what is this'\)", said
        )
        assert "5 sentences, 25 syllables" in said
        model = NgramModel.read(output)
        assert model.words == expected.words
        for sentence in SENTENCES:
            assert model.score(sentence.split()) == pytest.approx(expected.score(sentence.split()), rel=1e-5)
        perplexity = train_lm.perplexity(expected, [sentence.split() for sentence in SENTENCES])
        assert f"pinyin.txt: perplexity {perplexity:.1f};" in said


def test_pruning_options(texts: tuple[Path, Path], tmp_path: Path) -> None:
    trainer = NgramTrainer(3)
    trainer.add([sentence.split() for sentence in SENTENCES])
    # Twice or more: 20 words, 5 bigrams, 2 trigrams (`<s> wo3 men`, `hen3 hao3 </s>`).
    for options, size in (
        (["--max_ngrams", "25"], 25),
        (["--min_counts", "1", "2"], 27),
        (["--max_ngrams", "0"], len(trainer.model())),
    ):
        output = tmp_path / "lm.arpa.gz"
        assert train_lm.main([str(texts[1]), "--output", str(output), "--jobs", "1", *options]) == 0
        assert len(NgramModel.read(output)) == size


@pytest.mark.parametrize(
    ("options", "status", "message"),
    [
        (["none.txt"], 2, "none.txt: cannot be read"),
        (["TEXT", "--max_ngrams", "3"], 1, r"max_ngrams is 3, and the \d+ words alone are more.*other options"),
        (["TEXT", "--jobs", "0"], 2, "--jobs: must be a whole number of at least 1"),
        (["EMPTY"], 1, "the text has no words to train a language model on; give other text"),
        (["TEXT", "--dev", "EMPTY"], 2, "EMPTY: has neither hanzi nor pinyin"),
        (["TEXT", "--output", "none/lm.arpa"], 1, "none/lm.arpa: not written"),
    ],
)
def test_errors_are_reported(
    texts: tuple[Path, Path], tmp_path: Path, options: list[str], status: int, message: str, capsys, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "EMPTY").write_text("hello\n")
    texts[1].rename(tmp_path / "TEXT")
    assert train_lm.main(["--output", "lm.arpa", "--jobs", "1", *options]) == status
    assert re.search(f"error: .*{message}", capsys.readouterr().err)
