"""Windows of running text, on which a causal language model is trained.

The sentences of all files follow one another, with a boundary between them, and are cut into windows of equal length
anywhere. In each pass some boundaries are left out, since a piece of speech may hold several sentences.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from ramospeech.lm.counting import BOUNDARY, ids_of_code_points
from ramospeech.lm.text import TextFile, blocks
from ramospeech.translate.seq2seq.dataset import TextBatch

LENGTH = 64  # characters of a window
JOINED = 0.3  # fraction of the boundaries that are left out in a pass


def running_text(texts: Sequence[TextFile], characters: str, exclude: frozenset[str], seed: int) -> np.ndarray:
    """Return the text as ids of characters, (N,) uint16, one boundary between sentences.

    A weight w takes a file's text w times over; of the part of w below 1 that fraction of its lines, drawn once.
    A character that is not among `characters` ends a sentence. Raises ListError for a file that cannot be read.
    """
    ids = ids_of_code_points(characters).astype(np.uint16)
    rng = np.random.default_rng(seed)
    parts = [np.array([BOUNDARY], np.uint16)]
    for text in texts:
        for block in blocks(text, exclude):
            line = np.cumsum(block == ord("\n"))
            taken = rng.random(int(line[-1]) + 1) < text.weight % 1
            parts += [ids[block]] * int(text.weight) + [ids[block[taken[line]]]]
    joined = np.concatenate(parts)
    return np.delete(joined, 1 + np.flatnonzero((joined[1:] == BOUNDARY) & (joined[:-1] == BOUNDARY)))


class WindowStream:
    """Batches of windows of a running text, (B, LENGTH + 1) ids, reproducible by seed.

    batch_characters: maximum number of characters per batch. A text shorter than a window has one, which ends early.
    """

    def __init__(self, text: np.ndarray, batch_characters: int, seed: int) -> None:
        self.text, self.rows, self.seed = text, max(1, batch_characters // LENGTH), seed

    def batches(self, epoch: int) -> Iterator[np.ndarray]:
        """Yield the batches of one pass."""
        rng = np.random.default_rng((self.seed, epoch))
        boundaries = np.flatnonzero(self.text == BOUNDARY)
        text = np.delete(self.text, boundaries[rng.random(len(boundaries)) < JOINED])
        length = min(LENGTH, len(text) - 1)
        if length < 1 or not (text != BOUNDARY).any():
            return
        windows = (len(text) - 1) // length
        first = int(rng.integers(len(text) - windows * length))
        order = rng.permutation(windows)
        for at in range(0, windows, self.rows):
            starts = first + order[at : at + self.rows, None] * length
            yield text[starts + np.arange(length + 1)].astype(np.int64)

    def batch(self, windows: np.ndarray, rng: np.random.Generator) -> TextBatch:
        """Return what a network reads of a batch, and what follows each character of that."""
        del rng  # nothing is drawn, unlike for syllables
        return TextBatch(torch.from_numpy(windows[:, :-1].copy()), torch.from_numpy(windows[:, 1:].copy()))
