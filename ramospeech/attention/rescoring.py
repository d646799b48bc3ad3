"""Rescoring: the probability that a speller gives to texts that another decoder has found."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ramospeech.attention.scorers import END
from ramospeech.attention.search import Speller


@torch.inference_mode()
def teacher_forced(
    speller: Speller, states: Tensor, lengths: Tensor, texts: Sequence[Sequence[Sequence[int]]]
) -> list[np.ndarray]:
    """Return the log probability of each text by the speller, its end included: for each utterance (K,).

    states: (B, T', D); lengths: (B,) frames; texts: of each of the B utterances K lists of unit ids, K of its own.
    """
    owners = [number for number, of_one in enumerate(texts) for _ in of_one]
    flat = [list(text) for of_one in texts for text in of_one]
    scores = np.zeros(len(flat))
    if flat:
        device = states.device
        state = speller.select(speller.start(states, lengths), torch.tensor(owners, device=device))
        sizes = np.array([len(text) for text in flat])
        padded = np.full((len(flat), int(sizes.max()) + 1), END)
        for row, text in zip(padded, flat, strict=True):
            row[: len(text)] = text
        read = torch.full((len(flat),), END, device=device)
        for position, column in enumerate(padded.T):
            log_probs, state, _ = speller.step(state, read)
            read = torch.from_numpy(column.copy()).to(device)
            spoken = log_probs.float().gather(1, read[:, None])[:, 0].double().cpu().numpy()
            scores += np.where(position <= sizes, spoken, 0.0)
    return np.split(scores, np.cumsum([len(of_one) for of_one in texts])[:-1])
