"""The listener of KoSpeech: masked convolutions, and recurrent layers in both directions (Listen, Attend and Spell)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import Tensor

from ramospeech.model.encoders.base import MAX_LAYERS, MAX_SIZE, Encoder, register_encoder, without_rest
from ramospeech.model.layers.extractors import DeepSpeechExtractor, Extractor, FrameExtractor, VggExtractor
from ramospeech.model.layers.recurrent import BIDIRECTIONAL, Normalised
from ramospeech.settings import setting

EXTRACTORS: dict[str, Callable[[int], Extractor]] = {
    "none": Extractor,
    "vgg": VggExtractor,
    "deepspeech2": DeepSpeechExtractor,
    "conv1d": FrameExtractor,
}


@dataclass(frozen=True)
class LasSizes:
    """Sizes of a LAS encoder; the printed ones of KoSpeech are its defaults."""

    extractor: str = setting("vgg", "convolutions before the recurrent layers", choices=tuple(EXTRACTORS))
    rnn: int = setting(256, "cells of the recurrent layers, per direction", minimum=1, maximum=MAX_SIZE)
    rnn_layers: int = setting(5, "recurrent layers", minimum=1, maximum=MAX_LAYERS)
    rnn_type: str = setting("gru", "kind of the recurrent layers", choices=tuple(BIDIRECTIONAL))
    rnn_norm: bool = setting(False, "batch normalisation after each recurrent layer, as in Deep Speech 2")
    dropout: float = setting(0.3, "dropout rate before each recurrent layer but the first", minimum=0.0, maximum=0.95)


@register_encoder
class Las(Encoder):
    """Features (B, T, F), (B,) frames -> states (B, T', D), (B,) with D = 2 * rnn.

    T' is T without an extractor, T // 2 // 2 with vgg, and (T + 1) // 2 with deepspeech2 and conv1d. Raises ValueError
    for a clip of fewer frames than one of its output stands for.
    """

    name = "las"
    Sizes = LasSizes
    default_features = "fbank"
    default_normalise = "bin"

    def __init__(self, bins: int, sizes: LasSizes) -> None:
        super().__init__(bins, sizes)
        self.extractor = EXTRACTORS[sizes.extractor](bins)
        self.reduction = self.extractor.reduction
        kind = BIDIRECTIONAL[sizes.rnn_type]
        layers = partial(Normalised, kind) if sizes.rnn_norm else kind
        self.rnn = layers(self.extractor.dim, sizes.rnn, sizes.rnn_layers, sizes.dropout)
        self.dim = 2 * sizes.rnn

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        frames = self.checked_lengths(lengths)  # on the CPU: they steer masks and packing
        x, frames = self.extractor(without_rest(features, frames), frames)
        return self.rnn(x, frames), frames.to(lengths.device)
