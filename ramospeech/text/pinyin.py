"""Parse pinyin in all common spellings to pypinyin's `Style.TONE3`: `ni3 hao3`, v for ü, no digit for the neutral tone.

Also accepted: `5` and `0` for the neutral tone, tone marks (`nǐ`, composed or not), ü as `ü`, `v`, `u:` or `yu`
(`lyu4`), upper case, full-width letters, syllables run together (`ni3hao3`, `nǐhǎo`, `xi1'an1`). Punctuation at the
ends of syllables is dropped. Tones are kept as written, also those of sandhi (`ni2 hao3`, `yi2 ge4`).

Erhua becomes a syllable of its own, `er2`, as pypinyin reads 儿: `huar1` and `hua1 r5` are `hua1 er2`. So hanzi and
syllables stay one to one.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache
from itertools import chain, groupby

from ramospeech.errors import UnitError, extra
from ramospeech.text.vocabulary import UNK_UNIT, Vocabulary

_MARKS = {"\u0304": "1", "\u0301": "2", "\u030c": "3", "\u0306": "3", "\u0300": "4"}  # a breve is often meant as 3
_VOWELS = tuple("aeiouvê")
_LONGEST = 7  # letters of a syllable: zhuangr
_SEPARATORS = re.compile("['’`‘ʼ‐‑–—,;!?、。，；！？…·-]")
_PUNCTUATION = "~`～" + "".join(
    character
    for first, last in ((0x21, 0xBF), (0x2010, 0x205E), (0x3001, 0x303F), (0xFE10, 0xFE6F), (0xFF01, 0xFF65))
    for character in map(chr, range(first, last + 1))
    if unicodedata.category(character)[0] == "P"
)
_LETTERS = str.maketrans("ɑɡ", "ag")  # as textbooks print them
_PIECE = re.compile("([^0-9]+)([0-5]?)")
_WITH_DIGITS = re.compile(f"(?:{_PIECE.pattern})+")


@cache
def _syllables() -> frozenset[str]:
    return frozenset(Vocabulary.inventory().units[2:])


def parse(line: str) -> list[str]:
    """Return the normalised syllables of a line. A lone Latin letter is `<UNK>`, and `<UNK>` stays.

    >>> parse("Nǐ hao3ma5 lu:4 huar1")
    ['ni3', 'hao3', 'ma', 'lv4', 'hua1', 'er2']

    Raises UnitError, which names the token that is not pinyin and its position.
    """
    syllables: list[str] = []
    for position, token in enumerate(line.split(), 1):
        try:
            syllables += _read(token)
        except UnitError as error:
            raise UnitError(f"token {position}: {error}") from None
    return syllables


def normalise_syllable(syllable: str) -> str:
    """Normalise one syllable; raises UnitError if it is not a syllable or is several (`huar1`, `ni3hao3`)."""
    read = _read(syllable.strip())
    if len(read) != 1:
        raise UnitError(f"{syllable!r} is {len(read)} syllables ({' '.join(read)}); give one")
    return read[0]


def toneless(syllable: str) -> str:
    """Return a normalised syllable without its tone: `hao` for `hao3`."""
    return syllable[:-1] if syllable[-1:] in {"1", "2", "3", "4"} else syllable


def tone(syllable: str) -> int:
    """Return the tone of a normalised syllable: 1 to 4, and 5 for the neutral tone."""
    return int(syllable[-1]) if syllable[-1:] in {"1", "2", "3", "4"} else 5


def from_hanzi(text: Iterable[str]) -> list[str]:
    """Return the syllables of hanzi, one per character, by pypinyin and its phrase dictionaries.

    `text` is a string of hanzi, or the tokens of `hanzi.normalise`, whose `<UNK>` stay `<UNK>`.
    Raises UnitError for a character without a reading.
    """
    with extra("text"):
        from pypinyin import Style, lazy_pinyin  # 60 MB, which transcribing does not need

    syllables: list[str] = []
    for is_unknown, tokens in groupby(text, lambda token: token == UNK_UNIT):
        if is_unknown:
            syllables += tokens
            continue
        run = "".join(tokens)
        # list: of characters without a reading one entry each, where pypinyin would give one for all.
        readings = lazy_pinyin(run, style=Style.TONE3, errors=list)  # type: ignore[arg-type]
        for character, reading in zip(run, readings, strict=True):
            if reading not in _syllables():
                raise UnitError(
                    f"character {len(syllables) + 1}, {character!r}, has no pinyin; "
                    "ramospeech.text.hanzi.normalise leaves hanzi only"
                )
            syllables.append(reading)
    return syllables


@lru_cache(maxsize=1 << 16)
def _read(token: str) -> tuple[str, ...]:
    """Return the syllables of one token. Cached: a corpus has millions of tokens and some thousand different ones."""
    if token in _syllables() or token == UNK_UNIT:
        return (token,)
    if not token.endswith((":", "：")) or _fold(token)[-1:] != "v":  # lu: is lü
        token = token.strip(_PUNCTUATION)
    if not token or token in _syllables() or token == UNK_UNIT:
        return (token,) if token else ()
    folded = _fold(token)
    if len(token) == 1 and folded.isascii() and folded.isalpha():
        return (UNK_UNIT,)  # a Latin letter (K 歌, Ｔ 恤), which pypinyin leaves in its output as it is
    syllables: list[tuple[str, ...]] = []
    for part in filter(None, _SEPARATORS.split(folded)):
        if any(mark in part for mark in _MARKS):
            syllables += _segment(part)
        elif _WITH_DIGITS.fullmatch(part):
            syllables += [_spell(letters, digit) for letters, digit in _PIECE.findall(part)]
        else:
            syllables.append(())
    if not syllables or not all(syllables):
        raise UnitError(f"{token!r} is not pinyin; write ni3 hao3, and {UNK_UNIT} for what is not Mandarin")
    return tuple(chain.from_iterable(syllables))


def _fold(token: str) -> str:
    """Lower case, half width, v for ü, and tone marks as combining characters behind their letter."""
    text = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", token).lower().translate(_LETTERS))
    return text.replace("u\u0308", "v").replace("u:", "v").replace("e\u0302", "ê")


def _spell(letters: str, digit: str) -> tuple[str, ...]:
    """Return the syllable of some letters, with `er2` where they are an erhua; empty if they are not a syllable."""
    tone = digit if digit in "1234" else ""
    syllable = _respell(letters) + tone
    if syllable in _syllables():
        return (syllable,)
    if letters == "r":
        return ("er2",)
    stem = _respell(letters[:-1]) + tone
    # Only with a tone: bare letters that end in r are more often a foreign word (`her`, `for`).
    return (stem, "er2") if letters.endswith("r") and digit and stem in _syllables() else ()


def _respell(letters: str) -> str:
    """Return the spellings of ü: `lue`, `lyu` -> `lve`, `lv`; `jv`, `yv` -> `ju`, `yu`."""
    if letters[:1] in ("j", "q", "x", "y"):
        return letters.replace("v", "u", 1)
    if letters[:1] in ("l", "n"):
        rest = letters[1:]
        return letters[0] + ("v" + rest[2:] if rest.startswith("yu") else "ve" if rest == "ue" else rest)
    return letters


def _segment(part: str) -> list[tuple[str, ...]]:
    """Return the syllables of a word with tone marks, a bare one being neutral; `[()]` if it is not such a word.

    Orthography has each syllable inside a word begin with a consonant (else an apostrophe stands before it), so
    such splits come first, longest syllable first: `fāngàn` is fan1 gan4, `nǚér` still nv3 er2.
    """
    letters = ""
    tones: dict[int, str] = {}
    for character in part:
        if character in _MARKS:
            tones[len(letters) - 1] = _MARKS[character]
        else:
            letters += character
    if not letters.isalpha():
        return [()]
    best: list[list[tuple[str, ...]] | None] = [None] * len(letters) + [[]]
    for start in reversed(range(len(letters))):
        ends = range(start + 1, min(start + _LONGEST, len(letters)) + 1)
        for end in sorted(ends, key=lambda e: (letters[e : e + 1] in _VOWELS, -e)):
            marked = [tones[i] for i in range(start, end) if i in tones]
            rest = best[end]
            if rest is None or len(marked) > 1:
                continue
            if syllable := _spell(letters[start:end], marked[0] if marked else "5"):
                best[start] = [syllable, *rest]
                break
    return best[0] or [()]
