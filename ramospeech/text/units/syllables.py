"""Units of Mandarin that a translator makes hanzi of: syllables, and their initials and finals."""

from collections.abc import Mapping, Sequence
from functools import cache

from ramospeech.text import parts, pinyin
from ramospeech.text.hanzi import Normalised
from ramospeech.text.units.base import Metric, Span, Units
from ramospeech.text.vocabulary import BLANK_UNIT, UNK_UNIT, Vocabulary


class PinyinUnits(Units):
    """Syllables with tones; their text is made by a translator.

    >>> PinyinUnits().from_text("你好，2个")
    ['ni3', 'hao3', 'liang3', 'ge4']
    """

    name = "pinyin"
    labels_text = False
    writes_text = False
    metrics: tuple[Metric, ...] = (
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

    def inventory(self) -> Vocabulary:
        """Return all syllables of Mandarin."""
        return Vocabulary.inventory()


class InitialsFinalsUnits(Units):
    """Initials, and finals with their tone (5 is the neutral one), 246 in all; together they are the syllables.

    A syllable without an initial is its final alone: `you3` is iou3. So is one whose parts another syllable has too
    (`yo1`, beside `o1`).

    >>> units = InitialsFinalsUnits()
    >>> units.from_text("你好吗")
    ['n', 'i3', 'h', 'ao3', 'm', 'a5']
    >>> units.spans(['n', 'i3', 'iou3'])
    [('ni3', 0, 1), ('you3', 2, 2)]
    """

    name = "initials_finals"
    labels_text = False
    writes_text = False
    composed = True
    metrics: tuple[Metric, ...] = (
        Metric("ser", "SER", lambda tokens, characters: _syllables(tokens)),
        Metric(
            "ser_toneless", "SER toneless", lambda tokens, characters: tuple(map(pinyin.toneless, _syllables(tokens)))
        ),
        Metric("per", "error of initials and finals", lambda tokens, characters: tuple(tokens)),
        Metric("cer", "CER", lambda tokens, characters: tuple(characters), of_text=True, optional=True),
    )

    def from_normalised(self, text: Normalised) -> list[str]:
        """Return the parts of the syllable of each character; `<UNK>` for a word of another script."""
        return _split(pinyin.from_hanzi(text.tokens))

    def parse(self, column: str) -> list[str]:
        """Return initials and finals, of such a column or of one of syllables in any spelling."""
        tokens = column.split()
        if all(token in _parts() for token in tokens):
            return tokens
        return _split(pinyin.parse(column))

    def to_text(self, tokens: Sequence[str]) -> str:
        """Return "": syllables need a translator."""
        return ""

    def spans(self, tokens: Sequence[str]) -> list[Span]:
        """Return the syllables; `<UNK>` for an initial and a final that make none, and for an initial alone."""
        spans: list[Span] = []
        number = 0
        while number < len(tokens):
            token, following = tokens[number], tokens[number + 1 : number + 2]
            if token in parts.INITIALS and following and following[0][-1:].isdigit():
                spans.append((syllable(token, following[0]) or UNK_UNIT, number, number + 1))
                number += 2
            else:
                alone = token if token in _pairs() else syllable("", token)
                spans.append((alone or UNK_UNIT, number, number))
                number += 1
        return spans

    def inventory(self) -> Vocabulary:
        """Return the parts of all syllables of Mandarin."""
        return Vocabulary([BLANK_UNIT, UNK_UNIT, *sorted(_parts() - {UNK_UNIT})])


def syllable(initial: str, final: str) -> str | None:
    """Return the syllable of an initial ("" for none) and a final with its tone; None for no syllable.

    >>> syllable("zh", "uang4"), syllable("", "iou5"), syllable("f", "i1")
    ('zhuang4', 'you', None)
    """
    return _whole().get((initial, final))


@cache
def _pairs() -> dict[str, tuple[str, ...]]:
    """Return the one or two units of each syllable."""
    pairs: dict[str, tuple[str, ...]] = {}
    taken: set[tuple[str, ...]] = set()
    for each in Vocabulary.inventory().units[2:]:
        initial, final, tone = parts.split(each)
        units: tuple[str, ...] = (final + tone,) if initial == parts.ZERO else (initial, final + tone)
        if units in taken:
            units = (pinyin.toneless(each) + tone,)
        taken.add(units)
        pairs[each] = units
    return pairs


@cache
def _whole() -> dict[tuple[str, str], str]:
    return {(units[0] if len(units) == 2 else "", units[-1]): each for each, units in _pairs().items()}


@cache
def _parts() -> frozenset[str]:
    return frozenset(unit for units in _pairs().values() for unit in units) | {UNK_UNIT}


def _split(syllables: Sequence[str]) -> list[str]:
    return [unit for each in syllables for unit in _pairs().get(each, (each,))]


def _syllables(tokens: Sequence[str]) -> tuple[str, ...]:
    return tuple(item for item, _, _ in InitialsFinalsUnits().spans(tokens))
