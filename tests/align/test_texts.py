"""Texts of every kind as words with their places."""

import pytest

from ramospeech.align.texts import WILDCARD, Line, read_lines, words_of
from ramospeech.errors import ListError
from ramospeech.text import Vocabulary
from ramospeech.text.units import UNITS

SRT = """1
00:00:01,000 --> 00:00:02,500
<i>今天</i>天气
很好

2
00:00:03,000 --> 00:00:04,000
2024年

"""
LONG = '''File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 2.5
tiers? <exists>
size = 3
item []:
    item [1]:
        class = "TextTier"
        name = "points"
        xmin = 0
        xmax = 2.5
        points: size = 1
        points [1]:
            number = 1
            mark = "点"
    item [2]:
        class = "IntervalTier"
        name = "phones 2"
        xmin = 0
        xmax = 2.5
        intervals: size = 1
        intervals [1]:
            xmin = 0
            xmax = 2.5
            text = ""
    item [3]:
        class = "IntervalTier"
        name = "句子"
        xmin = 0
        xmax = 2.5
        intervals: size = 2
        intervals [1]:
            xmin = 0
            xmax = 1.25
            text = "他说""你好"""
        intervals [2]:
            xmin = 1.25
            xmax = 2.5
            text = "再见"
'''
SHORT = '''File type = "ooTextFile"
Object class = "TextGrid"

0
2.5
<exists>
1
"IntervalTier"
"句子"
0
2.5
2
0
1.25
"他说""你好"""
1.25
2.5
"再见"
'''


def words(text, units="pinyin"):
    return words_of([Line(1, text)], UNITS[units], Vocabulary.inventory(), "text.txt")


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.txt", "今天\n\n 天气 \n", [(1, "今天"), (3, "天气")]),
        ("a.srt", SRT, [(1, "今天天气 很好"), (2, "2024年")]),
        ("a.TextGrid", LONG, [(1, '他说"你好"'), (2, "再见")]),
        ("a.TextGrid", SHORT, [(1, '他说"你好"'), (2, "再见")]),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_lines_of_each_kind_of_file(tmp_path, name, content, expected, encoding):
    (tmp_path / name).write_text(content, encoding=encoding)
    assert [(line.number, line.text) for line in read_lines(tmp_path / name)] == expected


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.txt", " \n\n", "no text"),
        ("a.srt", "今天天气很好\n", "no cue"),
        ("a.TextGrid", "今天天气很好\n", "not a TextGrid"),
        ("a.TextGrid", SHORT.split('"IntervalTier"')[0], "no tier"),
    ],
)
def test_what_has_no_text_is_refused_by_name(tmp_path, name, content, reason):
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(ListError, match=reason) as caught:
        read_lines(tmp_path / name)
    assert name in str(caught.value)
    with pytest.raises(ListError, match="missing"):
        read_lines(tmp_path / f"missing{name}")


def test_each_character_has_its_column():
    found = words("在，2024年，我买iPad。")
    assert "".join(word.text for word in found) == "在二零二四年我买iPad"
    columns = {word.text: word.column for word in found}
    text = "在，2024年，我买iPad。"
    assert all(text[columns[shown] - 1] == shown[0] for shown in ("在", "年", "我", "买", "iPad"))
    assert [word.column for word in found] == sorted(word.column for word in found)
    assert [word.column for word in words("今天天气")] == [1, 2, 3, 4]


def test_other_readings_and_tones_are_accepted_at_a_cost():
    inventory = Vocabulary.inventory()
    [word] = words("长")
    spelled = {inventory.units[unit]: cost for unit, cost in word.spellings}
    assert word.label in ("chang2", "zhang3") and spelled[word.label] == 0
    assert min(spelled["zhang3"], spelled["chang2"]) == 0 < max(spelled["zhang3"], spelled["chang2"])
    assert {"chang1", "chang3", "chang4"} <= spelled.keys() or {"zhang1", "zhang2", "zhang4"} <= spelled.keys()


def test_a_word_of_another_script_may_be_any_sound():
    [word] = words("iPad")
    assert (word.text, word.label, word.spellings) == ("iPad", "<UNK>", WILDCARD)


def test_a_unit_that_the_model_lacks_may_be_any_sound():
    small = Vocabulary(["<blank>", "<UNK>", "hao3"])
    found = words_of([Line(1, "你好")], UNITS["pinyin"], small, "text.txt")
    assert [word.spellings for word in found] == [(), ((2, 0.0),)]


def test_characters_as_units():
    vocabulary = Vocabulary(["<blank>", "<UNK>", "好", "a"])
    found = words_of([Line(1, "好ab")], UNITS["characters"], vocabulary, "text.txt")
    assert [(word.text, word.spellings) for word in found] == [("好", ((2, 0.0),)), ("a", ((3, 0.0),)), ("b", ())]
