"""Numbers in digits, and which syllables they belong to."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ramospeech.display import digits


@pytest.mark.parametrize(
    ("spoken", "written"),
    [
        ("二零二四年五月一日", "2024年5月1日"),
        ("今天是十二月二十五号星期三", "今天是12月25号星期三"),
        ("五月一日下午三点半见面", "5月1日下午3:30见面"),
        ("早上八点十五分", "早上8:15"),
        ("百分之三点五", "3.5%"),
        ("三分之一", "1/3"),
        ("一百二十三块五毛", "123块5毛"),
        ("两千亿元", "2000亿元"),
        ("二十五点六公斤", "25.6公斤"),
        ("每小时一百二十公里", "每小时120公里"),
        ("零下二十度", "零下20度"),
        ("我的电话是一三八零零一三八零零零", "我的电话是13800138000"),
        ("第二十三条", "第23条"),
        ("一九八四年", "1984年"),
    ],
)
def test_numbers_are_written_as_people_do(spoken: str, written: str) -> None:
    assert "".join(digits(spoken)) == written


@pytest.mark.parametrize(
    "text",
    ["三心二意", "十分高兴", "千万别去", "万一下雨", "一五一十地说", "买了三个", "有一点", "星期一", "好", ""],
)
def test_words_with_numerals_stay(text: str) -> None:
    assert digits(text) == list(text)


def test_the_first_syllable_of_a_number_has_it() -> None:
    assert digits("买二十个") == ["买", "20", "", "个"]
    assert digits("二零二四年") == ["2024", "", "", "", "年"]
    assert digits("十二月二十五号") == ["12", "", "月", "25", "", "", "号"]


@settings(max_examples=60, deadline=None)
@given(st.text("零一二三十百千万亿两点半分之月日号年下午负第个元公斤好", max_size=14))
def test_every_syllable_has_its_text(text: str) -> None:
    written = digits(text)
    assert len(written) == len(text)
    assert not text or written[0]
