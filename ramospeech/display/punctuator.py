"""Punctuation of recognised text: the network's probabilities, and what pauses say about them."""

import math
from bisect import bisect
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from ramospeech.display.network import EDGE, MARKS, UNKNOWN, PunctuationNetwork, read
from ramospeech.files import pretrained_folder

WINDOW, CONTEXT = 192, 32  # characters punctuated at once, and those before and after that are read with them
ENDINGS = ("。", "？", "！")

# How much more often than after no mark a pause of some length is found after a comma (or 、) and after the end of a
# sentence: pauses of less than so many seconds, the last of any more.
PAUSE_BOUNDS = (0.08, 0.2, 0.4, 0.8)
COMMA_ODDS = (0.3, 1.0, 4.0, 10.0, 12.0)
END_ODDS = (0.15, 0.5, 2.5, 12.0, 30.0)


class Punctuator:
    """Finds the marks of a text without any.

    characters: those of the network's ids after EDGE and UNKNOWN. pause_weight: of what pauses say, 0 to 1.
    """

    def __init__(self, network: PunctuationNetwork, characters: str, pause_weight: float = 1.0):
        self.network = network
        self.pause_weight = pause_weight
        self._ids = {character: number for number, character in enumerate(characters, UNKNOWN + 1)}

    @classmethod
    def load(cls, path: str | Path | None = None) -> "Punctuator":
        """Read a model file, by default the shipped one; raises ModelError."""
        return cls(*read(Path(path) if path else punctuation_path()))

    def marks(self, tokens: Sequence[str], pauses: Sequence[float] | None = None) -> list[str]:
        """Return the mark behind each token, "" for none; the last has the end of a sentence.

        tokens: hanzi, and words of other scripts. pauses: seconds without speech after each token, of any length
        after the last; None where they are not known.
        """
        if not tokens:
            return []
        scores = self.log_probabilities(tokens)
        if pauses is not None:
            scores = scores + self.pause_weight * torch.tensor([_pause_scores(pause) for pause in pauses])
        chosen = [MARKS[number] for number in scores.argmax(1).tolist()]
        chosen[-1] = max(ENDINGS, key=lambda mark: float(scores[-1, MARKS.index(mark)]))
        return chosen

    @torch.inference_mode()
    def log_probabilities(self, tokens: Sequence[str]) -> Tensor:
        """Return log probabilities (T, len(MARKS)) of the marks behind the tokens, of the text alone."""
        ids = [self._ids.get(token, UNKNOWN) for token in tokens]
        length = WINDOW + 2 * CONTEXT
        starts = range(0, len(ids), WINDOW)
        padded = [EDGE] * CONTEXT + ids + [EDGE] * length
        if len(ids) <= WINDOW:
            length = len(ids) + 2 * CONTEXT
        rows = torch.tensor([padded[start : start + length] for start in starts])
        logits = torch.cat([self.network(part) for part in rows.split(16)])
        return logits[:, CONTEXT : CONTEXT + WINDOW].flatten(0, 1)[: len(ids)].log_softmax(1)


def punctuation_path() -> Path:
    """Return the shipped model."""
    return pretrained_folder() / "punctuation.safetensors"


def _pause_scores(pause: float) -> list[float]:
    """Return for each mark the log of how much likelier it becomes by a pause of so many seconds after a token."""
    length = bisect(PAUSE_BOUNDS, pause)
    comma, end = math.log(COMMA_ODDS[length]), math.log(END_ODDS[length])
    return [0.0 if not mark else end if mark in ENDINGS else comma for mark in MARKS]
