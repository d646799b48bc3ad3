"""Numbers in digits: inverse text normalisation by the Chinese grammar of WeTextProcessing (`wetext`).

The grammar decides what is a number: 十分, 万一 and 三心二意 are left alone. What it writes in ways that readers of
Chinese do not expect is written as they do: dates with 年, 月 and 日, units as they were spoken.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher
from functools import cache

from ramospeech.errors import extra

_NUMERALS = "零〇一二三四五六七八九十百千万亿两幺"
_MAYBE = re.compile(f"[{_NUMERALS}][{_NUMERALS}点]|[{_NUMERALS}]点[{_NUMERALS}半]|分之|[{_NUMERALS}]月[{_NUMERALS}]")
# The grammar would run a date and the time of day behind it together.
_BETWEEN = re.compile(f"(?<=[{_NUMERALS}][日号])|(?=凌晨|清晨|早上|早晨|上午|中午|下午|傍晚|晚上|夜里)")
_SPOKEN_NUMBER = re.compile(f"[{_NUMERALS}点半分零负]+")
_DIGITS = re.compile(r"\d[\d.,:]*")
_UNIT = re.compile("[A-Za-z°μ²³]")


def digits(text: str) -> list[str]:
    """Return for each character of a clause what is written for it.

    The first character of a number has all of it, the others "": joined they are the text with digits.

    >>> digits("买二十个")
    ['买', '20', '', '个']
    """
    written: list[str] = []
    for part in _BETWEEN.split(text):
        written += _write(part) if _MAYBE.search(part) else list(part)
    return written


def _write(spoken: str) -> list[str]:
    written: list[str] = []
    converted = _grammar()(spoken)
    for tag, i, j, k, m in SequenceMatcher(None, spoken, converted, autojunk=False).get_opcodes():
        if tag == "equal":
            written += spoken[i:j]
        elif i == j:  # nothing was spoken for it
            written[-1:] = ["".join(written[-1:]) + converted[k:m]]
        else:
            parts = list(_as_people_write(spoken[i:j], converted[k:m]))
            assert sum(len(s) for s, _ in parts) == j - i
            for s, w in parts:
                written += [w] + [""] * (len(s) - 1)
    return written if len(written) == len(spoken) else list(spoken)


def _as_people_write(spoken: str, converted: str) -> Iterator[tuple[str, str]]:
    """Yield parts of an expression as it was spoken, and each as it is written."""
    if "月" in spoken and "/" in converted:
        yield from _date(spoken, converted)
    elif _UNIT.search(converted) and (number := _DIGITS.search(converted)):
        match = max(_SPOKEN_NUMBER.finditer(spoken), key=lambda match: len(match[0]), default=None)
        if match is None:
            yield spoken, converted
            return
        yield from ((c, c) for c in spoken[: match.start()])
        yield match[0], number[0].rstrip(".,:")
        yield from ((c, c) for c in spoken[match.end() :])
    else:
        yield spoken, converted


def _date(spoken: str, converted: str) -> Iterator[tuple[str, str]]:
    """Yield the parts of a date: 二零二四 2024, 年 年, 五 5, 月 月 ..."""
    numbers = iter(converted.split("/"))
    for part in re.findall(f"[{_NUMERALS}]+|.", spoken):
        yield part, next(numbers, part).lstrip("0") if part[0] in _NUMERALS else part


@cache
def _grammar() -> Callable[[str], str]:
    with extra("text"):
        from wetext import Normalizer

    return Normalizer(lang="zh", operator="itn").normalize


def clauses(marks: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield where the clauses of a text with these marks begin and end."""
    start = 0
    for end, mark in enumerate(marks, 1):
        if mark or end == len(marks):
            yield start, end
            start = end
