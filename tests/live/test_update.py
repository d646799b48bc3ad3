"""Readings of an utterance put together: what is settled stays."""

from dataclasses import replace

import numpy as np
import pytest

from ramospeech.live.update import Update, agreed, same_text, with_settled
from ramospeech.transcript import Token


def tokens(text: str, start: float = 0.0, step: float = 0.2) -> tuple[Token, ...]:
    return tuple(
        Token(f"{c}1", c, start + i * step, start + (i + 1) * step, 0.9) for i, c in enumerate(text) if c != "_"
    )


@pytest.mark.parametrize(
    ("settled", "reading", "expected"),
    [
        ("", "abc", "abc"),
        ("ab", "abc", "abc"),
        ("ab", "xbc", "abc"),
        ("ab", "xyc", "abc"),
        ("ab", "x_c", "abc"),  # fewer syllables than were settled
        ("ab", "", "ab"),
        ("a_b", "axbc", "abc"),  # more
    ],
)
def test_what_is_settled_stays(settled: str, reading: str, expected: str) -> None:
    assert "".join(t.hanzi for t in with_settled(tokens(settled), tokens(reading))) == expected


@pytest.mark.parametrize("shift", [-0.09, -0.05, 0.05, 0.09])
def test_times_may_move_by_less_than_half_a_syllable(shift: float) -> None:
    assert "".join(t.hanzi for t in with_settled(tokens("ab"), tokens("xbc", shift))) == "abc"


def test_agreed() -> None:
    assert [agreed(tokens(a), tokens(b)) for a, b in [("", "a"), ("ab", "abc"), ("xb", "ab"), ("abc", "ab")]] == [
        *(0, 2, 0, 2)
    ]
    one, two = Token("yi1", "一", 0.0, 0.1), Token("yi2", "一", 0.0, 0.1)  # before 个 it is read otherwise
    assert same_text([one], [two]) and not same_text([replace(one, hanzi="")], [replace(two, hanzi="")])
    assert same_text(tokens("ab"), tokens("ab", 1.0)) and not same_text(tokens("ab"), tokens("a"))


def test_stable_counts_characters_of_the_text() -> None:
    written = (
        Token("", "打", 0.0, 0.1),
        Token("", "app", 0.1, 0.3),
        Token("", "ok", 0.3, 0.5),
        Token("", "吧", 0.5, 0.6),
    )
    found = [Update(0, 0.0, 1.0, written, n, False) for n in range(5)]
    assert [each.text[: each.stable] for each in found] == ["", "打", "打app", "打app ok", "打app ok吧"]
    spoken = (Token("ni3", "", 0.0, 0.1), Token("hao3", "", 0.1, 0.3))
    found = [Update(0, 0.0, 1.0, spoken, n, False) for n in range(3)]
    assert [each.text[: each.stable] for each in found] == ["", "ni3", "ni3 hao3"]


def test_as_json(rng: np.random.Generator) -> None:
    message = Update(3, 1.0, 2.00049, tokens("ab"), 1, True).to_dict()
    assert (message["type"], message["utterance"], message["end"], message["stable"]) == ("final", 3, 2.0, 1)
    assert message["syllables"][1] == {"pinyin": "b1", "hanzi": "b", "start": 0.2, "end": 0.4, "confidence": 0.9}
