"""Units that are the text itself: hanzi, and the letters of other scripts."""

import unicodedata
from collections.abc import Iterable, Sequence

from ramospeech.errors import UnitError
from ramospeech.text import hanzi
from ramospeech.text.hanzi import Normalised
from ramospeech.text.units.base import UNREADABLE, WORD_BREAK, Metric, Span, Units
from ramospeech.text.vocabulary import UNK_UNIT


class CharacterUnits(Units):
    """Hanzi, and the letters of words in other scripts, with a unit between two words of letters.

    >>> CharacterUnits().from_text("打开iPad Pro，3个")
    ['打', '开', 'i', 'p', 'a', 'd', '▁', 'p', 'r', 'o', '三', '个']
    >>> CharacterUnits().to_text(['h', 'i', '▁', 'y', 'o', '你'])
    'hi yo你'
    """

    name = "characters"
    labels_text = True
    writes_text = True
    metrics: tuple[Metric, ...] = (
        Metric("cer", "CER", lambda tokens, characters: tuple(tokens)),
        Metric("cer_hanzi", "CER of hanzi", lambda tokens, characters: tuple(filter(is_hanzi, tokens)), optional=True),
        Metric("wer", "WER of Latin words", lambda tokens, characters: words(tokens), optional=True),
    )

    def from_normalised(self, text: Normalised) -> list[str]:
        """Return hanzi, and the letters of each word without case and accents; numbers have been read out in
        Chinese."""
        return spelled(text.words)

    def parse(self, column: str) -> list[str]:
        """Return characters, given separately or in words; raises UnitError for other tokens than letters and hanzi."""
        tokens = column.split()
        for position, token in enumerate(tokens, 1):
            if token not in (UNK_UNIT, WORD_BREAK) and not all(map(is_letter, token)):
                raise UnitError(f"token {position}: {token!r} is not a character; write hanzi and letters")
        if all(len(token) == 1 or token == UNK_UNIT for token in tokens):
            return [token if token == UNK_UNIT else letters(token) for token in tokens]
        return spelled(tokens)

    def to_text(self, tokens: Sequence[str]) -> str:
        """Join the characters, with spaces between words of letters."""
        shown = {WORD_BREAK: " ", UNK_UNIT: UNREADABLE}
        return "".join(shown.get(token, token) for token in tokens)

    def spans(self, tokens: Sequence[str]) -> list[Span]:
        """Return hanzi, and words of letters."""
        return word_spans(tokens)

    def normalise(self, text: str) -> Normalised:
        """Return a transcript without punctuation and tags; its digits are read out in Chinese unless it has letters
        and no hanzi."""
        return hanzi.normalise(text, numbers=not spells_only(text))


def words(tokens: Sequence[str]) -> tuple[str, ...]:
    """Return the words of letters among characters; hanzi are none.

    >>> words(['打', '开', 'a', 'p', 'p', '▁', 'o', 'k', '吧'])
    ('app', 'ok')
    """
    marked = (" " if token == UNK_UNIT or is_hanzi(token) else token.replace(WORD_BREAK, " ") for token in tokens)
    return tuple(unicodedata.normalize("NFC", "".join(marked)).split())


def word_spans(tokens: Sequence[str]) -> list[Span]:
    """Return hanzi, and words of letters as one, with the numbers of the first and the last of their tokens.

    Tokens are letters, with breaks between two words, or pieces, of which the first of a word begins with a break.

    >>> word_spans(['打', 'a', 'p', 'p', '▁', 'o', 'k'])
    [('打', 0, 0), ('app', 1, 3), ('ok', 5, 6)]
    >>> word_spans(['▁he', 'llo', '▁you'])
    [('hello', 0, 1), ('you', 2, 2)]
    """
    spans: list[Span] = []
    in_word = False
    for number, token in enumerate(tokens):
        shown = UNREADABLE if token == UNK_UNIT else token.removeprefix(WORD_BREAK)
        is_word = shown != "" and token != UNK_UNIT and not is_hanzi(token)
        if is_word and in_word and shown == token:
            word, first, _ = spans[-1]
            spans[-1] = word + token, first, number
        elif shown:
            spans.append((shown, number, number))
        in_word = is_word
    return [(unicodedata.normalize("NFC", word), first, last) for word, first, last in spans]


def spaced(written: Iterable[str]) -> str:
    """Return hanzi and words in a row, with a space between two words.

    >>> spaced(['打', 'app', 'ok', '吧'])
    '打app ok吧'
    """
    text = ""
    for word in written:
        text += f" {word}" if spells(text[-1:]) and spells(word[:1]) else word
    return text


def spells(character: str) -> bool:
    """Return whether it is a letter that words are written with; hanzi are not."""
    return len(character) == 1 and is_letter(character) and not is_hanzi(character)


def spells_only(text: str) -> bool:
    """Return whether a text has letters and no hanzi."""
    return any(map(is_letter, text)) and not any(map(is_hanzi, text))


def spelled(tokens: Iterable[str]) -> list[str]:
    """Characters of hanzi and words, with a break between two words."""
    found: list[str] = []
    after_word = False
    for token in tokens:
        is_word = token not in (UNK_UNIT, WORD_BREAK) and not all(map(is_hanzi, token))
        if is_word and after_word:
            found.append(WORD_BREAK)
        written = letters(token) if is_word else token
        found += [token] if token in (UNK_UNIT, WORD_BREAK) or not written.strip() else written
        after_word = is_word
    return [token if token in (UNK_UNIT, WORD_BREAK) or is_letter(token) else UNK_UNIT for token in found]


def letters(word: str) -> str:
    """Lower case without accents, composed again where a script needs it (Hangul)."""
    split = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", word).lower())
    latin = (c for c in split if not "\u0300" <= c <= "\u036f")
    return unicodedata.normalize("NFC", "".join(latin)).replace("’", "'")


def is_hanzi(token: str) -> bool:
    """Return whether a token is hanzi only, and not empty."""
    return bool(token) and hanzi.is_hanzi(token)


def is_letter(character: str) -> bool:
    """Return whether a character is a letter, a mark on one, or an apostrophe."""
    return character in "'’" or unicodedata.category(character)[0] in "LM"
