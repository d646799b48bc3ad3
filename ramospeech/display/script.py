"""Simplified and traditional characters, by OpenCC."""

from collections.abc import Callable
from functools import cache

from ramospeech.errors import extra

SCRIPTS = {"simplified": "t2s", "traditional": "s2t"}


def convert(parts: list[str], script: str) -> list[str]:
    """Return the parts of a text in a script of SCRIPTS; phrases that run over several parts count.

    >>> convert(["头", "发", "，", "发", "展"], "traditional")
    ['頭', '髮', '，', '發', '展']
    """
    text = _converter(script)("".join(parts))
    if len(text) != sum(map(len, parts)):  # a phrase of another length: none in OpenCC's tables for these two
        return [_converter(script)(part) for part in parts]
    converted, start = [], 0
    for part in parts:
        converted.append(text[start : start + len(part)])
        start += len(part)
    return converted


@cache
def _converter(script: str) -> Callable[[str], str]:
    with extra("text"):
        from opencc import OpenCC

    return OpenCC(SCRIPTS[script]).convert
