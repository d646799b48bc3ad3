"""The noisy channel from characters to recognised syllables: the lexicon combined with the error model."""

from collections.abc import Sequence

import numpy as np

from ramospeech.translate.error_model import FORMS, UNKNOWN, ErrorModel
from ramospeech.translate.lexicon import FALLBACK_ID, Lexicon, before_third

CANDIDATES = 64  # characters considered for a syllable


class Channel:
    """log p(observed syllable | character), by the lexicon and the error model.

    Args:
        lexicon: readings of V characters.
        log_frequency: (V,) log p(character); only the CANDIDATES most likely characters of a syllable are kept.
    """

    def __init__(self, lexicon: Lexicon, log_frequency: np.ndarray) -> None:
        self.errors = ErrorModel.default()
        self.syllables = self.errors.syllables
        self.log_frequency = log_frequency.astype(np.float32)
        self._readings: dict[int, slice] = {}
        for number, syllable in enumerate(lexicon.syllables):
            self._readings[self.syllables.ids([syllable])[0]] = slice(*lexicon.first[number : number + 2])
        self._ids, self._probabilities = lexicon.ids, np.exp(lexicon.log_probs)
        self._memory: dict[tuple[int, bool], tuple[np.ndarray, np.ndarray]] = {}

    def row(self, observed: int, before_third: bool = False) -> np.ndarray:
        """Return log p(observed | character), (V,); for UNKNOWN it is the same for all characters.

        before_third: a third tone follows, so a second tone may be a third tone changed by sandhi.
        """
        total = np.full(len(self.log_frequency), self.errors.anything)
        for spoken, probability in self.errors.likelihoods(observed, before_third):
            if spoken in self._readings:
                rows = self._readings[spoken]
                np.add.at(total, self._ids[rows], probability * self._probabilities[rows])
        return np.log(total)

    def table(self) -> np.ndarray:
        """Return `row` of every syllable, (S, V) float32."""
        return np.stack([self.row(syllable) for syllable in range(len(self.syllables))]).astype(np.float32)

    def slots(self, sentence: Sequence[int]) -> list[tuple[np.ndarray, np.ndarray]]:
        """Return the candidates of each position of a sentence of recognised syllable ids."""
        tones = [(observed - 1) % FORMS if observed != UNKNOWN else 0 for observed in sentence]
        return [self.candidates(observed, third) for observed, third in zip(sentence, before_third(tones), strict=True)]

    def candidates(self, observed: int, before_third: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Return the most likely characters of a recognised syllable id; cached.

        Returns: ids (CANDIDATES,) int64 and log p(observed | character) (CANDIDATES,) float32. UNKNOWN has FALLBACK as
        its only candidate.
        """
        key = observed, before_third and (observed - 1) % FORMS == 2
        if key not in self._memory:
            self._memory[key] = self._best(self.row(*key)) if observed != UNKNOWN else self._fallback()
        return self._memory[key]

    def _best(self, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        rank = row + self.log_frequency
        rank[: FALLBACK_ID + 1] = -np.inf
        count = min(CANDIDATES, len(rank) - FALLBACK_ID - 1)
        best = np.argpartition(-rank, count - 1)[:count]
        ids, costs = np.full(CANDIDATES, FALLBACK_ID), np.full(CANDIDATES, -np.inf, np.float32)
        ids[:count], costs[:count] = best, row[best]
        return ids, costs

    def _fallback(self) -> tuple[np.ndarray, np.ndarray]:
        costs = np.full(CANDIDATES, -np.inf, np.float32)
        costs[0] = 0.0
        return np.full(CANDIDATES, FALLBACK_ID), costs
