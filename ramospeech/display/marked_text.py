"""Punctuated text as people write it, read as the spoken characters and the mark behind each."""

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from ramospeech.display.model_file import MARKS
from ramospeech.text.hanzi import normalise

_HAN = "[\u3400-\u4dbf\u4e00-\u9fff]"
_ASCII = re.compile(rf"(?<={_HAN})[,;:?!]|(?<={_HAN})\.(?=\s|$)")
_FULL_WIDTH = str.maketrans(",;:?!.", "，；：？！。")
_MARK = re.compile("[，。？！、；：…—]+")
_AS = str.maketrans("；：…—", "，，。，")
_STRENGTH = {mark: strength for strength, mark in enumerate(("", "、", "，", "。", "！", "？"))}


def read_marked(line: str) -> Iterator[tuple[str, str]]:
    """Yield each spoken character or word of a line with the mark of MARKS behind it, "" for none.

    Digits and symbols are read out (`ramospeech.text.hanzi`), a semicolon, a colon and a dash count as a comma, dots as
    a full stop; of several marks the strongest is taken, and marks before the first character are dropped.

    >>> list(read_marked("买了3个。好吗？！"))
    [('买', ''), ('了', ''), ('三', ''), ('个', '。'), ('好', ''), ('吗', '？')]
    """
    line = _ASCII.sub(lambda match: match[0].translate(_FULL_WIDTH), line)
    ends = [0, *(match.end() for match in _MARK.finditer(line)), len(line)]
    tokens: list[str] = []
    marks: list[str] = []
    for start, end in pairwise(ends):
        clause = _MARK.sub("", line[start:end])
        spoken = normalise(clause).tokens
        tokens += spoken
        marks += [""] * len(spoken)
        found = _MARK.search(line, start, end)
        if found and marks:
            marks[-1] = strongest([marks[-1], *found[0].translate(_AS)])
    yield from zip(tokens, marks, strict=True)


def strongest(marks: Iterable[str]) -> str:
    """Return the mark that says most: ？ before ！, 。, ，, 、 and none."""
    return max(marks, key=_STRENGTH.__getitem__)


MARK_IDS = {mark: number for number, mark in enumerate(MARKS)}
