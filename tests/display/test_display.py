"""Transcripts as people read them; what was recognised stays."""

from collections.abc import Sequence

import pytest

from ramospeech.display import Display, Punctuator, convert
from ramospeech.errors import UsageError
from ramospeech.transcript import Token, Transcript


class AfterLe(Punctuator):
    """A comma after each 了 and a full stop at the end."""

    def __init__(self) -> None:
        self.pauses: Sequence[float] | None = None

    def marks(self, tokens: Sequence[str], pauses: Sequence[float] | None = None) -> list[str]:
        self.pauses = pauses
        return ["，" if token == "了" else "" for token in tokens[:-1]] + ["。"]


def spoken(text: str, step: float = 0.2) -> Transcript:
    tokens = tuple(Token("a1", character, step * i, step * i + 0.2) for i, character in enumerate(text))
    return Transcript("a", text, ("a1",) * len(text), tokens, step * len(text) + 1)


@pytest.mark.parametrize(
    ("text", "options", "display"),
    [
        ("他来了我走", {}, "他来了我走"),
        ("他来了我走", {"punctuator": AfterLe()}, "他来了，我走。"),
        ("买了二十个", {"itn": True}, "买了20个"),
        ("买了二十", {"itn": True, "punctuator": AfterLe()}, "买了，20。"),
        ("理发了头发展开", {"script": "traditional"}, "理髮了頭髮展開"),
        ("頭髮乾了", {"script": "simplified"}, "头发干了"),
        ("他买了二十个", {"itn": True, "script": "traditional", "punctuator": AfterLe()}, "他買了，20個。"),
        ("", {"itn": True, "punctuator": AfterLe()}, ""),
    ],
)
def test_what_people_read(text: str, options: dict, display: str) -> None:
    before = spoken(text)
    after = Display(**options)(before)
    assert after.display == display
    assert (after.text, after.pinyin) == (before.text, before.pinyin)
    for token, as_recognised in zip(after.tokens, before.tokens, strict=True):
        assert (token.hanzi, token.pinyin) == (as_recognised.hanzi, as_recognised.pinyin)
        assert (token.start, token.end) == (as_recognised.start, as_recognised.end)


def test_the_punctuator_is_told_the_pauses() -> None:
    punctuator = AfterLe()
    Display(punctuator)(spoken("一二三", step=0.5))
    assert punctuator.pauses == pytest.approx([0.3, 0.3, 0.0])


def test_numbers_end_at_long_pauses() -> None:
    assert Display(itn=True)(spoken("二十五")).display == "25"
    assert Display(itn=True)(spoken("二十五", step=2.0)).display == "二十五"


def test_words_of_letters_stay() -> None:
    tokens = (Token("", "买", 0, 1), Token("", "iPad", 1, 2), Token("", "二", 2, 3), Token("", "十", 3, 4))
    assert Display(AfterLe(), itn=True)(Transcript("a", "买iPad二十", (), tokens, 5.0)).display == "买iPad20。"


def test_syllables_without_hanzi_stay() -> None:
    transcript = Transcript("a", pinyin=("ni3",), tokens=(Token("ni3", "", 0, 1),))
    assert Display(AfterLe(), itn=True, script="traditional")(transcript) is transcript


def test_unknown_scripts_are_refused() -> None:
    with pytest.raises(UsageError, match="simplified, traditional"):
        Display(script="klingon")


def test_phrases_over_several_parts_are_converted() -> None:
    assert convert(["头", "发，", "发", "展", "", "只"], "traditional") == ["頭", "髮，", "發", "展", "", "只"]
