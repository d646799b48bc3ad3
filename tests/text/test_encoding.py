"""Encodings: what people save is read back, what only decodes is refused."""

import pytest

from ramospeech.errors import ListError
from ramospeech.text.encoding import common_encoding, decode, read_text

SIMPLIFIED = [
    "请问今天天气怎么样",
    "我们去公园吧",
    "有违反法律法规规定的其他行为的",
    "你好，世界！２０２４年３月",
    "下午三点在火车站门口见面",
]
TRADITIONAL = [
    "請問今天天氣怎麼樣",
    "我們明天去臺北車站",
    "不過身體已經機械化並以反派角色登場",
    "妳好，歡迎光臨！",
    "這個問題我還沒有想過",
]
CANTONESE = ["佢哋嘅屋企喺邊度呀", "我唔知道點解會咁樣"]


@pytest.mark.parametrize(
    ("texts", "encoding", "called"),
    [
        (SIMPLIFIED, "utf-8", ""),
        (SIMPLIFIED, "utf-8-sig", ""),
        (SIMPLIFIED, "gb18030", "GB18030"),
        (TRADITIONAL, "utf-8", ""),
        (TRADITIONAL, "big5", "Big5"),
        (TRADITIONAL, "gb18030", "GB18030"),
        (CANTONESE, "big5hkscs", "Big5-HKSCS"),
        *(
            (texts, encoding, "UTF-16")
            for texts in (SIMPLIFIED, TRADITIONAL)
            for encoding in ("utf-16-le", "utf-16-be")
        ),
        (SIMPLIFIED, "utf-16", "UTF-16"),
    ],
)
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_each_text_alone_and_all_together(texts, encoding, called, end):
    for text in [*texts, "\n".join(texts), "\n".join(f"id{n} {text}" for n, text in enumerate(texts))]:
        found, note = decode(f"{text}{end}".encode(encoding), "x.txt")
        assert found == f"{text}{end}"
        assert note == (f"transcripts read as {called}, not UTF-8" if called else "") or ("Big5" in note and called)


@pytest.mark.parametrize("encoding", ["gb18030", "cp950", "utf-16-le", "utf-16-be"])
def test_a_text_of_two_characters_is_read_as_those_beside_it(encoding):
    texts = {"gb18030": "玛丽 父母 你好", "cp950": "嗯嗯 票價 你好"}.get(encoding, "天安 不是 你好").split()
    contents = [text.encode(encoding) for text in [*texts, (TRADITIONAL if encoding == "cp950" else SIMPLIFIED)[0]]]
    if encoding.startswith("utf-16"):
        contents = [content + "\n".encode(encoding) for content in contents]
    likely = common_encoding(contents)
    assert [decode(content, "x", likely)[0].strip() for content in contents[:-1]] == texts


@pytest.mark.parametrize(
    "content",
    [
        "こんにちは、お元気ですか".encode("shift-jis"),
        "Здравствуйте, как дела".encode("cp1251"),
        "오늘 날씨가 어떻습니까 나는 학교에 갑니다".encode("euc-kr"),
        b"\xff\xff\xff",
        bytes(range(256)),
        b"\x00\x01\x02",
    ],
)
def test_what_is_not_chinese_in_any_of_them_is_refused_with_the_remedy(content):
    with pytest.raises(ListError, match=r"^x\.txt: looks like Chinese in none of .* save it as UTF-8$"):
        decode(content, "x.txt")


@pytest.mark.parametrize(
    ("first", "second"), [("utf-8", "gb18030"), ("gb18030", "utf-8"), ("big5", "utf-8"), ("utf-8", "big5")]
)
def test_a_file_of_two_encodings_is_named_by_line(first, second):
    texts = TRADITIONAL if "big5" in (first, second) else SIMPLIFIED
    content = "\n".join(texts[:4] * 3).encode(first) + b"\n" + f"{texts[4]}\n".encode(second)
    with pytest.raises(ListError, match=r"^x\.txt:13: .*UTF-8.*save the whole file as UTF-8"):
        decode(content, "x.txt")


@pytest.mark.parametrize("wrong", ["gb18030", "latin-1"])
def test_text_that_was_read_wrongly_and_saved_so_is_refused(wrong):
    content = "请问今天天气怎么样啊".encode().decode(wrong).encode()
    with pytest.raises(ListError, match="Chinese text that was read as"):
        decode(content, "x.txt")


@pytest.mark.parametrize(
    "text", ["", "hello", "nǐ hǎo", "café", "𠮷野家", "龘靐齉爩", "Привет", "カラオケ", "a\u2028b\x85c\x0cd\x1ce"]
)
def test_utf_8_is_believed(text):
    assert decode(text.encode(), "x") == (text, "")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ListError, match=r"gone.txt: cannot be read \(No such file"):
        read_text(tmp_path / "gone.txt")
