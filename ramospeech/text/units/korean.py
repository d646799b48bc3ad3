"""Units of Korean: Hangul syllables, and the jamo that they are written with."""

import unicodedata
from collections.abc import Sequence

from ramospeech.errors import UnitError
from ramospeech.text import hanzi
from ramospeech.text.hanzi import Normalised
from ramospeech.text.units.base import UNREADABLE, WORD_BREAK, Metric
from ramospeech.text.units.characters import CharacterUnits, is_letter, letters, words
from ramospeech.text.vocabulary import UNK_UNIT


def _without_spaces(tokens: Sequence[str], _: Sequence[str]) -> tuple[str, ...]:
    return tuple(c for c in _composed(tokens) if c != WORD_BREAK)


class HangulUnits(CharacterUnits):
    """Hangul syllables and other characters, with a unit between two words. Digits stay as they are written.

    >>> HangulUnits().from_text("안녕하세요, 3번!")
    ['안', '녕', '하', '세', '요', '▁', '3', '번']
    """

    name = "hangul"
    metrics: tuple[Metric, ...] = (
        Metric("cer", "CER", _without_spaces, recognition="CRR"),
        Metric("cer_spaces", "CER with spaces", lambda tokens, _: _composed(tokens), recognition="CRR with spaces"),
        Metric("wer", "WER", lambda tokens, _: words(tokens)),
    )

    def normalise(self, text: str) -> Normalised:
        """Return a transcript without punctuation and tags."""
        return hanzi.normalise(text, numbers=False)

    def from_normalised(self, text: Normalised) -> list[str]:
        """Return the characters of words, with a break between two."""
        return _spelled(text.words)

    def parse(self, column: str) -> list[str]:
        """Return characters, given separately or in words; raises UnitError for other tokens."""
        tokens = column.split()
        for position, token in enumerate(tokens, 1):
            if token not in (UNK_UNIT, WORD_BREAK) and not all(map(_is_written, token)):
                raise UnitError(f"token {position}: {token!r} is not a character; write Hangul and letters")
        if all(len(letters(token)) == 1 or token == UNK_UNIT for token in tokens):
            return [token if token == UNK_UNIT else letters(token) for token in tokens]
        return _spelled(tokens)

    def to_text(self, tokens: Sequence[str]) -> str:
        """Join the characters, with spaces between words."""
        shown = {WORD_BREAK: " ", UNK_UNIT: UNREADABLE}
        return unicodedata.normalize("NFC", "".join(shown.get(token, token) for token in tokens))


class JamoUnits(HangulUnits):
    """The letters of Hangul, 67 and others: initial, vowel and final of each syllable are told apart (Unicode's NFD).

    >>> units = JamoUnits()
    >>> [ascii(jamo) for jamo in units.from_text("안")]
    ["'\\\\u110b'", "'\\\\u1161'", "'\\\\u11ab'"]
    >>> units.to_text(units.from_text("안녕 하세요"))
    '안녕 하세요'
    """

    name = "jamo"
    metrics: tuple[Metric, ...] = (
        *HangulUnits.metrics,
        Metric("jer", "error of jamo", lambda tokens, _: _without_breaks(tokens)),
    )

    def from_normalised(self, text: Normalised) -> list[str]:
        """Return the jamo of words, with a break between two."""
        return _decomposed(super().from_normalised(text))

    def parse(self, column: str) -> list[str]:
        """Return jamo, of such a column, of characters or of words; raises UnitError for other tokens."""
        tokens = column.split()
        if any("\u1100" <= token <= "\u11ff" for token in tokens):
            return tokens
        return _decomposed(super().parse(column))


def is_hangul(character: str) -> bool:
    """Return whether it is a syllable or a letter of Hangul."""
    return unicodedata.name(character, "").startswith("HANGUL ")


def _is_written(character: str) -> bool:
    return is_letter(character) or character.isdecimal()


def _spelled(written: Sequence[str]) -> list[str]:
    """Characters of words, with a break between two; `<UNK>` is a word too."""
    tokens: list[str] = []
    for word in written:
        if word == WORD_BREAK:
            continue
        spelled = [word] if word == UNK_UNIT else list(letters(word))
        tokens += [WORD_BREAK, *spelled] if tokens else spelled
    return [token if token in (UNK_UNIT, WORD_BREAK) or _is_written(token) else UNK_UNIT for token in tokens]


def _decomposed(tokens: Sequence[str]) -> list[str]:
    """Replace Hangul syllables by their jamo; other characters stay whole."""
    split = (token if token == UNK_UNIT else unicodedata.normalize("NFD", token) for token in tokens)
    return [unit for token in split for unit in ([token] if token == UNK_UNIT else token)]


def _composed(tokens: Sequence[str]) -> tuple[str, ...]:
    """Put jamo together to syllables; tokens of other kinds stay."""
    marked = "".join("\0" if token == UNK_UNIT else token for token in tokens)
    return tuple(UNK_UNIT if c == "\0" else c for c in unicodedata.normalize("NFC", marked))


def _without_breaks(tokens: Sequence[str]) -> tuple[str, ...]:
    return tuple(token for token in tokens if token != WORD_BREAK)
