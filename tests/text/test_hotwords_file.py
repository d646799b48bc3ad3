"""Files of hotwords: what lines mean, and that a bad one is named."""

import pytest

from ctc_decode import Hotwords
from ramospeech.errors import ListError
from ramospeech.text import Vocabulary, phrase_readings, pinyin, read_hotwords


def read(tmp_path, text, **options):
    path = tmp_path / "hotwords.txt"
    path.write_text(text, encoding="utf-8")
    return read_hotwords(path, **options)


def test_hanzi_and_pinyin_with_and_without_a_boost(tmp_path):
    text = "\ufeff北京大学\n\nwēiruǎn\t6.5\nBei3 jing1 da4 xue2\t7\n第3天\t2\n"
    assert read(tmp_path, text, boost=4.0) == {
        "bei3 jing1 da4 xue2": 7.0,
        "wei1 ruan3": 6.5,
        "di4 san1 tian1": 2.0,
    }


def test_all_readings_of_a_name_and_the_one_of_a_word():
    assert set(phrase_readings("解晓东")) == {(xie, "xiao3", "dong1") for xie in ("jie3", "jie4", "xie4")}
    assert phrase_readings("重庆") == [("chong2", "qing4")]
    assert phrase_readings("银行") == [("yin2", "hang2")]


def test_too_many_readings_leave_the_common_one():
    phrase = "的行单解的行单解"
    assert phrase_readings(phrase) == [tuple(pinyin.from_hanzi(phrase))]


def test_the_units_are_those_of_the_inventory(tmp_path):
    phrases = read(tmp_path, "曾国藩\n单田芳\nlü4 dou4\n一会儿\n")
    automaton = Hotwords(phrases).automaton(Vocabulary.inventory().units)
    assert automaton.states > len(phrases)


@pytest.mark.parametrize(
    "line",
    [
        "北京\t8",
        "北京 8",
        "北京\u30008",
        "北京\xa08",
        "北京 ８．０",
        "北京\t\t8",
        " 北京 8 \r",
        "bei3 jing1 8",
        "\ufeff北京 8",
    ],
)
def test_a_boost_behind_a_tab_or_a_space(tmp_path, line):
    assert read(tmp_path, f"上海 3\n# 人名\n{line}\n") == {"shang4 hai3": 3.0, "bei3 jing1": 8.0}


@pytest.mark.parametrize(
    ("line", "syllables"), [("第3天", "di4 san1 tian1"), ("北京 3号线", "bei3 jing1 san1 hao4 xian4")]
)
def test_digits_of_a_phrase_are_not_a_boost(tmp_path, line, syllables):
    assert syllables in read(tmp_path, line) and set(read(tmp_path, line).values()) == {5.0}


def test_a_phrase_with_two_boosts_is_named(tmp_path):
    with pytest.raises(ListError, match=r"hotwords.txt:3: '北京' has the boost 3 here and 8 on line 1"):
        read(tmp_path, "北京 8\n上海\n北京\t3\n")
    assert read(tmp_path, "北京 8\n北京 8\n") == {"bei3 jing1": 8.0}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("北京:20", "hotwords.txt:2: '北京:20' is not a phrase with a boost"),
        ("北京，20", "hotwords.txt:2: '北京,20' is not a phrase with a boost; write phrase<TAB>boost"),
        ("北京=20", "is not a phrase with a boost"),
        ("北京(20)", "is not a phrase with a boost"),
        ('{"北京": 20}', "is not a phrase with a boost"),
        ("20 北京", "is not a phrase with a boost"),
        ("北京 20 30", "is not a phrase with a boost"),
        ("20", "is not a phrase with a boost"),
        ("北京 20%", "'20%' is not a boost"),
        ("北京 2,5", "'2,5' is not a boost"),
        ("北京 -3", "the boost is -3"),
        ("北京 2008", "the boost is 2008, more than 100"),
        ("北京、上海", "'北京、上海' is several phrases; write one per line"),
        ("iPhone", "hotwords.txt:2: 'iPhone' is not a hotword"),
        ("买iPhone", "hotwords.txt:2: '买iPhone' is not a hotword; write hanzi only"),
        ("bei3 fnord3", "hotwords.txt:2: 'bei3 fnord3' is not a hotword"),
        ("K ge1", "hotwords.txt:2: 'K ge1' is not a hotword"),
        ("北京\t很大", "hotwords.txt:2: '很大' is not a boost"),
        ("北京\t3\t4", "hotwords.txt:2: '3 4' is not a boost"),
        ("北京\t-3", "hotwords.txt:2: the boost is -3; it must be positive"),
        ("北京\tnan", "hotwords.txt:2: the boost is nan"),
        ("\t5", "hotwords.txt:2: '' is not a hotword"),
        ("。", "hotwords.txt:2: '。' is not a hotword"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, message):
    with pytest.raises(ListError, match=message):
        read(tmp_path, f"上海\n{line}\n")


def test_a_bad_file_is_named(tmp_path):
    with pytest.raises(ListError, match="no such file; give a file with one hotword per line"):
        read_hotwords(tmp_path / "absent.txt")
    (tmp_path / "broken.txt").write_bytes(b"\xff\xff\xff")
    with pytest.raises(ListError, match=r"broken\.txt: looks like Chinese in none of UTF-8"):
        read_hotwords(tmp_path / "broken.txt")
    (tmp_path / "gbk.txt").write_bytes("北京".encode("gbk"))
    assert read_hotwords(tmp_path / "gbk.txt") == {"bei3 jing1": 5.0}
