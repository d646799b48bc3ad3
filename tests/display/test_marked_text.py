"""Punctuated text, read as characters and marks."""

import pytest

from ramospeech.display.marked_text import read_marked


def joined(line: str) -> str:
    return "".join(character + mark for character, mark in read_marked(line))


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("你好，我是小明。", "你好，我是小明。"),
        ("“好吗？”他问：“真的！”", "好吗？他问，真的！"),
        ("一、二；三……", "一、二，三。"),
        ("我——不知道", "我，不知道"),
        ("买3.5公斤,好吗?", "买三点五公斤，好吗？"),
        ("2024年5月1日。", "二零二四年五月一日。"),
        ("用 iPad 写。", "用<UNK>写。"),
        ("好?!", "好？"),
        ("，。？", ""),
        ("", ""),
        ("没有标点", "没有标点"),
    ],
)
def test_marks_stand_behind_characters(line: str, read: str) -> None:
    assert joined(line) == read
