"""Words of a transcript, by jieba, with the times of their syllables."""

from __future__ import annotations

import itertools
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import TYPE_CHECKING

from tqdm import tqdm

from ramospeech.text.units import spaced

if TYPE_CHECKING:
    from ramospeech.transcript import Token


MARKS = "，。、？！"


def text_of(tokens: Sequence[Token]) -> str:
    """Return what people are shown of tokens; the syllables where one of them has no hanzi."""
    hanzi = all(token.hanzi for token in tokens)
    return spaced(t.shown for t in tokens) if hanzi else " ".join(t.pinyin for t in tokens)


def words(tokens: Sequence[Token]) -> Iterator[Sequence[Token]]:
    """Yield the tokens of each word; a syllable without hanzi is a word."""
    for first, end in itertools.pairwise([0, *word_starts(tokens), len(tokens)] if tokens else []):
        yield tokens[first:end]


def timed_words(tokens: Sequence[Token]) -> Iterator[tuple[float, float, str]]:
    """Yield the words (start, end, text) of tokens, without marks; syllables without hanzi are words."""
    for word in words(tokens):
        yield word[0].start, word[-1].end, text_of(word).rstrip(MARKS)


def begins(token: Token) -> bool:
    """Return whether a token does not belong to a number in digits that has begun before."""
    return bool(token.shown) or not token.hanzi


def word_starts(tokens: Sequence[Token]) -> list[int]:
    """Return numbers of the tokens, but for the first, with which a word begins; syllables without hanzi are words."""
    if not all(token.hanzi for token in tokens):
        return list(range(1, len(tokens)))
    starts, length = set(), 0
    for word in _segmenter()("".join(token.hanzi for token in tokens)):
        starts.add(length)
        length += len(word)
    numbers, length = [], 0
    for number, token in enumerate(tokens):
        if number and length in starts and begins(token):
            numbers.append(number)
        length += len(token.hanzi)
    return numbers


@cache
def _segmenter() -> Callable[[str], Sequence[str]]:
    """Cuts a text into words, by jieba; without it each character is one, which a line on stderr says."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pkg_resources, which jieba asks for its dictionary
            import jieba  # its dictionary takes a second, and few transcripts need it
    except ImportError:
        tqdm.write(
            "note: jieba is not installed, so each character counts as a word: pip install 'ramospeech[text]'",
            sys.stderr,
        )
        return list
    tokenizer = jieba.Tokenizer()
    # Otherwise jieba keeps its dictionary in a file of the temporary folder, where others could have put one.
    tokenizer.FREQ, tokenizer.total = tokenizer.gen_pfdict(tokenizer.get_dict_file())
    tokenizer.initialized = True
    return tokenizer.lcut
