"""Deep Speech 2 (Amodei et al., arXiv 1512.02595) with what is free in it, as deepspeech.pytorch has it."""

from dataclasses import dataclass

from ramospeech.features import FeatureSettings
from ramospeech.model.encoders.base import MAX_SIZE, register_encoder
from ramospeech.model.encoders.deepspeech import DeepSpeech, DeepSpeechSizes
from ramospeech.settings import setting


@dataclass(frozen=True)
class DeepSpeech2Sizes(DeepSpeechSizes):
    """Sizes of a Deep Speech 2 encoder."""

    rnn: int = setting(1024, "cells of the recurrent layers, per direction", minimum=1, maximum=MAX_SIZE)
    conv_layers: int = setting(2, "convolutions; the third one is the paper's, of 96 channels", choices=(2, 3))
    bidirectional: bool = setting(True, "recurrent layers in both directions")
    lookahead: int = setting(
        20, "frames that the lookahead convolution of a network in one direction reads; 0: none", minimum=0, maximum=256
    )


@register_encoder
class DeepSpeech2(DeepSpeech):
    """Features (B, T, F), (B,) frames -> states (B, T', D), (B,) with T' = (T + 1) // 2 and D = rnn.

    As `DeepSpeech`, with a third convolution where asked for, and in one direction with a lookahead convolution and a
    clipped ReLU after the last recurrent layer: a state then depends on so many later frames, and on all earlier ones.
    """

    name = "deepspeech2"
    Sizes = DeepSpeech2Sizes
    default_framing = FeatureSettings(window_size=20.0, feature_bins=161)

    def __init__(self, bins: int, sizes: DeepSpeech2Sizes) -> None:
        lookahead = 0 if sizes.bidirectional else sizes.lookahead
        super().__init__(bins, sizes, sizes.conv_layers, sizes.bidirectional, lookahead)
