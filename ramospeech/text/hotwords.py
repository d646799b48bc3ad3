"""Hotword files: one phrase per line, in hanzi or pinyin, converted to the syllables that `ctc_decode.Hotwords` takes.

北京大学
肖战<TAB>8
阿里巴巴 20
wei1 ruan3<TAB>6.5
"""

import math
import re
from collections.abc import Iterable
from itertools import chain, product
from pathlib import Path

from ctc_decode.hotwords import BOOST
from ramospeech.errors import ListError, UnitError, UsageError, extra
from ramospeech.files import split_lines
from ramospeech.text import hanzi, pinyin
from ramospeech.text.encoding import read_text
from ramospeech.text.units import UNITS
from ramospeech.text.vocabulary import UNK_UNIT

_MAX_READINGS = 16
_MAX_BOOST = 100.0
_NUMBER = re.compile(r"[-+]?(?:\d+[.,]?\d*|[.,]\d+|nan|inf)(?:[eE][-+]?\d+)?%?", re.IGNORECASE)
_SEVERAL = re.compile(r"\w\s*[,，;；、|]\s*\w")
_JOINED = re.compile(
    r"[:：=,，;；|/、\"'()（）{}\[\]~*^@-]\s*[-+]?\d+(?:\.\d+)?\W*$"
)  # a boost that follows neither a tab nor a space


class HotwordReadings(dict[str, float]):
    """Phrases, as syllables separated by spaces, -> boosts; the input of `ctc_decode.Hotwords`.

    hanzi: syllables -> hanzi to write, of phrases that were given in hanzi; of homophones the first one.
    written: each phrase as it was given -> boost, for models of characters.
    """

    def __init__(self) -> None:
        super().__init__()
        self.hanzi: dict[str, str] = {}
        self.written: dict[str, float] = {}

    def add(self, phrase: str, boost: float = BOOST) -> None:
        """Add every reading of a phrase in hanzi or pinyin. Raises UnitError if it is neither."""
        written = hanzi.normalise(phrase).text
        given = written if any(map(hanzi.is_hanzi, phrase)) else phrase
        self.written[given] = max(boost, self.written.get(given, boost))
        for reading in phrase_readings(phrase):
            key = " ".join(reading)
            self[key] = max(boost, self.get(key, boost))
            if len(written) == len(reading):
                self.hanzi.setdefault(key, written)


def read_hotwords(path: str | Path, boost: float = BOOST) -> HotwordReadings:
    """Read phrases, as syllables separated by spaces, and their boosts from lines `phrase[<TAB>boost]`.

    The boost (natural log, of a whole phrase) may follow a space instead, as in FunASR's files; a line without one
    gets `boost`. Empty lines and lines that begin with # are skipped. A phrase in hanzi is added in every reading,
    see `phrase_readings`. Raises ListError, which names the file and line.
    """
    if not Path(path).exists():
        raise ListError(f"{path}: no such file; give a file with one hotword per line")
    phrases = HotwordReadings()
    first: dict[str, tuple[int, float]] = {}
    for number, line in enumerate(split_lines(read_text(path)[0], path), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            phrase, given = _columns(line)
            gain = boost if given is None else _boost(given)
            earlier, before = first.setdefault(phrase, (number, gain))
            if before != gain:
                raise UnitError(f"{phrase!r} has the boost {gain:g} here and {before:g} on line {earlier}; keep one")
            phrases.add(phrase, gain)
        except UnitError as error:
            raise ListError(f"{path}:{number}: {error}") from None
    return phrases


def collect_hotwords(path: str | Path | None, phrases: Iterable[str]) -> HotwordReadings:
    """Return the phrases of a file and of a command line. Raises ListError for the file, UsageError for one of the
    others."""
    readings = read_hotwords(path) if path else HotwordReadings()
    for phrase in phrases:
        try:
            readings.add(phrase)
        except UnitError as error:
            raise UsageError(f"--hotword {phrase}: {error}") from None
    return readings


def in_characters(hotwords: HotwordReadings) -> dict[str, float]:
    """Return hotwords for a model of characters: their characters, separated by spaces, -> boosts.

    Raises UsageError for one in pinyin.
    """
    phrases = {}
    for phrase, boost in hotwords.written.items():
        if not any(map(hanzi.is_hanzi, phrase)):
            raise UsageError(f"hotword {phrase}: the model writes characters; give the phrase in hanzi")
        phrases[" ".join(UNITS["characters"].from_text(phrase))] = boost
    return phrases


def in_parts(hotwords: HotwordReadings) -> dict[str, float]:
    """Return hotwords for a model of initials and finals: these, separated by spaces, -> boosts."""
    return {" ".join(UNITS["initials_finals"].parse(phrase)): boost for phrase, boost in hotwords.items()}


def _columns(line: str) -> tuple[str, str | None]:
    """Return the phrase of a line and its boost as written; raises UnitError for other forms."""
    line = hanzi.fold(line)
    phrase, *rest = (column.strip() for column in line.split("\t"))
    rest = [column for column in rest if column]
    if not rest and len(words := phrase.split()) > 1 and _NUMBER.fullmatch(words[-1]):
        phrase, rest = phrase[: -len(words[-1])].rstrip(), [words[-1]]
    if _JOINED.search(phrase) or any(map(_NUMBER.fullmatch, phrase.split())):
        raise UnitError(f"{line.strip()!r} is not a phrase with a boost; write phrase<TAB>boost, or the phrase alone")
    if _SEVERAL.search(phrase):
        raise UnitError(f"{line.strip()!r} is several phrases; write one per line")
    return phrase, " ".join(rest) if rest else None


def phrase_readings(phrase: str) -> list[tuple[str, ...]]:
    """Return the readings of a phrase in hanzi or pinyin, as syllables.

    A word in pypinyin's phrase dictionary has that reading; in other words each polyphone is taken in all its readings,
    since the pronunciation of a name is unknown, or in the common one if more than 16 combinations result.

    >>> phrase_readings("银行"), phrase_readings("ni3 hao3")
    ([('yin2', 'hang2')], [('ni3', 'hao3')])
    >>> len(phrase_readings("单田芳"))
    3

    Raises UnitError if the phrase is neither, or has Latin words.
    """
    try:
        syllables = pinyin.parse(phrase)
    except UnitError:
        return _hanzi_readings(phrase)
    if not syllables or UNK_UNIT in syllables:
        raise UnitError(f"{phrase!r} is not a hotword; write hanzi or pinyin (bei3 jing1)")
    return [tuple(syllables)]


def _hanzi_readings(phrase: str) -> list[tuple[str, ...]]:
    normalised = hanzi.normalise(phrase)
    if normalised.unknown or not normalised.text:
        raise UnitError(
            f"{phrase!r} is not a hotword; write hanzi only, with Latin words left out, or pinyin (bei3 jing1)"
        )
    common = tuple(pinyin.from_hanzi(normalised.tokens))
    with extra("text"):
        from pypinyin import Style  # 60 MB, which transcribing without hotwords does not need
        from pypinyin import pinyin as readings_of

    choices = readings_of(normalised.text, style=Style.TONE3, heteronym=True)
    if math.prod(map(len, choices)) > _MAX_READINGS:
        return [common]
    return list(dict.fromkeys(chain([common], product(*choices))))


def _boost(text: str) -> float:
    try:
        gain = float(text)
    except ValueError:
        raise UnitError(f"{text!r} is not a boost; a line is phrase<TAB>boost, or the phrase alone") from None
    if not (math.isfinite(gain) and gain > 0):
        raise UnitError(f"the boost is {text}; it must be positive")
    if gain > _MAX_BOOST:
        raise UnitError(f"the boost is {text}, more than {_MAX_BOOST:g}; 3 to 20 is usual, as it is a natural log")
    return gain
