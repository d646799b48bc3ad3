"""The character n-gram model of the translator.

A back-off trigram model over hanzi. Every explicit n-gram is stored as a *boost* >= 0, in nats, over its back-off
score, so an explicit n-gram never scores below its back-off path and the search can treat boosts as a sparse addition:

    log p(c | a, b) = log p(c) + backoff(b) + boost(b, c) + backoff(a, b) + boost(a, b, c)

(absent entries are 0). Boosts and back-offs are multiples of a step that fit in 8 bits. A trigram (a, b, c) is kept
only where the bigrams (a, b) and (b, c) are.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ramospeech.lm.counting import BOUNDARY, ID_BITS
from ramospeech.translate.lexicon import Lexicon
from ramospeech.translate.ngram.keys import SortedKeys, find

if TYPE_CHECKING:
    from ramospeech.translate.ngram import _search

MAX_CHARACTERS = 1 << ID_BITS  # a bigram is one 26-bit key

__all__ = ["BOUNDARY", "ID_BITS", "MAX_CHARACTERS", "NgramModel"]


@dataclass(frozen=True)
class NgramModel:
    """A back-off model over `characters` (V, counting the boundary, which is characters[0]).

    unigram, unigram_backoff    (V,) float32, log probabilities
    bigrams                     (N2,) int32 sorted keys `b << 13 | c`
    bigram_boosts, bigram_backoffs   (N2,) uint8, in `step`; a back-off is the negative of its code
    trigrams                    (N3,) sorted keys `i << 13 | r`: i the index of bigram (a, b), r the index of (b, c)
                                among the bigrams that start with b
    trigram_boosts              (N3,) uint8, in `step`
    """

    characters: str
    unigram: np.ndarray
    unigram_backoff: np.ndarray
    bigrams: np.ndarray
    bigram_boosts: np.ndarray
    bigram_backoffs: np.ndarray
    trigrams: SortedKeys
    trigram_boosts: np.ndarray
    step: float
    lexicon: Lexicon

    def __post_init__(self) -> None:
        first = np.searchsorted(self.bigrams >> ID_BITS, np.arange(len(self.characters) + 1))
        object.__setattr__(self, "first_bigram", first.astype(np.int64))  # (V + 1,) first bigram of each b

    first_bigram: np.ndarray = None  # type: ignore[assignment]

    @cached_property
    def number_of(self) -> dict[str, int]:
        """The id of each character."""
        return {character: number for number, character in enumerate(self.characters)}

    @cached_property
    def compiled(self) -> "_search.Model":
        """The same model for the compiled search, with the arrays of this one; only where that is built."""
        from ramospeech.translate.ngram import _search

        arrays = self.bigrams, self.bigram_boosts, self.bigram_backoffs, self.first_bigram
        trigrams = *self.trigrams.parts(), self.trigram_boosts
        return _search.Model(self.unigram, self.unigram_backoff, *arrays, *trigrams, self.step)

    def find_bigrams(self, b: np.ndarray, c: np.ndarray) -> np.ndarray:
        """Return the indices of the bigrams (b, c), ids of equal shape; -1 for those not in the model."""
        return find(self.bigrams, (b.astype(np.int32) << ID_BITS) | c.astype(np.int32))

    def find_trigrams(self, ab: np.ndarray, bc: np.ndarray) -> np.ndarray:
        """Return the indices of the trigrams of bigrams `ab` and `bc` (with equal b); -1 for those not in the model."""
        rank = bc - self.first_bigram[self.bigrams[bc] >> ID_BITS]
        return self.trigrams.find((ab.astype(np.int64) << ID_BITS) | rank)

    def log_probs(self, a: np.ndarray, b: np.ndarray, c: np.ndarray) -> np.ndarray:
        """Return log p(c | a, b) of ids of equal shape, float32."""
        ab, bc = self.find_bigrams(a, b), self.find_bigrams(b, c)
        total = self.unigram[c] + self.unigram_backoff[b]
        total = total - np.where(ab >= 0, self.bigram_backoffs[ab] * np.float32(self.step), np.float32(0))
        total += np.where(bc >= 0, self.bigram_boosts[bc] * np.float32(self.step), np.float32(0))
        both = np.nonzero((ab >= 0) & (bc >= 0))
        abc = self.find_trigrams(ab[both], bc[both])
        total[both] += np.where(abc >= 0, self.trigram_boosts[abc] * np.float32(self.step), np.float32(0))
        return total

    def log_prob(self, a: int, b: int, c: int) -> float:
        """Return log p(c | a, b) of one trigram."""
        return float(self.log_probs(*(np.array([i]) for i in (a, b, c)))[0])
