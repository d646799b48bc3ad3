"""Texts to align: the lines of a txt, the cues of an srt or the intervals of a TextGrid, as units with their places."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache
from pathlib import Path

from ramospeech.errors import ListError, UnitError, extra
from ramospeech.files import split_lines
from ramospeech.text import UNK_UNIT, Vocabulary, hanzi, pinyin
from ramospeech.text.encoding import read_text
from ramospeech.text.units import PinyinUnits, Units

SUFFIXES = (".txt", ".srt", ".TextGrid")
READING_COST = 2.0  # nats for a reading that pypinyin did not choose
TONE_COST = 2.0  # nats for another tone of the syllable: tones change in speech, and the model mistakes them
WILDCARD = ()  # the spellings of what no unit stands for: any sound will do

Spellings = tuple[tuple[int, float], ...]

_CLOCK = re.compile(r"\s*\d+:\d\d:\d\d[,.]\d+\s*-->\s*\d+:\d\d:\d\d[,.]\d+.*")
_MARKUP = re.compile(r"</?[a-zA-Z][^<>]*>|\{\\[^{}]*\}")
_PRAAT = re.compile(r'"((?:[^"]|"")*)"|(?<![\w\[.])(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?![\w\]:])')


@dataclass(frozen=True)
class Word:
    """A unit of the text: a character and its syllable, or a word of another script.

    line: number of its line in `lines`, from 0. column: of its first character in the line, from 1; what is read out
    of a number has the column of that number. text: as shown. label: the unit. spellings: ids of the units that may be
    spoken for it, each with its cost in nats; WILDCARD for any sound.
    """

    line: int
    column: int
    text: str
    label: str
    spellings: Spellings


@dataclass(frozen=True)
class Line:
    """A line of a txt, a cue of an srt or an interval of a TextGrid. number: in the file, from 1."""

    number: int
    text: str


def read_lines(path: str | Path) -> list[Line]:
    """Return the lines of a text by the kind of the file; a kind that is not known is read as txt.

    Times in srt and TextGrid are not used: they are what alignment finds. Raises ListError for a file that cannot be
    read, has nothing in it, or is not of its kind.
    """
    path = Path(path)
    text = read_text(path)[0]
    kind = path.suffix.lower()
    if kind == ".srt":
        lines = [Line(number, cue) for number, cue in _cues(split_lines(text, path), path)]
    elif kind == ".textgrid":
        lines = [Line(number, interval) for number, interval in enumerate(_intervals(text, path), 1)]
    else:
        lines = [Line(number, line.strip()) for number, line in enumerate(split_lines(text, path), 1)]
    lines = [line for line in lines if line.text]
    if not lines:
        raise ListError(f"{path}: it has no text; give the text of the recording")
    return lines


def words_of(lines: Sequence[Line], units: Units, vocabulary: Vocabulary, path: str | Path) -> list[Word]:
    """Return the units of all lines, in order. Raises ListError, which names the line, for what has no unit."""
    words: list[Word] = []
    for number, line in enumerate(lines):
        normalised = units.normalise(line.text)
        try:
            labels = units.from_normalised(normalised)
        except UnitError as error:
            raise ListError(f"{path}:{line.number}: {error}") from None
        written = normalised.words if len(normalised.words) == len(labels) else tuple(labels)
        columns = _columns(line.text, written)
        readable = isinstance(units, PinyinUnits)
        for text, label, column in zip(written, labels, columns, strict=True):
            spellings = _spellings(text, label, vocabulary) if readable else _exactly(label, vocabulary)
            words.append(Word(number, column, text, label, spellings))
    return words


def _exactly(label: str, vocabulary: Vocabulary) -> Spellings:
    return (
        ((vocabulary.encode([label])[0], 0.0),) if label != UNK_UNIT and not vocabulary.unknown([label]) else WILDCARD
    )


def _spellings(character: str, label: str, vocabulary: Vocabulary) -> Spellings:
    """Return the syllable, then other readings of the character, then other tones of the syllable."""
    if label == UNK_UNIT:
        return WILDCARD
    base = pinyin.toneless(label)
    costs = {label: 0.0}
    for reading in readings(character):
        costs.setdefault(reading, READING_COST)
    for other in (base, *(base + tone for tone in "1234")):
        costs.setdefault(other, TONE_COST)
    known = [(syllable, cost) for syllable, cost in costs.items() if not vocabulary.unknown([syllable])]
    return tuple((vocabulary.encode([syllable])[0], cost) for syllable, cost in known)


@lru_cache(maxsize=1 << 14)
def readings(character: str) -> tuple[str, ...]:
    """Return all readings that pypinyin's dictionary has of a character."""
    with extra("text"):
        from pypinyin import Style
        from pypinyin import pinyin as readings_of

    listed = readings_of(character, style=Style.TONE3, heteronym=True, errors="ignore")
    return tuple(dict.fromkeys(listed[0])) if listed else ()


def _columns(text: str, written: Sequence[str]) -> list[int]:
    """Return where each word begins in the text, from 1; one that is not written there has the place of the one
    before."""
    letters = "".join(written)
    positions = [0] * len(letters)
    if letters == text:
        positions = list(range(len(letters)))
    else:
        matcher = SequenceMatcher(
            None, letters, hanzi.fold(text) if len(hanzi.fold(text)) == len(text) else text, False
        )
        column = 0
        for a, b, size in matcher.get_matching_blocks():
            for offset in range(size):
                positions[a + offset] = b + offset
        known = {a + offset for a, _, size in matcher.get_matching_blocks() for offset in range(size)}
        for index in range(len(letters)):
            column = positions[index] if index in known else min(column + (index - 1 in known), max(0, len(text) - 1))
            positions[index] = column
    starts, length = [], 0
    for word in written:
        starts.append(positions[length] + 1 if length < len(positions) else len(text))
        length += len(word)
    return starts


def _cues(lines: Sequence[str], path: Path) -> Iterator[tuple[int, str]]:
    """Return (number, text) of the cues of an srt."""
    clocks = [index for index, line in enumerate(lines) if _CLOCK.fullmatch(line)]
    if not clocks:
        raise ListError(f"{path}: no cue in it (a line like 00:00:01,000 --> 00:00:02,500); is it an srt?")
    ends = [index - 1 if index and lines[index - 1].strip().isdigit() else index for index in clocks[1:]] + [len(lines)]
    for number, (begin, end) in enumerate(zip(clocks, ends, strict=True), 1):
        yield number, " ".join(_MARKUP.sub("", line).strip() for line in lines[begin + 1 : end]).strip()


def _intervals(text: str, path: Path) -> list[str]:
    """Return the texts of the first tier of intervals that has hanzi or letters, of a TextGrid in its long or short
    form."""
    if "ooTextFile" not in text[:200] or "TextGrid" not in text[:400]:
        raise ListError(f"{path}: not a TextGrid of Praat in its text form; save it with Save as text file")
    values = [
        match[1].replace('""', '"') if match[1] is not None else float(match[2]) for match in _PRAAT.finditer(text)
    ]
    tiers: list[list[str]] = []
    collecting = False
    for index, value in enumerate(values):
        if value in ("IntervalTier", "TextTier"):
            collecting = value == "IntervalTier"
            start = index + 2  # behind the name of the tier
            if collecting:
                tiers.append([])
        elif collecting and isinstance(value, str) and index >= start:
            tiers[-1].append(" ".join(value.split()))
    for tier in tiers:
        if any(hanzi.normalise(interval).tokens for interval in tier):
            return tier
    raise ListError(f"{path}: no tier of intervals with a text in it")
