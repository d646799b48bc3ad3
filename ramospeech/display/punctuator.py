"""Punctuation of recognised text: the network's probabilities, and what pauses say about them."""

import math
from bisect import bisect
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ramospeech.display.model_file import EDGE, MARKS, UNKNOWN, PunctuationModel, read_model
from ramospeech.files import pretrained_folder

WINDOW, CONTEXT = 192, 32  # characters punctuated at once, and those before and after that are read with them
ROWS = 16  # windows computed together
ENDINGS = ("。", "？", "！")

# Of the pauses behind each mark, the fractions that last less than PAUSE_BOUNDS[0] seconds, less than the next bound
# ..., and longer than the last. The mean of two sets of recordings whose marks are known: 170 sentences of Common Voice
# and three readings of prose (pretrained/punctuation.md).
PAUSE_BOUNDS = (0.2, 0.4, 0.6, 0.9)
NO_MARK_PAUSES = (0.960, 0.021, 0.012, 0.005, 0.002)
COMMA_PAUSES = (0.345, 0.205, 0.220, 0.130, 0.100)
END_PAUSES = (0.080, 0.040, 0.060, 0.150, 0.670)
LIST_PAUSES = (0.640, 0.170, 0.160, 0.020, 0.010)
# Chosen on recordings: weights of the text, which has errors there, and of pauses, and what a mark has before none.
TEXT_WEIGHT, PAUSE_WEIGHT, MARK_BONUS = 0.8, 1.3, 0.5
_PAUSES = {"": NO_MARK_PAUSES, "，": COMMA_PAUSES, "、": LIST_PAUSES} | dict.fromkeys(ENDINGS, END_PAUSES)


class Punctuator:
    """Finds the marks of a text without any."""

    def __init__(self, model: PunctuationModel):
        self.model = model
        self._ids = {character: number for number, character in enumerate(model.characters, UNKNOWN + 1)}

    @classmethod
    def load(cls, path: str | Path | None = None) -> "Punctuator":
        """Read a model file, by default the shipped one; raises ModelError."""
        return cls(read_model(Path(path) if path else punctuation_path()))

    def marks(self, tokens: Sequence[str], pauses: Sequence[float] | None = None) -> list[str]:
        """Return the mark behind each token, "" for none; the last has the end of a sentence.

        tokens: hanzi, and words of other scripts. pauses: seconds without speech after each token, of any length
        after the last; None where they are not known.
        """
        if not tokens:
            return []
        scores = self.log_probabilities(tokens)
        if pauses is not None:
            scores = TEXT_WEIGHT * scores + np.array([_pause_scores(pause) for pause in pauses])
        chosen = [MARKS[number] for number in scores.argmax(1).tolist()]
        chosen[-1] = max(ENDINGS, key=lambda mark: float(scores[-1, MARKS.index(mark)]))
        return chosen

    def log_probabilities(self, tokens: Sequence[str]) -> np.ndarray:
        """Return log probabilities (T, len(MARKS)) of the marks behind the tokens, of the text alone."""
        ids = [self._ids.get(token, UNKNOWN) for token in tokens]
        length = min(len(ids), WINDOW) + 2 * CONTEXT
        padded = [EDGE] * CONTEXT + ids + [EDGE] * length
        rows = np.array([padded[start : start + length] for start in range(0, len(ids), WINDOW)])
        parts = [self.model.logits(rows[first : first + ROWS]) for first in range(0, len(rows), ROWS)]
        logits = np.concatenate(parts)[:, CONTEXT : CONTEXT + WINDOW].reshape(-1, len(MARKS))[: len(ids)]
        return logits - np.log(np.exp(logits).sum(1, keepdims=True))


def punctuation_path() -> Path:
    """Return the shipped model."""
    return pretrained_folder() / "punctuation.safetensors"


def _pause_scores(pause: float) -> list[float]:
    """Return for each mark the log of how much more often a pause of so many seconds is behind it than behind no mark
    (Bayes' rule: the network's probabilities are those of the text), with the bonus of marks."""
    length = bisect(PAUSE_BOUNDS, pause)
    ratios = [math.log(_PAUSES[mark][length] / NO_MARK_PAUSES[length]) for mark in MARKS]
    return [PAUSE_WEIGHT * ratio + MARK_BONUS * bool(mark) for ratio, mark in zip(ratios, MARKS, strict=True)]
