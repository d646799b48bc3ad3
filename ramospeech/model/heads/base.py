"""What every head has in common."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from ramospeech.losses import Loss
from ramospeech.model.layers.output import copy_rows


@dataclass(frozen=True)
class NoSizes:
    """Sizes of a head that has none of its own."""


class Head(nn.Module, ABC):
    """States (B, T', D) of an encoder -> a loss in training. Its constructor takes D, the units, `share_parts`,
    whether the encoder wants its output layer to have a bias, and an instance of `Sizes`.

    All heads of a model count the same thing, labels, because the trainer divides by one count.
    """

    Sizes: ClassVar[type] = NoSizes  # a frozen dataclass whose fields are made by `ramospeech.settings.setting`
    of_units: ClassVar[tuple[str, ...]] = ("output",)  # its modules with a row for each unit
    views: int = 1  # how many views of each clip the loss needs, see `AcousticModel.loss`

    def __init__(
        self, dim: int, units: tuple[str, ...], share_parts: bool, bias: bool = True, sizes: Any = None
    ) -> None:
        super().__init__()

    @abstractmethod
    def loss(self, states: Tensor, lengths: Tensor, labels: Tensor, label_lengths: Tensor, step: int) -> Loss:
        """Map (B, T', D), (B,), (B, U), (B,) and the number of the training step to the loss of a batch, in nats."""

    @abstractmethod
    def min_frames(self, labels: Sequence[int]) -> int:
        """Return frames T' that a clip with these labels needs."""

    def copy_units(self, other: "Head", ids: Sequence[tuple[int, int]]) -> None:
        """Give units what a head of the same sizes with other units knows of them, by their ids here and there."""
        copy_rows(self.output, other.output, ids)

    def merge_shared_rows(self) -> None:
        """Replace weights that units share by the weights they amount to; a no-op where none are shared."""

    def optimise_for_inference(self, exact: bool) -> None:
        """Make inference faster on the device of the head; it can no longer be trained or saved.

        exact: whether it stays in float32.
        """
        self.merge_shared_rows()
