"""The output units of a model: `Units` turn transcripts into tokens and tokens into text.

`ramospeech units LIST... --output units.txt` makes a unit list of what lists hold: the blank, `<UNK>`
and every token, sorted. Of AISHELL-1's and THCHS-30's train lists these are the 1,215 units of the original network.
"""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ramospeech import errors
from ramospeech.cli import Parser, count
from ramospeech.errors import ListError, UnitError
from ramospeech.files import list_lines
from ramospeech.text import hanzi, parts, pinyin
from ramospeech.text.hanzi import Normalised
from ramospeech.text.vocabulary import BLANK_UNIT, UNK_UNIT, Vocabulary

WORD_BREAK = "▁"  # the unit between two words of letters, which are written apart
_UNREADABLE = "□"  # what `<UNK>` is in a text


@dataclass(frozen=True)
class Metric:
    """An error rate: its name (`ser`), its title (`SER`), and the items that are compared, of (tokens, characters).

    characters: of the normalised text, as `hanzi.normalise(text).tokens`; only metrics `of_text` look at them.
    optional: left out where the references have nothing to compare.
    """

    name: str
    title: str
    items: Callable[[Sequence[str], Sequence[str]], tuple[str, ...]]
    of_text: bool = False
    optional: bool = False


class Units(Protocol):
    """A kind of units. `name` is saved in the model file; `labels_text` says whether lists are labelled by their text.

    `metrics` are the error rates that judge a model of these units, the one that decides first.
    """

    name: str
    labels_text: bool
    metrics: tuple[Metric, ...]

    def from_normalised(self, text: Normalised) -> list[str]:
        """Return the tokens of a normalised transcript; raises UnitError for what has none."""
        ...

    def parse(self, column: str) -> list[str]:
        """Return the tokens that a list line has, separated by spaces; raises UnitError."""
        ...

    def to_text(self, tokens: Sequence[str]) -> str:
        """Return the text of tokens; "" where a translator is needed for it."""
        ...

    def parts(self, token: str) -> Mapping[str, str]:
        """Return the parts of a token, for reports and for layers that share weights; empty if it has none."""
        ...

    def from_text(self, text: str) -> list[str]:
        """Return the tokens of a transcript as people write it; raises UnitError."""
        return self.from_normalised(hanzi.normalise(text))


class PinyinUnits(Units):
    """Syllables with tones; their text is made by a translator.

    >>> PinyinUnits().from_text("你好，2个")
    ['ni3', 'hao3', 'liang3', 'ge4']
    """

    name = "pinyin"
    labels_text = False
    metrics = (
        Metric("ser", "SER", lambda tokens, characters: tuple(tokens)),
        Metric("ser_toneless", "SER toneless", lambda tokens, characters: tuple(map(pinyin.toneless, tokens))),
        Metric("cer", "CER", lambda tokens, characters: tuple(characters), of_text=True, optional=True),
    )

    def from_normalised(self, text: Normalised) -> list[str]:
        """Return one syllable per character, by pypinyin; `<UNK>` for a word of another script."""
        return pinyin.from_hanzi(text.tokens)

    def parse(self, column: str) -> list[str]:
        """Return syllables of any spelling, as `pinyin.parse`."""
        return pinyin.parse(column)

    def to_text(self, tokens: Sequence[str]) -> str:
        """Return "": syllables need a translator."""
        return ""

    def parts(self, token: str) -> Mapping[str, str]:
        """Initial, final and tone."""
        return parts.split(token)._asdict()


class CharacterUnits(Units):
    """Hanzi, and the letters of words in other scripts, with a unit between two words of letters.

    >>> CharacterUnits().from_text("打开iPad Pro，3个")
    ['打', '开', 'i', 'p', 'a', 'd', '▁', 'p', 'r', 'o', '三', '个']
    >>> CharacterUnits().to_text(['h', 'i', '▁', 'y', 'o', '你'])
    'hi yo你'
    """

    name = "characters"
    labels_text = True
    metrics = (
        Metric("cer", "CER", lambda tokens, characters: tuple(tokens)),
        Metric("cer_hanzi", "CER of hanzi", lambda tokens, characters: tuple(filter(_is_hanzi, tokens)), optional=True),
        Metric("wer", "WER of Latin words", lambda tokens, characters: words(tokens), optional=True),
    )

    def from_normalised(self, text: Normalised) -> list[str]:
        """Return hanzi, and the letters of each word without case and accents; numbers have been read out in
        Chinese."""
        return _spelled(text.words)

    def parse(self, column: str) -> list[str]:
        """Return characters, given separately or in words; raises UnitError for other tokens than letters and hanzi."""
        tokens = column.split()
        for position, token in enumerate(tokens, 1):
            if token not in (UNK_UNIT, WORD_BREAK) and not all(map(_is_letter, token)):
                raise UnitError(f"token {position}: {token!r} is not a character; write hanzi and letters")
        if all(len(token) == 1 or token == UNK_UNIT for token in tokens):
            return [token if token == UNK_UNIT else _letters(token) for token in tokens]
        return _spelled(tokens)

    def to_text(self, tokens: Sequence[str]) -> str:
        """Join the characters, with spaces between words of letters."""
        shown = {WORD_BREAK: " ", UNK_UNIT: _UNREADABLE}
        return "".join(shown.get(token, token) for token in tokens)

    def parts(self, token: str) -> Mapping[str, str]:
        """Return nothing: characters have no parts."""
        return {}


UNITS: dict[str, Units] = {units.name: units for units in (PinyinUnits(), CharacterUnits())}


def units_named(name: str) -> Units:
    """Return the units of that name; raises UnitError, which tells the names there are."""
    if name not in UNITS:
        raise UnitError(f"unknown units {name!r}; choose one of {', '.join(UNITS)}")
    return UNITS[name]


def words(tokens: Sequence[str]) -> tuple[str, ...]:
    """Return the words of letters among characters; hanzi are none.

    >>> words(['打', '开', 'a', 'p', 'p', '▁', 'o', 'k', '吧'])
    ('app', 'ok')
    """
    marked = (" " if token in (WORD_BREAK, UNK_UNIT) or _is_hanzi(token) else token for token in tokens)
    return tuple("".join(marked).split())


def word_spans(tokens: Sequence[str]) -> list[tuple[str, int, int]]:
    """Return hanzi, and words of letters as one, with the numbers of the first and the last of their tokens.

    >>> word_spans(['打', 'a', 'p', 'p', '▁', 'o', 'k'])
    [('打', 0, 0), ('app', 1, 3), ('ok', 5, 6)]
    """
    spans: list[tuple[str, int, int]] = []
    in_word = False
    for number, token in enumerate(tokens):
        is_letter = token not in (WORD_BREAK, UNK_UNIT) and not _is_hanzi(token)
        if is_letter and in_word:
            word, first, _ = spans[-1]
            spans[-1] = word + token, first, number
        elif token != WORD_BREAK:
            spans.append((_UNREADABLE if token == UNK_UNIT else token, number, number))
        in_word = is_letter
    return spans


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
    return len(character) == 1 and _is_letter(character) and not _is_hanzi(character)


def vocabulary_of(labels: Iterable[Sequence[str]], min_count: int = 1) -> Vocabulary:
    """Return the blank, `<UNK>`, and every token that occurs at least `min_count` times, sorted."""
    counts = Counter(token for label in labels for token in label)
    found = sorted(token for token, count in counts.items() if count >= min_count and token != UNK_UNIT)
    return Vocabulary([BLANK_UNIT, UNK_UNIT, *found])


def labels_of(path: Path, units: Units) -> Iterator[list[str]]:
    """Yield the tokens of each line of a list; raises ListError, which names the file and line."""
    for number, line in enumerate(list_lines(path), 1):
        if not line.strip():
            continue
        columns = line.split("\t")
        if len(columns) not in (3, 4):
            raise ListError(f"{path}:{number}: {len(columns)} columns, not 3 or 4; write path, tokens and text")
        try:
            yield units.from_text(columns[2]) if units.labels_text else units.parse(columns[1])
        except UnitError as error:
            raise ListError(f"{path}:{number}: {error}") from None


def _spelled(tokens: Iterable[str]) -> list[str]:
    """Characters of hanzi and words, with a break between two words."""
    spelled: list[str] = []
    after_word = False
    for token in tokens:
        is_word = token not in (UNK_UNIT, WORD_BREAK) and not all(map(_is_hanzi, token))
        if is_word and after_word:
            spelled.append(WORD_BREAK)
        letters = _letters(token) if is_word else token
        spelled += [token] if token in (UNK_UNIT, WORD_BREAK) or not letters.strip() else letters
        after_word = is_word
    return [token if token in (UNK_UNIT, WORD_BREAK) or _is_letter(token) else UNK_UNIT for token in spelled]


def _letters(word: str) -> str:
    """Lower case without accents, composed again where a script needs it (Hangul)."""
    split = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", word).lower())
    latin = (c for c in split if not "\u0300" <= c <= "\u036f")
    return unicodedata.normalize("NFC", "".join(latin)).replace("’", "'")


def _is_hanzi(token: str) -> bool:
    return bool(token) and hanzi.is_hanzi(token)


def _is_letter(character: str) -> bool:
    return character in "'’" or unicodedata.category(character)[0] in "LM"


@errors.program
def main(argv: Sequence[str] | None = None) -> None:
    """Entry point; prints how many units were found."""
    parser = Parser(description=(__doc__ or "").split("\n\n")[1])
    parser.add_argument("lists", type=Path, nargs="+", metavar="LIST", help="lists of utterances whose units are taken")
    parser.add_argument("--units", choices=UNITS, default="pinyin", help="kind of units")
    parser.add_argument("--min_count", type=count, default=1, help="leave out units that occur less often")
    parser.add_argument("--output", type=Path, required=True, help="the file to write, one unit per line")
    args = parser.parse_args(argv)
    units = units_named(args.units)
    vocabulary = vocabulary_of((label for path in args.lists for label in labels_of(path, units)), args.min_count)
    if len(vocabulary) < 3:
        raise ListError(f"{', '.join(map(str, args.lists))}: no label; nothing was written")
    vocabulary.save(args.output)
    print(f"{args.output}: {len(vocabulary)} units")


if __name__ == "__main__":
    raise SystemExit(main())
