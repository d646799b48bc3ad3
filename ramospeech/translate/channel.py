"""Which characters may stand behind a syllable that was heard: the lexicon through the error model."""

from collections.abc import Sequence

import numpy as np

from ramospeech.translate.error_model import FORMS, UNKNOWN, ErrorModel
from ramospeech.translate.lexicon import FALLBACK_ID, Lexicon, before_third

CANDIDATES = 64  # characters that are considered for a syllable


class Channel:
    """Which characters may stand behind a syllable that was heard, through the lexicon and the confusions.

    Args:
        lexicon: readings of V characters.
        log_frequency: (V,) log p(character): only the CANDIDATES most likely characters of a syllable are kept.
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

    def row(self, heard: int, before_third: bool = False) -> np.ndarray:
        """log p(heard | character), (V,). Of UNKNOWN it is the same for all.

        before_third: a third tone follows, so that a second tone may be a third one, spoken so.
        """
        total = np.full(len(self.log_frequency), self.errors.anything)
        for said, probability in self.errors.likelihoods(heard, before_third):
            if said in self._readings:
                rows = self._readings[said]
                np.add.at(total, self._ids[rows], probability * self._probabilities[rows])
        return np.log(total)

    def table(self) -> np.ndarray:
        """`row` of every syllable, (S, V) float32."""
        return np.stack([self.row(syllable) for syllable in range(len(self.syllables))]).astype(np.float32)

    def places(self, sentence: Sequence[int]) -> list[tuple[np.ndarray, np.ndarray]]:
        """The candidates of each place of a sentence, of which syllable ids were heard."""
        tones = [(heard - 1) % FORMS if heard != UNKNOWN else 0 for heard in sentence]
        return [self.candidates(heard, third) for heard, third in zip(sentence, before_third(tones), strict=True)]

    def candidates(self, heard: int, before_third: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """The likeliest characters of a place where a syllable id was heard; found once and remembered.

        Returns: ids (CANDIDATES,) int64 and log p(what was heard | character) (CANDIDATES,) float32. Of UNKNOWN it is
        FALLBACK, and nothing else.
        """
        key = heard, before_third and (heard - 1) % FORMS == 2
        if key not in self._memory:
            self._memory[key] = self._best(self.row(*key)) if heard != UNKNOWN else self._fallback()
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
