"""Pinyin to hanzi by exact search with a character n-gram model."""

from ramospeech.translate.ngram.model import BOUNDARY, ID_BITS, MAX_CHARACTERS, NgramModel

__all__ = ["BOUNDARY", "ID_BITS", "MAX_CHARACTERS", "NgramModel"]
