"""The shipped model, on sentences whose marks nobody doubts."""

import pytest

from ramospeech.display import Display, Punctuator, punctuation_path
from ramospeech.transcript import Token, Transcript


@pytest.mark.parametrize("text", ["你吃饭了吗", "这个问题怎么解决呢", "你知道他是谁吗"])
def test_questions(text: str) -> None:
    assert Punctuator.load().marks(text)[-1] == "？"


@pytest.mark.parametrize(
    ("first", "second"), [("我们今天去公园", "明天去爬山"), ("大家好", "我叫小明"), ("今天天气很好", "我们出去走走")]
)
def test_a_pause_between_clauses_is_a_mark(first: str, second: str) -> None:
    pauses = [0.0] * len(first + second)
    pauses[len(first) - 1] = 0.5
    marks = Punctuator.load().marks(first + second, pauses)
    assert marks[len(first) - 1] and marks[-1]
    assert not any(marks[: len(first) - 1])


def test_a_transcript_is_punctuated() -> None:
    tokens = tuple(Token("a1", c, 0.2 * i, 0.2 * i + 0.2) for i, c in enumerate("你知道二零二四年发生了什么吗"))
    transcript = Transcript("a", "".join(token.hanzi for token in tokens), tokens=tokens, seconds=3.0)
    assert Display(Punctuator.load(), itn=True)(transcript).display == "你知道2024年发生了什么吗？"


def test_the_file_is_small() -> None:
    assert punctuation_path().stat().st_size < 1_000_000
