"""Normalise hanzi text to its spoken form: digits, dates, times, units, money and symbols are written out.

The Chinese grammar of WeTextProcessing (`wetext`) does this; this module prepares its input and keeps hanzi only.
 Punctuation and tags of sounds (`ramospeech.text.tags`) are dropped, traditional characters and erhua stay. Latin
words and other scripts become `<UNK>` among the tokens, so that a label keeps a token for them, and are counted.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from ramospeech.errors import extra
from ramospeech.text.tags import remove_tags
from ramospeech.text.vocabulary import UNK_UNIT

_UNIFIED = "\ufa0e\ufa0f\ufa11\ufa13\ufa14\ufa1f\ufa21\ufa23\ufa24\ufa27-\ufa29"  # hanzi among compatibility forms
# With the zero 〇, without the compatibility forms, which `fold` replaces.
_HAN = f"\u3007\u3400-\u4dbf\u4e00-\u9fff{_UNIFIED}\U00020000-\U0002f7ff\U0002fa20-\U0003ffff"
_HANZI_ONLY = re.compile(f"[{_HAN}]*")
_LOST = "\ufffd\ue000-\uf8ff"  # characters that an encoding could not keep; they stand for speech
_WORD = f"(?:(?![{_HAN}_])[\\w{_LOST}])+"
_TOKEN = re.compile(f"{UNK_UNIT}|[{_HAN}]|{_WORD}(?:['’]{_WORD})*")
# Radicals that stand for whole characters in text copied from PDF files, and that NFKC leaves as they are.
_RADICALS = str.maketrans(
    "⺎⺠⺫⺼⻁⻄⻅⻆⻉⻋⻓⻔⻘⻙⻚⻛⻜⻝⻠⻢⻣⻤⻥⻦⻧⻨⻩⻪⻬⻮⻰⻱⻲⻳",
    "兀民目月虎西见角贝车长门青韦页风飞食饣马骨鬼鱼鸟卤麦黄黾齐齿龙龟龜龟",
)
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef]")
_ROUND_ZERO = re.compile("(?<=[一二三四五六七八九零〇○◯十百千])[○◯]|[○◯](?=[一二三四五六七八九零〇○◯])")
_COMPATIBLE = re.compile(f"(?![{_UNIFIED}])[\\uf900-\\ufaff\\u2e80-\\u2fdf\\U0002f800-\\U0002fa1f]")
_FOLDED = re.compile(f"{_COMPATIBLE.pattern}|{_INVISIBLE.pattern}|[○◯]")
_THOUSANDS = re.compile(r"(?<![\d,])\d{1,3}(?:,\d{3})+(?![\d,])")
_CLAUSE_END = re.compile(r"[。,;!?\n]")
_MOBILE = re.compile(r"(?<!\d)1[3-9]\d{9}(?!\d)")
_SPOKEN_DIGITS = str.maketrans("0123456789", "零幺二三四五六七八九")  # as telephone numbers are spoken
_REWRITES = (  # what the grammar lacks or reads differently from people
    (re.compile("−"), "-"),
    (re.compile("⁄"), "/"),
    (re.compile(r"(\d+(?:\.\d+)?)\s*‰"), r"千分之\1"),
    (re.compile(r"(?:(?<=[年月日号时点分元度%])|(?<=°C))\s*[-–—~〜]\s*(?=-?\d)"), "到"),
    (re.compile(r"(?<=第)(\d+)\s*[-–—~〜]\s*(?=\d)"), r"\1到"),
    (re.compile(r"(?<=\d)\s*[–—〜]\s*(?=\d)"), "-"),
    (re.compile(r"(?<![\d.])0?2(?=[日号])"), "二"),
    (re.compile(r"(?<![\d.])0?2(?=点(?:半|钟|整|\d+分))"), "两"),
)


@dataclass(frozen=True)
class Normalised:
    """A normalised text.

    Attributes:
        tokens: hanzi, and `<UNK>` where a Latin word (or a kana, a Greek letter ...) stands: input of
            `pinyin.from_hanzi`, which gives a syllable for each.
        unknown: those words, as they are written, and how often each occurs.
        tags: tags of sounds that were left out, as they are written, and how often each occurs.
        words: the tokens with those words as they are written.
    """

    tokens: tuple[str, ...]
    unknown: dict[str, int]
    tags: dict[str, int] = field(default_factory=dict)
    words: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The hanzi alone."""
        return "".join(token for token in self.tokens if token != UNK_UNIT)


def fold_hanzi(text: str) -> str:
    """Replace compatibility forms of hanzi by the usual ones and drop invisible characters.

    Compatibility forms are those of Unicode, radicals that stand for characters, and a circle for the zero of years
    (二○二四). Variation selectors and marks of zero width are dropped.

    >>> fold_hanzi("\uf967\u2f00⻓二○二四，３\ufe00")
    '不一长二〇二四，３'
    """
    if not _FOLDED.search(text):
        return text
    text = _COMPATIBLE.sub(lambda match: unicodedata.normalize("NFKC", match[0]), _INVISIBLE.sub("", text))
    return _ROUND_ZERO.sub("〇", text.translate(_RADICALS))


def fold(text: str) -> str:
    """Apply `fold_hanzi`, and fold letters, digits and punctuation of full width too (NFKC).

    >>> fold("⻓ＫＴＶ３")
    '长KTV3'
    """
    return unicodedata.normalize("NFKC", fold_hanzi(text))


def normalise(text: str, numbers: bool = True) -> Normalised:
    """Read digits and symbols out in Chinese, keep hanzi, and count what is neither hanzi nor punctuation.

    Without `numbers` digits stay as they are written, among the words.

    >>> normalise("2024年5月1日,气温25℃!").text
    '二零二四年五月一日气温二十五摄氏度'
    >>> normalise("买3个iPad").tokens
    ('买', '三', '个', '<UNK>')
    """
    if _HANZI_ONLY.fullmatch(text):
        return Normalised(tuple(text), {}, words=tuple(text))
    text, tags = remove_tags(text)
    # Only ASCII commas group digits, so this comes before commas of full width are folded into them.
    text = _THOUSANDS.sub(lambda match: match[0].replace(",", ""), text)
    text = fold(text)
    if numbers and re.search(r"\d", text):
        text = _MOBILE.sub(lambda match: match[0].translate(_SPOKEN_DIGITS), text)
        for pattern, replacement in _REWRITES:
            text = pattern.sub(replacement, text)
        # Clause by clause, because the grammar's time is superlinear in the length.
        text = " ".join(_read_out(clause) for clause in _CLAUSE_END.split(text))
    words = tuple(_TOKEN.findall(text))
    tokens = tuple(word if is_hanzi(word) else UNK_UNIT for word in words)
    unknown = Counter(word for word in words if not is_hanzi(word))
    return Normalised(tokens, dict(unknown), tags, words)


def is_hanzi(text: str) -> bool:
    """Return whether the text has hanzi only."""
    return bool(_HANZI_ONLY.fullmatch(text))


def _read_out(clause: str) -> str:
    return _grammar()(clause) if re.search(r"\d", clause) else clause


@cache
def _grammar() -> Callable[[str], str]:
    with extra("text"):
        from wetext import Normalizer  # loads all its grammars, which text without digits never needs

    return Normalizer(lang="zh", operator="tn", remove_erhua=False).normalize
