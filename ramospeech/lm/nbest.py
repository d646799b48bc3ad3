"""A neural language model in the CTC beam search: it ranks the hypotheses anew, and weighs what competes with them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from ctc_decode import BeamSearchDecoder, ConfusionNetwork, Hypothesis
from ctc_decode.rescoring import TOKENS_BEHIND, weighed
from ramospeech.lm.neural import END, NeuralLm


class NeuralRescoringDecoder:
    """A decoder whose N best hypotheses have the log probability by a neural model, `lm_weight` times, in their scores.

    beam: has units of which that model should know most. Raises ValueError where it knows none.
    """

    def __init__(self, beam: BeamSearchDecoder, lm: NeuralLm, lm_weight: float) -> None:
        self.beam, self.lm, self.lm_weight = beam, lm, lm_weight
        self.ids = lm.ids_of(beam.vocabulary)
        known(self.ids, lm, beam.vocabulary)
        self._numbers = {unit: number for number, unit in enumerate(beam.vocabulary)}

    def decode(self, log_probs: Any, lengths: Any) -> list[list[Hypothesis]]:
        """Decode as the beam search does."""
        return [self._ranked(found) for found in self.beam.decode(log_probs, lengths)]

    def _ranked(self, found: list[Hypothesis]) -> list[Hypothesis]:
        scores = self.lm.scores([self.ids[list(each.ids)].tolist() for each in found]).tolist()
        ranked = [
            replace(each, score=each.score + self.lm_weight * score, lm_score=each.lm_score + score)
            for each, score in zip(found, scores, strict=True)
        ]
        return sorted(ranked, key=lambda each: -each.score)

    @torch.inference_mode()
    def weigh(self, network: ConfusionNetwork, hypothesis: Hypothesis) -> ConfusionNetwork:
        """Return a network around a hypothesis, with what the language model says of its alternatives in the context
        of that hypothesis, as `BeamSearchDecoder.weigh` does."""
        network, ids = self.beam.weigh(network, hypothesis), self.ids[list(hypothesis.ids)].tolist()
        numbers = {start: number for number, start in enumerate(hypothesis.start_frames)}
        read: list[list[int]] = []  # of each alternative what is read after the tokens before the slot
        before: list[int] = []  # how many tokens these are
        done = 0
        for slot in network.slots:
            token = numbers.get(slot.start_frame)
            done = token if token is not None else done
            behind = [*ids[done + (token is not None) :], END][: TOKENS_BEHIND + 1]
            for unit, _ in slot.alternatives:
                read.append(behind if unit is None else [int(self.ids[self._numbers[unit]]), *behind])
                before.append(done)
            done += token is not None
        if not read:
            return network
        gains = iter(self.lm_weight * self._following([END, *ids], before, read))
        return ConfusionNetwork(
            tuple(weighed(slot, [float(next(gains)) for _ in slot.alternatives]) for slot in network.slots)
        )

    def _following(self, text: Sequence[int], before: list[int], read: list[list[int]]) -> np.ndarray:
        """Return the log probability of each continuation (R,) of the first units of a text, `before` and the start."""
        device = self.lm.output.weight.device
        firsts, states, state = [], [], None
        for unit in text:
            log_probs, state = self.lm(torch.tensor([[unit]], device=device), state)
            firsts.append(log_probs[0, -1])
            states.append(state)
        hidden = tuple(torch.cat([states[n][part] for n in before], 1) for part in (0, 1))
        lengths = torch.tensor([len(row) for row in read], device=device)
        padded = torch.full((len(read), int(lengths.max())), END, device=device)
        for row, units in enumerate(read):
            padded[row, : len(units)] = torch.tensor(units, device=device)
        later, _ = self.lm(padded[:, :-1], (hidden[0].contiguous(), hidden[1].contiguous()))
        log_probs = torch.cat((torch.stack([firsts[n] for n in before])[:, None], later), 1)
        spoken = log_probs.gather(2, padded[..., None])[..., 0]
        counted = torch.arange(padded.shape[1], device=device) < lengths[:, None]
        return (spoken * counted).sum(1).double().cpu().numpy()


def known(ids: np.ndarray, lm: NeuralLm, units: Sequence[str]) -> None:
    """Raise ValueError where a language model knows none of the units of a decoder, by their `ids` there."""
    if not (ids > 1).any():
        raise ValueError(
            f"none of the {len(units)} units ({', '.join(units[2:5])}, ...) is known to the language model, whose "
            f"units are {', '.join(lm.vocabulary.units[2:5])}, ...: it was trained on text in other units"
        )
