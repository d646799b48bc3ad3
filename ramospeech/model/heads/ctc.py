"""The CTC head: log-posteriors of units for each frame."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ramospeech import losses
from ramospeech.corpora import frames_needed
from ramospeech.losses import Loss
from ramospeech.model.heads.base import Head
from ramospeech.model.layers.bfloat16 import fast_output
from ramospeech.model.layers.output import FactoredLinear, output_layer


@dataclass(frozen=True)
class CtcObjective:
    """What a CTC head minimises in training; it is not saved with the model.

    kind: "ctc", "ace" or "ctc_ace", their sum with the weight `ace_weight` of ACE, which grows from 0 over `ace_ramp`
    steps. smoothing, consistency: see `ramospeech.losses.ctc`; with consistency each clip is seen in two views.
    """

    kind: str = "ctc"
    ace_weight: float = 0.1
    ace_ramp: int = 1000
    smoothing: float = 0.0
    consistency: float = 0.0


class CtcHead(Head):
    """One linear layer: states (B, T', D) -> log-posteriors (B, T', V), float32 at least.

    `objective` may be replaced at any time. With `share_parts` syllables share weights by initial, final and tone.
    """

    output: nn.Module

    def __init__(
        self, dim: int, units: tuple[str, ...], share_parts: bool, bias: bool = True, sizes: Any = None
    ) -> None:
        super().__init__(dim, units, share_parts, bias, sizes)
        self.output = output_layer(dim, units, share_parts, bias)
        self.objective = CtcObjective()

    @property
    def views(self) -> int:  # type: ignore[override]
        return 2 if self.objective.consistency else 1

    def forward(self, states: Tensor) -> Tensor:
        """Map (B, T', D) to (B, T', V)."""
        scores = self.output(states)
        precise = torch.promote_types(scores.dtype, torch.float32)
        return F.log_softmax(scores, -1, dtype=precise)

    def loss(self, states: Tensor, lengths: Tensor, labels: Tensor, label_lengths: Tensor, step: int) -> Loss:
        return self.loss_of(self(states), lengths, labels, label_lengths, step)

    def loss_of(self, log_probs: Tensor, lengths: Tensor, labels: Tensor, label_lengths: Tensor, step: int) -> Loss:
        """Return the loss of log-posteriors (B, T', V), which `forward` gave."""
        objective, given = self.objective, (log_probs, lengths, labels, label_lengths)
        if objective.kind == "ace":
            return losses.ace(*given)
        both = objective.kind == "ctc_ace"
        weight = losses.ramp(objective.ace_weight, step, objective.ace_ramp) if both else 0.0
        return losses.ctc_ace(*given, weight, objective.smoothing, objective.consistency)

    def min_frames(self, labels: Sequence[Any]) -> int:
        """Return one frame per label, and a blank between equal neighbours."""
        return frames_needed(labels)

    def merge_shared_rows(self) -> None:
        if isinstance(self.output, FactoredLinear):
            self.output = self.output.merged()

    def optimise_for_inference(self, exact: bool) -> None:
        """Compute the output layer in bfloat16 where it need not be exact, on a CPU that multiplies tiles of it."""
        super().optimise_for_inference(exact)
        if not exact and isinstance(self.output, nn.Linear):
            self.output = fast_output(self.output)
