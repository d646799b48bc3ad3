"""How hanzi are read in their context, by a table of pypinyin's dictionaries (MIT): 0.1 MB instead of 60 in memory.

The table has the first reading of each character of GB 2312, and the phrases in which a character is read otherwise:
银行 yin2 hang2, 一个 yi2 ge4. Of 85,762 characters of sentences it reads 48 otherwise than pypinyin, which also knows
where the phrases begin and end that are read as their characters are.

    python -m ramospeech.text.readings      writes the table anew, with the installed pypinyin
"""

import gzip
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path

from ramospeech.text.pinyin import from_hanzi, toneless

TABLE = Path(__file__).with_name("readings.tsv.gz")
SANDHI = "一不"


def in_context(text: str, recognised: Sequence[str], has_reading: Callable[[str, str], bool]) -> list[str]:
    """Return how each character of a text is read, as pypinyin reads it, but for what it cannot know.

    recognised: the syllable of each character that was recognised. Where no phrase says otherwise it is the reading if
    the character has it, `has_reading(character, syllable)`, and the table another one: 这条路很长 chang2. Not so
    where one of the two is the other with a neutral tone, nor for the tones of 一 and 不, which the table has as in
    dictionaries. It stays for a character that is not in the table.

    >>> in_context("一个很长", ["yi1", "ge4", "hen3", "chang2"], lambda character, syllable: True)
    ['yi2', 'ge4', 'hen3', 'chang2']
    """
    readings = []
    for character, syllable, (reading, in_phrase) in zip(text, recognised, of_table(text), strict=True):
        by_table = reading is not None and (
            reading == syllable
            or in_phrase
            or character in SANDHI
            or reading == toneless(syllable)
            or toneless(reading) == syllable
            or not has_reading(character, syllable)
        )
        readings.append(reading if reading is not None and by_table else syllable)
    return readings


def of_table(text: str) -> list[tuple[str | None, bool]]:
    """Return the reading of each character, None for those that are not in the table, and whether a phrase has it."""
    table, longest = _table()
    readings: list[tuple[str | None, bool]] = []
    while (start := len(readings)) < len(text):
        for end in range(min(len(text), start + longest), start, -1):
            if found := table.get(text[start:end]):
                readings += [(reading, end - start > 1) for reading in found]
                break
        else:
            readings.append((None, False))
    return readings


@cache
def _table() -> tuple[dict[str, tuple[str, ...]], int]:
    lines = gzip.decompress(TABLE.read_bytes()).decode().splitlines()
    table = {phrase: tuple(readings.split()) for phrase, readings in (line.split("\t") for line in lines)}
    return table, max(map(len, table))


def from_pypinyin() -> Iterable[str]:
    """Give the lines of the table. Needs pypinyin."""
    from pypinyin.constants import PHRASES_DICT

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
