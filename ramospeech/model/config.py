"""What describes an acoustic model completely; saved in its file."""

from dataclasses import dataclass, fields
from typing import Any

from ramospeech.errors import ModelError
from ramospeech.features import FEATURES, MODES

LARGEST = 16_384  # of any width: a file that asks for more is broken or hostile
DEEPEST = 64


@dataclass(frozen=True)
class ModelConfig:
    """Units (their order is the ids; 0 is the blank, 1 the unknown unit), features and sizes of a model.

    `maps` are the channels of the four stages, `fc` the width of the linear layers, `rnn` the cells of each direction
    in each of its `rnn_layers` layers. `dropout` scales the network's dropout rates. `reduction` is how many frames
    make one of the output, 8 or 4. With `share_parts` syllables share weights of the last layer by initial, final and
    tone. Raises ModelError for what cannot be.
    """

    units: tuple[str, ...]
    architecture: str = "dfcnn"
    features: str = "spectrogram"
    normalise: str = "clip"
    maps: tuple[int, int, int, int] = (32, 64, 128, 128)
    fc: int = 128
    rnn: int = 128
    rnn_layers: int = 4
    dropout: float = 1.0
    reduction: int = 8
    share_parts: bool = False

    def __post_init__(self) -> None:
        if len(self.units) < 3 or not all(isinstance(unit, str) for unit in self.units):
            raise ModelError("a model needs the names of the blank, of the unknown unit and of at least one unit more")
        if self.features not in FEATURES:
            raise ModelError(f"unknown features {self.features!r}; choose one of {', '.join(FEATURES)}")
        if self.normalise not in MODES:
            raise ModelError(f"unknown normalisation {self.normalise!r}; choose one of {', '.join(MODES)}")
        if len(self.maps) != 4:
            raise ModelError(f"maps must be four numbers, one a stage, not {self.maps}")
        if not all(_size(number, LARGEST) for number in (*self.maps, self.fc, self.rnn)):
            raise ModelError(f"maps, fc and rnn must be whole numbers from 1 to {LARGEST}")
        if not _size(self.rnn_layers, DEEPEST):
            raise ModelError(f"rnn_layers must be a whole number from 1 to {DEEPEST}")
        if self.reduction not in (4, 8):
            raise ModelError(f"reduction must be 4 or 8, not {self.reduction}")
        if not 0 <= self.dropout <= 1.9:  # the highest of the scaled rates is 0.5
            raise ModelError(f"dropout scales the rates and must lie in 0 to 1.9, not {self.dropout}")

    def describe(self) -> str:
        """One line for people."""
        maps = "-".join(map(str, self.maps))
        return (
            f"{self.architecture} on {self.features} (normalised by {self.normalise}), maps {maps}, "
            f"fc {self.fc}, rnn {self.rnn_layers} x {self.rnn}, time / {self.reduction}, {len(self.units)} units"
            + (" that share parts" if self.share_parts else "")
        )

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "ModelConfig":
        """The configuration in a model file. Raises ModelError for fields that are missing, unknown or odd."""
        unknown = sorted(set(values) - {field.name for field in fields(cls)})
        if unknown:
            raise ModelError(f"options unknown to this version of ramospeech: {', '.join(unknown)}")
        options: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
        try:
            return cls(**options)
        except TypeError as error:
            raise ModelError(f"options missing or of the wrong type: {error}") from error


def _size(number: object, largest: int) -> bool:
    return isinstance(number, int) and 1 <= number <= largest
