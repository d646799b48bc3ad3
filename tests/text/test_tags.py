"""Tags of sounds go, speech in brackets stays."""

import pytest

from ramospeech.text import hanzi
from ramospeech.text.tags import remove_tags

TAGS = """
[掌声] 【笑】 （音乐） (咳嗽) {呼吸} 〔哭〕 *笑* （众人大笑，鼓掌） ［音樂］ （掌聲） （背景音乐响起）
（叹气） （脚步声） （敲门声） （笑着说） （電話鈴聲） （沉默） ♪啦啦啦♪
[LAUGHTER] <NOISE> *laughs* (laughs) (applause) [music] <SPOKEN_NOISE> [FIL] <i> </i> [00:12.5] ＜NOISE＞
"""


@pytest.mark.parametrize("tag", [*TAGS.split(), "( 笑 )", "[ laughter ]", "(clears throat)"])
def test_tags_go_and_are_counted(tag):
    normalised = hanzi.normalise(f"今天{tag}很好")
    assert normalised.text == "今天很好" and normalised.unknown == {} and normalised.tags == {tag: 1}


@pytest.mark.parametrize(
    "text",
    [
        "我（真的）很好",
        "「你好」",
        "『你好』",
        "“你好”",
        "《笑》",
        "〈书〉",
        "（先生）请坐",
        "（笑话）真好",
        "他（大声地喊了我的名字）走了",
        "这是（北京的）音乐",
        "掌声响起",
        "笑",
    ],
)
def test_speech_in_brackets_and_quotes_stays(text):
    assert hanzi.normalise(text).tokens == tuple(character for character in text if "\u4e00" <= character <= "\u9fff")
    assert remove_tags(text) == (text, {})


@pytest.mark.parametrize("mark", ["[听不清]", "<UNK>", "<unk>", "(inaudible)", "（聽不清楚）", "【无法辨认】", "[UNK]"])
def test_speech_that_nobody_understood_is_unknown(mark):
    assert hanzi.normalise(f"今天{mark}好").tokens == ("今", "天", "<UNK>", "好")


@pytest.mark.parametrize("text", ["3<5和7>2", "2*3*4", "(", "[你好", "】你好【", "<<", "♪"])
def test_lone_brackets_and_sums_are_not_tags(text):
    assert remove_tags(text)[1] == {}


def test_a_character_that_an_encoding_lost_is_unknown():
    assert hanzi.normalise("你\ufffd好\ue000").tokens == ("你", "<UNK>", "好", "<UNK>")


def test_long_rows_of_brackets_take_no_time():
    for text in ("(" * 20_000, "[" * 20_000, "(笑" * 10_000, "<a" * 10_000, "*" * 20_001, "♪" * 20_000 + "a"):
        remove_tags(text)
