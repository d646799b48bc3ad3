"""Readings of hanzi in their context, by the table, beside those of pypinyin."""

from importlib.metadata import version

import pytest

from ramospeech.text import pinyin, readings

pytestmark = pytest.mark.skipif(version("pypinyin") != "0.55.0", reason="the table is of pypinyin 0.55.0")


def by_table(text: str) -> list[str | None]:
    return [reading for reading, _ in readings.of_table(text)]


def test_the_table_is_what_pypinyin_gives() -> None:
    lines = list(readings.from_pypinyin())
    table, longest = readings._table()
    assert len(table) == len(lines) == 15_360 and longest == 10
    for line in lines:
        phrase, found = line.split("\t")
        assert " ".join(table[phrase]) == found


@pytest.mark.parametrize(
    "text",
    [
        "他长大了",
        "一个不是一起去的",
        "银行行长还得重新还钱",
        "音乐和快乐",
        "不一定",
        "我觉得睡觉更重要",
        "得了吧",
        "甲乙丙",
        "",
    ],
)
def test_a_sentence_is_read_as_by_pypinyin(text: str) -> None:
    assert by_table(text) == pinyin.from_hanzi(text)


def test_what_is_not_in_the_table_has_no_reading() -> None:
    assert by_table("长A大□长大䶮") == ["zhang3", None, "da4", None, "zhang3", "da4", None]


@pytest.mark.parametrize(
    ("text", "recognised", "expected"),
    [
        ("很长", "hen3 chang2", "hen3 chang2"),  # a reading that the table has not for the character alone
        ("得走", "dei3 zou3", "dei3 zou3"),
        ("好吃", "hao4 chi1", "hao4 chi1"),
        ("很长", "hen3 chang1", "hen3 zhang3"),  # none
        ("银行", "yin2 xing2", "yin2 hang2"),  # a phrase
        ("一个", "yi1 ge4", "yi2 ge4"),
        ("我不", "wo3 bu2", "wo3 bu4"),  # sandhi as in dictionaries
        ("妈妈", "ma1 ma", "ma1 ma1"),  # the neutral tone too
        ("子", "zi3", "zi"),
        ("䶮", "yan3", "yan3"),
    ],
)
def test_what_was_recognised_decides_between_readings(text: str, recognised: str, expected: str) -> None:
    pairs = ("长 chang2", "得 dei3", "好 hao4", "行 xing2", "一 yi1", "不 bu2", "妈 ma", "子 zi3")
    known = {tuple(pair.split()) for pair in pairs}
    found = readings.in_context(text, recognised.split(), lambda *pair: pair in known)
    assert " ".join(found) == expected
