"""What every encoder has in common, and the registry of encoders."""

from abc import ABC, abstractmethod
from dataclasses import fields
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor, nn

from ramospeech.audio.framing import FRAMES_PER_SECOND
from ramospeech.features import FeatureSettings

MAX_SIZE = 16_384  # of any width: a file that asks for more is broken or hostile
MAX_LAYERS = 64
RESERVED = frozenset(
    {"units", "architecture", "features", "normalise", "heads", "share_parts", "sizes", "head_sizes"}
) | {item.name for item in fields(FeatureSettings)}


class Encoder(nn.Module, ABC):
    """Features (B, T, F), (B,) frames -> states (B, T', D), (B,) frames, T' >= T // reduction.

    A subclass names itself and its sizes, and its constructor takes the number of feature bins and an instance of
    `Sizes`. States of a clip must not depend on the padding or on the other clips of a batch; states at and beyond a
    clip's T' may hold anything.
    """

    name: ClassVar[str]
    Sizes: ClassVar[type]  # a frozen dataclass whose fields are made by `ramospeech.settings.setting`
    default_features: ClassVar[str] = "spectrogram"
    default_normalise: ClassVar[str] = "clip"
    default_framing: ClassVar[FeatureSettings] = FeatureSettings()
    default_share_parts: ClassVar[bool] = False  # of a new model of train.py, where units have parts
    output_name: ClassVar[str] = "output"  # of the layer that follows, in the printed tree
    retrainable: ClassVar[tuple[str, ...]] = ()  # sizes that no weight depends on, but that training must know
    cut: ClassVar[str | None] = None  # the size that counts layers, of which `--init_from` may take the lowest alone
    printed: ClassVar[tuple[str, ...]] = ()  # the layers in the order of that tree; () for that of the class
    output_bias: ClassVar[bool] = True  # of that layer, where it is a plain linear one
    silence: ClassVar[float] = 0.0  # seconds before and after a recording that make its edges clearer in inference
    reduction: int  # feature frames per frame of states
    dim: int  # D
    max_frames: int | None = None  # longest clip in feature frames; None for any length

    def __init__(self, bins: int, sizes: Any) -> None:
        super().__init__()

    @abstractmethod
    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Map (B, T, F), (B,) to (B, T', D), (B,)."""

    def reset_parameters(self) -> None:
        """Initialise the weights, where torch's defaults do not do. Called once, when all layers of a model exist."""

    def optimise_for_inference(self) -> None:
        """Make the encoder faster; it can no longer be trained or saved. Its states may change a little."""

    def lower(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Compute what `pretrained_layers` make of features: map (B, T, F), (B,) to (B, T'', D''), (B,) frames on the
        CPU."""
        return features, self.checked_lengths(lengths)

    @property
    def lower_reduction(self) -> int:
        """Feature frames per frame of the states of `lower`."""
        return 1

    def upper(self, states: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the rest: map (B, T'', D''), (B,) frames on the CPU to (B, T', D), (B,)."""
        return self(states, frames)

    def pretrained_layers(self) -> list[nn.Module]:
        """Return the parts that `--init_from` brings weights for and `--freeze` keeps, from the features up."""
        return []

    def checked_lengths(self, lengths: Tensor) -> Tensor:
        """Lengths (B,) in frames, on the CPU. Raises ValueError for a clip that is too short or too long."""
        if torch.onnx.is_in_onnx_export():  # a graph cannot refuse: what runs it does
            return lengths
        frames = lengths.cpu()
        short = (frames < self.reduction).nonzero().flatten().tolist()
        if short:
            raise ValueError(
                f"clip {short[0]} of the batch has {int(frames[short[0]])} frames, the model needs at least "
                f"{self.reduction}: leave such clips out"
            )
        if self.max_frames is not None and int(frames.max()) > self.max_frames:
            raise ValueError(
                f"clip {int(frames.argmax())} of the batch has {int(frames.max())} frames, {self.name} takes at most "
                f"{self.max_frames} ({self.max_frames / FRAMES_PER_SECOND:g} s): cut it at pauses"
            )
        return frames


def without_rest(features: Tensor, frames: Tensor) -> Tensor:
    """Return features (B, T, F) as long as the longest clip of (B,) frames on the CPU; exported, as they are."""
    return features if torch.onnx.is_in_onnx_export() else features[:, : int(frames.max())]


ENCODERS: dict[str, type[Encoder]] = {}
EncoderClass = TypeVar("EncoderClass", bound=type[Encoder])


def register_encoder(encoder: EncoderClass) -> EncoderClass:
    """Make an encoder known under its name: `train.py --model NAME` and model files then have it. A class decorator.

    Raises ValueError for a name that is taken, and for a size named like another part of a model's description.
    """
    if ENCODERS.get(encoder.name, encoder) is not encoder:
        raise ValueError(f"there is an encoder {encoder.name!r} already")
    taken = RESERVED & {item.name for item in fields(encoder.Sizes)}
    if taken:
        raise ValueError(f"{encoder.name}: a size cannot be named {', '.join(sorted(taken))}")
    ENCODERS[encoder.name] = encoder
    return encoder


def sizes_of_encoders() -> dict[str, type]:
    """Return the dataclass of sizes of each encoder, by its name."""
    return {name: encoder.Sizes for name, encoder in ENCODERS.items()}


def kaiming(module: nn.Module) -> None:
    """He et al. 2015 for the convolutions of a module that are followed by a ReLU."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)


@torch.no_grad()
def open_forget_gates(rnn: nn.LSTM) -> None:
    """Recurrent weights orthogonal, forget gates open (bias 1), the other biases 0."""
    for name, parameter in rnn.named_parameters():
        if name.startswith("weight_ih"):
            nn.init.xavier_uniform_(parameter)
        elif name.startswith("weight_hh"):
            for gate in parameter.split(rnn.hidden_size):
                nn.init.orthogonal_(gate)
        else:
            nn.init.zeros_(parameter)
            if name.startswith("bias_ih"):  # gates in the order input, forget, cell, output
                nn.init.ones_(parameter.split(rnn.hidden_size)[1])
