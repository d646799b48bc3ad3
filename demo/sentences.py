"""The closed domain of the demo: commands for a home, alarms, travel, weather, music and the telephone.

A sentence is a template whose slots are filled at random, e.g. 把{room}的{device}打开. The words are chosen
so that speech and label agree: no character has two readings here, no third tone meets another third tone (it
would be spoken as a second tone), and 一 keeps its first tone. Sentences that break this are dropped.

Much of the training part is not commands but the same words in any order (`salads`): from commands alone a network
learns which word follows which, and for a new voice guesses the likely word instead of the spoken one.
"""

import random
import re
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

from pypinyin import Style, lazy_pinyin

DIGITS = "零一二三四五六七八九"
MIN_SYLLABLES, MAX_SYLLABLES = 3, 13

SLOTS = {
    "room": "客厅 卧室 厨房",
    "device": "灯 空调 电视",
    "city": "北京 上海 西安 天津",
    "place": "机场 医院 学校 东站 西站",
    "day": "今天 明天 后天 周一 周二 周三 周四 周五 周六",
    "part": "早上 下午 晚上",
    "task": "开会 上课 上学",
    "called": "医院 学校 机场",
}

# One row a kind of command; every kind is as likely as any other, whatever its number of templates.
COMMANDS = {
    "switch": [
        "把{room}的{device}打开",
        "把{room}的{device}关上",
        "打开{room}的{device}",
        "关上{room}的{device}",
        "{time}打开{room}的{device}",
        "{n}分钟后关上{room}的{device}",
    ],
    "setting": ["把{room}空调开到{n}度", "{room}空调开到{n}度", "把{room}的空调开到{n}度"],
    "alarm": [
        "{day}{time}叫我{task}",
        "{time}叫我{task}",
        "取消{day}{time}的闹钟",
        "{day}{time}去{place}",
        "{n}分钟后叫我{task}",
        "{day}{part}叫我{task}",
    ],
    "travel": [
        "去{city}{place}",
        "{day}{time}去{city}",
        "买{day}去{city}的车票",
        "买{date}号去{city}的车票",
    ],
    "weather": ["{city}{day}下雨吗", "{day}{city}下雨吗", "{city}{day}{part}下雨吗", "{city}今天{n}度", "{day}{n}度"],
    "media": ["播放第{n}首歌", "{room}播放第{n}首歌", "{time}播放第{n}首歌", "电视换到{n}台"],
    "telephone": ["给{called}打电话", "打电话{digits}", "{time}给{called}打电话"],
}


def number(value: int) -> str:
    """1 to 99 as it is read: 7 is 七, 10 is 十, 45 is 四十五."""
    tens, ones = divmod(value, 10)
    return ("" if tens == 0 else "十" if tens == 1 else DIGITS[tens] + "十") + (DIGITS[ones] if ones else "")


def pinyin(hanzi: str) -> list[str]:
    """The label of a sentence: toned syllables, tone digit last, neutral tone bare."""
    return lazy_pinyin(hanzi, style=Style.TONE3)


def fill(template: str, chance: random.Random) -> str:
    """A template with a random value in every slot."""
    while "{" in template:
        slot = template[template.index("{") + 1 : template.index("}")]
        if slot in ("n", "date"):
            value = number(chance.randint(1, 99 if slot == "n" else 31))
        elif slot == "digits":
            value = "".join(chance.choice(DIGITS) for _ in range(chance.randint(3, 6)))
        elif slot == "time":
            minute = chance.choice(["", "半", number(chance.randint(10, 59)), number(chance.randint(10, 59)) + "分"])
            value = chance.choice(["", "{part}"]) + number(chance.randint(3, 12)) + "点" + minute
        else:
            value = chance.choice(SLOTS[slot].split())
        template = template.replace("{" + slot + "}", value, 1)
    return template


def speakable(hanzi: str, syllables: list[str]) -> bool:
    """Whether tone sandhi and length leave the label true to the speech."""
    if not MIN_SYLLABLES <= len(syllables) <= MAX_SYLLABLES or len(syllables) != len(hanzi):
        return False
    if any(a[-1] == b[-1] == "3" for a, b in pairwise(syllables)):
        return False
    return all(s == "yi1" for c, s in zip(hanzi, syllables, strict=True) if c == "一")


def sentences(chance: random.Random) -> Iterator[str]:
    """Endless distinct sentences, every kind of command alike."""
    seen = set()
    while True:
        hanzi = fill(chance.choice(COMMANDS[chance.choice(list(COMMANDS))]), chance)
        if hanzi not in seen and speakable(hanzi, pinyin(hanzi)):
            seen.add(hanzi)
            yield hanzi


def salads(chance: random.Random) -> Iterator[str]:
    """Endless distinct rows of the commands' words and characters in an order that means nothing."""
    templates = [template for kind in COMMANDS.values() for template in kind]
    words = sorted({part for template in templates for part in re.split(r"\{\w+\}", template) if part})
    words += [word for values in SLOTS.values() for word in values.split()]
    read = {(c, s) for word in words for c, s in zip(word, pinyin(word), strict=True) if pinyin(c) == [s]}
    characters = sorted({character for character, _ in read} | set(DIGITS + "十点半"))
    seen = set()
    while True:
        length, pieces = chance.randint(MIN_SYLLABLES, 9), list[str]()
        while len("".join(pieces)) < length:
            pieces.append(chance.choice(chance.choice([words, characters])))
        hanzi, syllables = "".join(pieces), [s for piece in pieces for s in pinyin(piece)]
        # Neighbours may not make a word that is read otherwise.
        if hanzi not in seen and syllables == pinyin(hanzi) and speakable(hanzi, syllables):
            seen.add(hanzi)
            yield hanzi


def balanced(pool: list[str], count: int, chance: random.Random) -> list[str]:
    """Pick `count` of a pool so that every prefix of the result spreads over the syllables evenly.

    Each step draws a handful of the pool and takes the sentence whose syllables are the rarest so far.
    """
    labels = {hanzi: pinyin(hanzi) for hanzi in pool}
    seen: Counter[str] = Counter()
    chosen: list[str] = []
    while len(chosen) < count:
        best = max(
            chance.sample(sorted(labels), min(200, len(labels))),
            key=lambda hanzi: sum(1 / (1 + seen[s]) for s in labels[hanzi]) / len(hanzi),
        )
        seen.update(labels.pop(best))
        chosen.append(best)
    return chosen
