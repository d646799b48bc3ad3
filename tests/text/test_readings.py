"""Readings of hanzi in their context, by the table, beside those of pypinyin."""

from importlib.metadata import version

import pytest

from ramospeech.text import pinyin, readings


def test_the_table_is_what_pypinyin_gives() -> None:
    if version("pypinyin") != "0.55.0":
        pytest.skip("the table is of pypinyin 0.55")
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
    assert readings.in_context(text) == pinyin.from_hanzi(text)


def test_what_is_not_in_the_table_has_no_reading() -> None:
    assert readings.in_context("长A大□长大䶮") == ["zhang3", None, "da4", None, "zhang3", "da4", None]
