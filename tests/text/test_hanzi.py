"""Written Chinese against its spoken form."""

import sys

import pytest

from ramospeech.text import UNK_UNIT, hanzi, pinyin


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        # nothing to read out
        ("你好，世界！", "你好世界"),
        ("他说：“好”……（吧）《书》·—～\n", "他说好吧书"),
        ("臺灣大學，這兒", "臺灣大學這兒"),
        ("呃啊这块儿", "呃啊这块儿"),
        ("广州市 房地产 中介", "广州市房地产中介"),
        ("二〇二四", "二〇二四"),
        ("\uf967\u2f00", "不一"),  # compatibility forms of characters
        ("\uf967", "不"),
        ("\U0002f800", "丽"),
        ("⻓城⺠众", "长城民众"),
        ("葛\U000e0100城\ufe00", "葛城"),
        ("你\u200b好\u2060", "你好"),
        ("二○二四年一九◯年", "二〇二四年一九〇年"),
        ("有违反\u2028法律\x85其他\x0c行为\x1c的\xa0事", "有违反法律其他行为的事"),
        ("", ""),
        ("…… ", ""),
        # integers
        ("共465篇,约315万字", "共四百六十五篇约三百一十五万字"),
        ("2个22个200个", "两个二十二个两百个"),
        ("涨了100倍", "涨了一百倍"),
        ("100年以后", "一百年以后"),
        ("20000人", "两万人"),
        ("1001", "一千零一"),
        ("1,234,567元", "一百二十三万四千五百六十七元"),
        ("有100，200两种", "有一百两百两种"),
        ("１２３个", "一百二十三个"),
        ("-5度", "负五度"),
        ("−5度", "负五度"),
        ("1.5亿", "一点五亿"),
        ("第2届第12届", "第二届第十二届"),
        ("2楼2号线2斤", "二楼二号线两斤"),
        # decimals, percentages, fractions
        ("3.14和0.5", "三点一四和零点五"),
        ("1,234.5元", "一千二百三十四点五元"),
        ("增长6.3%占50％", "增长百分之六点三占百分之五十"),
        ("10%-20%", "百分之十到百分之二十"),
        ("5‰", "千分之五"),
        ("1/2杯½杯", "二分之一杯二分之一杯"),
        # dates and times
        ("2024年5月1日", "二零二四年五月一日"),
        ("2002/01/28", "二零零二年一月二十八日"),
        ("2002-01-28", "二零零二年一月二十八日"),
        ("2月2日22日2月2号", "二月二日二十二日二月二号"),
        ("5月1日—3日", "五月一日到三日"),
        ("2010-2020年", "二零一零到二零二零年"),
        ("90后80年代21世纪", "九零后八十年代二十一世纪"),
        ("8:30开会", "八点三十分开会"),
        ("12:05", "十二点零五分"),
        ("2点30分，2点半，12点", "两点三十分两点半十二点"),
        ("10:30-11:45", "十点三十分到十一点四十五分"),
        ("上午9点—11点", "上午九点到十一点"),
        ("比分3:2", "比分三比二"),
        # units and money
        ("-3℃", "负三摄氏度"),
        ("5kg10km20cm", "五千克十公里二十厘米"),
        ("120km/h", "每小时一百二十公里"),
        ("100m²，100㎡", "一百平方米一百平方米"),
        ("3㎞", "三公里"),
        ("¥99.5", "九十九点五元"),
        ("$100", "一百美元"),
        ("€20", "二十欧元"),
        # ranges
        ("5-10个", "五到十个"),
        ("5~10℃", "五到十摄氏度"),
        ("3～5天3–5天", "三到五天三到五天"),
        ("-5℃~-3℃", "负五摄氏度到负三摄氏度"),
        ("第1-3章", "第一到三章"),
        ("他说——3个人", "他说三个人"),
        # strings of digits
        ("电话13800138000", "电话幺三八零零幺三八零零零"),
        ("号码是13882366638对吗", "号码是幺三八八二三六六六三八对吗"),
        ("010-12345678", "零一零一二三四五六七八"),
        ("拨打110", "拨打幺幺零"),
        ("007", "零零七"),
        # sums
        ("2+3=5", "二加三等于五"),
    ],
)
def test_spoken_form(written, spoken):
    normalised = hanzi.normalise(written)
    assert normalised.text == spoken
    assert normalised.tokens == tuple(spoken) and normalised.unknown == {}


@pytest.mark.parametrize(
    ("written", "tokens", "unknown"),
    [
        ("唱K歌", "唱 <UNK> 歌", {"K": 1}),
        ("五Ａ级A股", "五 <UNK> 级 <UNK> 股", {"A": 2}),
        ("用Python3写", "用 <UNK> 三 写", {"Python": 1}),
        ("我don't知道iPad Pro", "我 <UNK> 知 道 <UNK> <UNK>", {"don't": 1, "iPad": 1, "Pro": 1}),
        ("α值カナ", "<UNK> 值 <UNK>", {"α": 1, "カナ": 1}),
        ("WTO", "<UNK>", {"WTO": 1}),
        ("snake_case", "<UNK> <UNK>", {"snake": 1, "case": 1}),
        ("5G网络", "五 <UNK> 网 络", {"G": 1}),
    ],
)
def test_latin_is_kept_as_a_counted_unknown(written, tokens, unknown):
    normalised = hanzi.normalise(written)
    assert normalised.tokens == tuple(tokens.split()) and normalised.unknown == unknown
    assert normalised.text == tokens.replace(" ", "").replace("<UNK>", "")
    assert [s == UNK_UNIT for s in pinyin.from_hanzi(normalised.tokens)] == [t == UNK_UNIT for t in normalised.tokens]


def test_any_string_gives_tokens_that_have_pinyin(rng):
    alphabet = list("0123456789.,:;/-+%年月日点个元第℃kgm$¥一二三 AZ\"\\{}()~—儿'°²×=<>&\n\t😀ａ１，。①½")
    for length in rng.integers(1, 25, 300):
        normalised = hanzi.normalise("".join(rng.choice(alphabet, length)))
        assert len(pinyin.from_hanzi(normalised.tokens)) == len(normalised.tokens)
        assert sum(normalised.unknown.values()) == normalised.tokens.count(UNK_UNIT)
        assert not any(character.isdigit() for word in normalised.unknown for character in word)


def test_a_long_text_takes_time_in_proportion():
    text = "今天是2024年5月1日，气温25℃，涨了3.5%。" * 60
    assert hanzi.normalise(text).text == "今天是二零二四年五月一日气温二十五摄氏度涨了百分之三点五" * 60


def test_text_without_digits_needs_no_grammar(monkeypatch):
    monkeypatch.setitem(sys.modules, "wetext", None)
    hanzi._grammar.cache_clear()
    assert hanzi.normalise("你好，K歌").text == "你好歌"
    with pytest.raises(ImportError):
        hanzi.normalise("3个")
    hanzi._grammar.cache_clear()
