"""Files of hotwords: one phrase a line, in hanzi or pinyin, made into the syllables that `ctc_decode.Hotwords` takes.

北京大学
肖战<TAB>8
wei1 ruan3<TAB>6.5
"""

import math
from itertools import chain, product
from pathlib import Path

from ctc_decode.hotwords import BOOST
from ramospeech.errors import ListError, UnitError
from ramospeech.text import hanzi, pinyin
from ramospeech.text.vocabulary import UNK_UNIT

_MOST_READINGS = 16


def read_hotwords(path: str | Path, boost: float = BOOST) -> dict[str, float]:
    """Phrases, as syllables with spaces between them, and their boosts, from lines `phrase[<TAB>boost]`.

    A line without a boost gets `boost` (natural log, of a whole phrase). Empty lines are skipped. Hanzi are taken in
    every reading that the phrase may have, see `phrase_readings`. Raises ListError, which names the file and line.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except FileNotFoundError:
        raise ListError(f"{path}: no such file; give a file with one hotword a line") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ListError(f"{path}: cannot be read as hotwords in UTF-8: {error}") from None
    phrases: dict[str, float] = {}
    for number, line in enumerate(lines, 1):
        phrase, *rest = line.split("\t")
        if not line.strip():
            continue
        try:
            gain = _boost(rest) if rest else boost
            for reading in phrase_readings(phrase):
                key = " ".join(reading)
                phrases[key] = max(gain, phrases.get(key, gain))
        except UnitError as error:
            raise ListError(f"{path}:{number}: {error}") from None
    return phrases


def phrase_readings(phrase: str) -> list[tuple[str, ...]]:
    """The pinyin of a phrase, written in hanzi or pinyin.

    Where a word is in pypinyin's dictionary of phrases its reading is that one; of another each polyphone is taken in
    all its readings, as no one knows how a name is said, unless these combine to more than 16: then in the common one.

    >>> phrase_readings("银行"), phrase_readings("ni3 hao3")
    ([('yin2', 'hang2')], [('ni3', 'hao3')])
    >>> len(phrase_readings("单田芳"))
    3

    Raises UnitError for what is neither, and for a phrase with Latin words.
    """
    try:
        syllables = pinyin.parse(phrase)
    except UnitError:
        return _hanzi_readings(phrase)
    if not syllables or UNK_UNIT in syllables:
        raise UnitError(f"{phrase!r} is no hotword; write hanzi or pinyin (bei3 jing1)")
    return [tuple(syllables)]


def _hanzi_readings(phrase: str) -> list[tuple[str, ...]]:
    normalised = hanzi.normalise(phrase)
    if normalised.unknown or not normalised.text:
        raise UnitError(
            f"{phrase!r} is no hotword; write hanzi only, with Latin words left out, or pinyin (bei3 jing1)"
        )
    common = tuple(pinyin.from_hanzi(normalised.tokens))
    from pypinyin import Style  # 60 MB that transcribing without hotwords never needs
    from pypinyin import pinyin as readings_of

    choices = readings_of(normalised.text, style=Style.TONE3, heteronym=True)
    if math.prod(map(len, choices)) > _MOST_READINGS:
        return [common]
    return list(dict.fromkeys(chain([common], product(*choices))))


def _boost(columns: list[str]) -> float:
    try:
        (text,) = columns
        gain = float(text)
    except ValueError:
        raise UnitError(f"{' '.join(columns)!r} is no boost; a line is phrase<TAB>boost, or the phrase alone") from None
    if not (math.isfinite(gain) and gain > 0):
        raise UnitError(f"the boost is {text}; it must be positive")
    return gain
