"""Layers that encoders and heads share: they know which frames are padding, or are faster than torch's own."""

from ramospeech.model.layers.batch_norm import MaskedBatchNorm2d
from ramospeech.model.layers.dropout import Dropout
from ramospeech.model.layers.output import FactoredLinear, output_layer
from ramospeech.model.layers.padding import padding_rows, zero_padding
from ramospeech.model.layers.recurrent import BiLSTM

__all__ = [
    "BiLSTM",
    "Dropout",
    "FactoredLinear",
    "MaskedBatchNorm2d",
    "output_layer",
    "padding_rows",
    "zero_padding",
]
