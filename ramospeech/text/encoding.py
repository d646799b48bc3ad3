"""Text files as people save them: bytes in an unknown encoding, read only where the result looks like Chinese.

UTF-8, UTF-16 (with and without a byte order mark), GB18030 (with GBK and GB2312), Big5 and Big5-HKSCS are read. Almost
any bytes decode in one of them, so a decoding is judged by its characters: hanzi in common use count for it; rare ones,
kana, Greek, Cyrillic and private use count against it. What looks like Chinese in no encoding is refused by name.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from ramospeech.errors import ListError

REMEDY = "open it in an editor, choose the encoding that shows the right characters, and save it as UTF-8"
_BOMS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_OTHERS = (  # Python's name and what to call it
    ("gb18030", "GB18030"),
    ("cp950", "Big5"),
    ("big5hkscs", "Big5-HKSCS"),
    ("utf-16-le", "UTF-16"),
    ("utf-16-be", "UTF-16"),
)
_SAMPLE = 4000  # characters that are judged
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1b\x7f]")  # in no text: UTF-16 without a mark is often valid UTF-8 with these
_SURE = 0.7  # score from which valid UTF-8 without hanzi is taken for another encoding
_LONG, _MIN_OF_LONG = 12, 0.46  # characters from which so many frequent ones are expected (Korean as GBK has 0.43)
_MAX_ODD = 0.25  # fraction of characters that speak against a decoding
# About 80 % of modern text: the 600 most frequent characters, simplified, with their traditional forms.
_FREQUENT = frozenset(
    "的一是有我十在了不人个这大二道国为中你时要区会以上么到三年和五他分可家来们百多街吗地发生开好市点能四出天子小下什后行用之对学都关就成于零还新过法如没作方里自最看去得现部公哪六日想千也电说九所些前被北很"
    "动八月度高那门西其本七间定事机理经车应美长主工把当业民东全者南计明万何第山您进物面安台与政斯海同合名路员女知心体手建实打因样文加位水情周店特起重场性少或外它回问比话将数着果设而等省制意期力从两城提器常"
    "通做内县种酒化然但无并表利治室州金已边及病给房需感京尔平管正议信入相吃次代影保该馆产客调务只世件马任口怎更目男教院花条接解真系价德使题程老原餐厅号河式克量元太查她卧头王选由华推统啊运灯色结找江此球儿游"
    "总军网品帮今景称布单请张别受风星规气呢医格几战预白立让变报活处亚服达身阳村科园放例谢求告持演交首友火再非拉红像办节认府向爱广司导见置龙林队英据吧社确术流考资住基乐近照窗状包联觉空清息至桥快欢候姆直始展"
    "记钟组己界传收汤喜示类每级型完费带片岁赛票整指增光共巴强视约线孩语供权死字又改专玩案决复食才超湾亮评湖源锁罗参未神各师反停兰晚书取妈校护跟商测项防离站论订标族技听续助集检疗造乡歌支义试消致况待转先早创"
    "音士较帘难闭具走施连疫半营兴失荐黄厨阿研局官热维列排望干准获博户宝错谁温观际职普证警模古必存命领许态算除育便济响团注容备石图免香药诉镇福卡铁云越划亿值质青言且委港毒形朋飞卫李土尼症亲哈钱声剧春双米党播"
    "個這國爲時區會麼來們嗎發開點後對學關於還過沒裏現電說動門間機經車應長當業東計萬進臺與員體實樣場問話將數設從兩內縣種無並邊給爾議喫該館產調務馬條價題廳號臥頭選華統運燈結兒遊總軍網幫稱單請張別風規氣醫幾戰"
    "預讓變報處亞達陽園謝紅辦節認愛廣導見龍隊據確術資樂狀聯覺橋歡記鍾組傳湯類級費帶歲賽強視約線語權專決復灣評鎖羅參師蘭書媽護測項離論訂標聽續檢療鄉義試況轉創較簾難閉連營興薦黃廚熱維幹準獲戶寶錯誰溫觀際職證"
    "領許態濟響團備圖藥訴鎮鐵雲劃億質飛衛親錢聲劇雙黨佢哋嘅喺唔咁冇啲嚟睇咗嗰嘢乜妳裡著喔啦囉吶嘛喂哦淚陳劉鄭葉範羣爭雖擇遠島飯錶綠藍銀隨險雞魚鳥貓狗"
)


def decode(content: bytes, name: str | Path, expected: str = "") -> tuple[str, str]:
    """Return the text of a file's bytes and a note: empty for UTF-8, else which encoding it was read as.

    `expected` is the encoding of the files beside it (see `common_encoding`), which decides about a text of few
    characters.
    Raises ListError, which names the file, where no encoding gives text that looks like Chinese, and the line where
    the encoding changes within the file.
    """
    for mark, encoding in _BOMS:
        if content.startswith(mark):
            try:
                marked = content[len(mark) :].decode(encoding)
            except UnicodeDecodeError:
                raise ListError(f"{name}: begins as {encoding.upper()} and is not; {REMEDY}") from None
            return _believed(marked, name), "" if encoding == "utf-8" else "transcripts read as UTF-16, not UTF-8"
    text = _decoded(content, "utf-8")
    if text is not None and _CONTROL.search(text):
        text = None
    if text is not None and (text.isascii() or _has_hanzi(text)):
        return _believed(text, name), ""
    best, called = _best(content, expected)
    if called and (text is None or score(best) > _SURE):
        if text is None and (number := _line_in_utf8(content, best)):
            raise ListError(
                f"{name}:{number}: this line is UTF-8 and others are {called}; save the whole file as UTF-8"
            )
        return best, f"transcripts read as {called}, not UTF-8"
    if text is not None:
        return _believed(text, name), ""  # another script, or tone marks
    _check_mixed(content, name)
    raise ListError(f"{name}: looks like Chinese in none of UTF-8, UTF-16, GB18030 and Big5; {REMEDY}")


def common_encoding(contents: Iterable[bytes]) -> str:
    """Return the encoding (as `decode` names it) that fits best to all of these that are not UTF-8; "" where none
    does."""
    others = [content for content in contents if _decoded(content, "utf-8") is None]
    return _best(b"\n".join(others), "")[1]


def read_text(path: str | Path) -> tuple[str, str]:
    """Decode, as `decode`, the file at `path`; raises ListError where it cannot be read too."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ListError(f"{path}: cannot be read ({error.strerror}); check the name") from None
    return decode(content, path)


def score(text: str) -> float:
    """Return how much a decoding looks like Chinese: at most 1, and 0 or less where it does not.

    >>> score("请问今天天气怎么样") > 0.5 > score("叫拜ネбヲ辞")
    True
    """
    judged = [_weight(character) for character in text[:_SAMPLE]]
    counted = [weight for weight in judged if weight is not None]
    odd = sum(weight < 0 for weight in counted)
    hanzi = len(counted) - odd
    if not hanzi or odd > _MAX_ODD * len(counted):
        return 0.0
    mean = sum(counted) / len(counted)
    return 0.0 if len(counted) >= _LONG and mean < _MIN_OF_LONG else mean


@lru_cache(maxsize=1 << 15)
def _weight(character: str) -> float | None:
    """Return what a character says for (1 at most) or against a decoding; None where it says nothing."""
    if character in _FREQUENT:
        return 1.0
    if "\u4e00" <= character <= "\u9fff":
        return 0.4 if _in_common_use(character) else -0.5
    if character.isascii():
        return None if character.isprintable() or character in "\t\n\r\x0b\x0c\x1c\x1d\x1e\x1f" else -3.0
    kind = unicodedata.category(character)
    if kind[0] in "PZ" or "\uff00" <= character <= "\uffef" or character in "āáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜüêńňǹḿ℃〇":
        return None
    return -0.5 if "CJK" in unicodedata.name(character, "") else -2.0


def _in_common_use(character: str) -> bool:
    """Return whether it is in the first level of GB2312 (3,755 characters) or of Big5 (5,401)."""
    for encoding, first, last in (("gb2312", b"\xb0\xa1", b"\xd7\xf9"), ("big5", b"\xa4\x40", b"\xc6\x7e")):
        if first <= character.encode(encoding, errors="ignore") <= last:
            return True
    return False


def _has_hanzi(text: str) -> bool:
    return any("\u3400" <= character <= "\u9fff" or character >= "\U00020000" for character in text)


def _decoded(content: bytes, encoding: str) -> str | None:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        return None


def _best(content: bytes, expected: str) -> tuple[str, str]:
    """Return the decoding that looks most like Chinese, or does in the likely encoding, and its name; ("", "") if
    none."""
    guesses = [(guess, called) for encoding, called in _OTHERS if (guess := _decoded(content, encoding)) is not None]
    guesses = [(guess, called) for guess, called in guesses if score(guess) > 0]
    return max(guesses, key=lambda guess: (guess[1] == expected, score(guess[0])), default=("", ""))


def _believed(text: str, name: str | Path) -> str:
    """UTF-8 as it is, unless it is Chinese that was read in a wrong encoding and saved so (`浣犲ソ` for `你好`)."""
    if score(text) > 0 or text.isascii():
        return text
    for encoding, called in (("gb18030", "GB18030"), ("cp1252", "Latin-1"), ("latin-1", "Latin-1")):
        try:
            before = text.strip().encode(encoding).decode("utf-8")
        except UnicodeError:
            continue
        if score(before) > 0 and _has_hanzi(before):
            raise ListError(
                f"{name}: Chinese text that was read as {called} and saved so; take the file as it was before"
            )
    return text


def _line_in_utf8(content: bytes, text: str) -> int:
    """Return the number of the first line that reads better as UTF-8 than it does in `text`, a decoding of the whole;
    or 0."""
    lines: Sequence[str] = text.split("\n")
    for number, raw in enumerate(content.split(b"\n"), 1):
        alone = None if raw.isascii() else _decoded(raw, "utf-8")
        if alone and number <= len(lines) and score(alone) > max(0.3, score(lines[number - 1])):
            return number
    return 0


def _check_mixed(content: bytes, name: str | Path) -> None:
    """Raises ListError, which names the line, where some lines are UTF-8 and others are not."""
    kinds = {
        n: _decoded(raw, "utf-8") is not None for n, raw in enumerate(content.split(b"\n"), 1) if not raw.isascii()
    }
    usual = 2 * sum(kinds.values()) >= len(kinds)
    odd = [number for number, is_utf8 in kinds.items() if is_utf8 != usual]
    if odd and len(odd) < len(kinds):
        which = "is not UTF-8 and the others are" if usual else "is UTF-8 and the others are not"
        raise ListError(f"{name}:{odd[0]}: this line {which}; save the whole file as UTF-8")
