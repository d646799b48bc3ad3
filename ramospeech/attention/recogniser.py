"""From waveforms to hypotheses by a model with an attention head, and with a CTC head where it has one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from ctc_decode import Hypothesis, NgramModel
from ctc_decode.label_scorer import LabelScorer
from ramospeech.attention.ctc_prefix import CtcPrefixScorer
from ramospeech.attention.rescoring import teacher_forced
from ramospeech.attention.scorers import AutomatonScorer, NeuralScorer, Scorer
from ramospeech.attention.search import Spelled, Weights, search
from ramospeech.errors import UsageError
from ramospeech.lm.neural import load_neural_lm
from ramospeech.model.inference import type_of
from ramospeech.recogniser import AttentionDecoding, BaseRecogniser, Recognised, decodable

if TYPE_CHECKING:
    from ramospeech.model import AcousticModel

CTC_WEIGHT = 0.3


@dataclass(frozen=True)
class _Encoded:
    """States (B, T', D) and frames (B,) of a batch, and log-posteriors (B, T', V) of a CTC head, None without one."""

    states: Tensor
    lengths: Tensor
    log_probs: np.ndarray | None

    @property
    def frames(self) -> np.ndarray:
        return self.lengths.cpu().numpy()


class AttentionRecogniser(BaseRecogniser):
    """A Recogniser of a model with an attention head.

    networks, min_confidence, silence: see `BaseRecogniser`, by the posteriors of a CTC head: a model without them keeps
    all that it writes. Frames of tokens are those that CTC has for them, or where no CTC head knows them the centres of
    attention, in order. precision: of the encoder.
    Raises UsageError for what the model has no head for, and a language model or hotwords that do not fit its units.
    """

    def __init__(
        self,
        model: "AcousticModel",
        decoding: AttentionDecoding,
        device: torch.device,
        networks: bool = True,
        min_confidence: float = 0.0,
        silence: float = 0.0,
        precision: str = "auto",
    ) -> None:
        heads, weight = model.heads, decoding.ctc_weight
        if "attention" not in heads:
            raise UsageError(f"this model has no attention head, only {', '.join(heads)}: use --decoder greedy or beam")
        self.has_ctc = "ctc" in heads
        if not self.has_ctc and (weight or decoding.rescored):
            what = "--decoder rescoring" if decoding.rescored else "--ctc_weight"
            raise UsageError(f"this model has no CTC head, only {', '.join(heads)}: {what} needs one; leave it out")
        super().__init__(model, networks, min_confidence, silence)
        self.model: AcousticModel = model
        self.decoding, self.device = decoding, device
        self.ctc_weight = (CTC_WEIGHT if self.has_ctc else 0.0) if weight is None else weight
        self.units, self.type = model.vocabulary.units, type_of(precision, device)
        self._scorers = self._made_scorers()

    def __call__(self, waveforms: np.ndarray, lengths: np.ndarray) -> list[Recognised]:
        """Recognise, as `Recogniser` says. Raises ModelError for posteriors that cannot be decoded."""
        encoded = self._encoded(*self.surrounded(waveforms, lengths))
        with decodable():
            found = self._rescored(encoded) if self.decoding.rescored else self._searched(encoded)
        results = []
        for number, (result, frames) in enumerate(zip(found, encoded.frames.tolist(), strict=True)):
            rows = None if encoded.log_probs is None else encoded.log_probs[number, :frames]
            results.append(self.finished(result, rows, frames, self.silence, self.decoding.rescored))
        return results

    @torch.inference_mode()
    def _encoded(self, waveforms: np.ndarray, lengths: np.ndarray) -> _Encoded:
        given = torch.from_numpy(waveforms).to(self.device), torch.from_numpy(lengths).to(self.device)
        with torch.autocast(self.device.type, self.type, enabled=self.type is not None):
            states, frames = self.model.encode(*given)
        states = states.float()
        log_probs = self.model.ctc(states).float().cpu().numpy() if self.has_ctc else None
        return _Encoded(states, frames, log_probs)

    def _searched(self, encoded: _Encoded) -> list[Recognised]:
        choice, log_probs = self.decoding, encoded.log_probs
        weights = Weights(choice.beam_width, self.ctc_weight, choice.length_bonus, choice.length_penalty, choice.nbest)
        ctc = None if log_probs is None or not self.ctc_weight else CtcPrefixScorer(log_probs, encoded.frames)
        found = search(self.model.attention, encoded.states, encoded.lengths, weights, ctc, self._scorers)
        results = []
        for number, (spelled, frames) in enumerate(zip(found, encoded.frames.tolist(), strict=True)):
            rows = None if log_probs is None else log_probs[number, :frames]
            hypotheses = [self._hypothesis(each, rows, frames) for each in spelled]
            results.append(Recognised(hypotheses, None, (), not spelled[0].ended, _map(spelled[0], frames)))
        return results

    def _rescored(self, encoded: _Encoded) -> list[Recognised]:
        assert self.decoding.rescored is not None and encoded.log_probs is not None
        by_ctc = self.decoding.rescored.decode(encoded.log_probs, encoded.frames)
        texts = [[each.ids for each in hypotheses] for hypotheses in by_ctc]
        spoken = teacher_forced(self.model.attention, encoded.states, encoded.lengths, texts)
        results = []
        for hypotheses, scores in zip(by_ctc, spoken, strict=True):
            ranked = []
            for each, attention in zip(hypotheses, scores.tolist(), strict=True):
                both = self.ctc_weight * each.am_score + (1 - self.ctc_weight) * attention
                ranked.append(replace(each, score=both + each.score - each.am_score, am_score=both))
            ranked.sort(key=lambda each: -each.score)
            results.append(Recognised(ranked[: self.decoding.nbest], None))
        return results

    def _hypothesis(self, spelled: Spelled, log_probs: np.ndarray | None, frames: int) -> Hypothesis:
        starts, ends, confidences = self._placed(spelled, log_probs, frames)
        weight = self.ctc_weight
        return Hypothesis(
            tokens=tuple(self.units[unit] for unit in spelled.ids),
            ids=spelled.ids,
            score=spelled.score,
            am_score=(1 - weight) * spelled.attention_score + weight * spelled.ctc_score,
            lm_score=spelled.lm_scores[0] if self.decoding.lm is not None else 0.0,
            start_frames=tuple(starts),
            end_frames=tuple(ends),
            confidences=tuple(confidences),
        )

    def _placed(
        self, spelled: Spelled, log_probs: np.ndarray | None, frames: int
    ) -> tuple[Sequence[int], Sequence[int], Sequence[float]]:
        """Return start frames, end frames and confidences of the tokens."""
        if log_probs is not None:
            scorer = LabelScorer(log_probs, 0)
            if scorer.score(spelled.ids, -np.inf) > -np.inf:  # else the frames cannot hold so many tokens
                return scorer.tokens()
        starts = centres(_map(spelled, frames))
        return starts, [start + 1 for start in starts], spelled.probabilities

    def _made_scorers(self) -> list[tuple[Scorer, float]]:
        choice, scorers = self.decoding, list[tuple[Scorer, float]]()
        if choice.rescored:
            return scorers
        try:
            if isinstance(choice.lm, str | Path) and Path(choice.lm).suffix == ".safetensors":
                scorers.append((NeuralScorer(load_neural_lm(choice.lm, self.device), self.units), choice.lm_weight))
            elif choice.lm is not None:
                lm = NgramModel.read(Path(choice.lm)) if isinstance(choice.lm, str | Path) else choice.lm
                scorers.append((AutomatonScorer(lm.automaton(self.units), len(self.units)), choice.lm_weight))
            if choice.hotwords is not None:
                scorers.append((AutomatonScorer(choice.hotwords.automaton(self.units), len(self.units)), 1.0))
        except (OSError, ValueError) as error:
            raise UsageError(str(error)) from error
        return scorers


def _map(spelled: Spelled, frames: int) -> np.ndarray:
    """Return the weight of each frame for each token, (U, T')."""
    return np.array([row[:frames] for row in spelled.attention]).reshape(len(spelled.ids), frames)


def centres(attention: np.ndarray) -> list[int]:
    """Return the frame of each of U tokens: the mean frame by its weights (U, T'), none before the one of the token
    before it; where there are frames enough, each token has its own.

    >>> centres(np.array([[1.0, 0, 0, 0], [1, 0, 0, 0], [0, 0.5, 0, 0.5], [0, 1, 0, 0]]))
    [0, 1, 2, 3]
    """
    frames = attention.shape[1]
    if not frames:
        return [0] * len(attention)
    means = attention @ np.arange(frames) / np.maximum(attention.sum(axis=1), 1e-30)
    apart = np.arange(len(means)) if len(means) <= frames else np.zeros(len(means), np.int64)
    placed = np.maximum.accumulate(np.round(means).astype(np.int64) - apart) + apart
    return np.clip(placed, apart, frames - 1 - apart[::-1]).tolist()
