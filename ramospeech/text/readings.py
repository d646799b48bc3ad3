"""How hanzi are read in their context: as pypinyin reads them, by a table of 0.1 MB where that takes 60 MB of memory.

The table has the first reading of each character of GB 2312, and the phrases of pypinyin (MIT) in which a character is
read otherwise: 长大 zhang3 da4, 一个 yi2 ge4. Of 85,762 characters of sentences 48 are read otherwise than by pypinyin,
which also knows where the phrases begin and end that are read as their characters are.

    python -m ramospeech.text.readings      writes the table anew, with the installed pypinyin
"""

import gzip
from collections.abc import Iterable
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_name("readings.tsv.gz")


def in_context(text: str) -> list[str | None]:
    """Return the reading of each character of a text, None for those that are not in the table.

    >>> in_context("他长大了, 一个")
    ['ta1', 'zhang3', 'da4', 'le', None, None, 'yi2', 'ge4']
    """
    table, longest = _table()
    readings: list[str | None] = []
    while (start := len(readings)) < len(text):
        for end in range(min(len(text), start + longest), start, -1):
            if found := table.get(text[start:end]):
                readings += found
                break
        else:
            readings.append(None)
    return readings


@cache
def _table() -> tuple[dict[str, tuple[str, ...]], int]:
    lines = gzip.decompress(TABLE.read_bytes()).decode().splitlines()
    table = {phrase: tuple(readings.split()) for phrase, readings in (line.split("\t") for line in lines)}
    return table, max(map(len, table))


def from_pypinyin() -> Iterable[str]:
    """Give the lines of the table. Needs pypinyin."""
    from pypinyin.constants import PHRASES_DICT

    from ramospeech.text.pinyin import from_hanzi

    first = {}
    for row in range(0xB0, 0xF8):
        for cell in range(0xA1, 0xFF):
            character = bytes((row, cell)).decode("gb2312", "ignore")
            if character:
                [first[character]] = from_hanzi(character)
    yield from (f"{character}\t{reading}" for character, reading in sorted(first.items()))
    for phrase in sorted(PHRASES_DICT):
        if len(phrase) > 1 and first.keys() >= set(phrase):
            readings = from_hanzi(phrase)
            if readings != [first[character] for character in phrase]:
                yield f"{phrase}\t{' '.join(readings)}"


if __name__ == "__main__":
    TABLE.write_bytes(gzip.compress("\n".join(from_pypinyin()).encode(), 9, mtime=0))
