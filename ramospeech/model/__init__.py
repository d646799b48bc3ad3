"""Acoustic models: waveforms in, states and log-posteriors of units out; and the files that hold them.

A model is features, an encoder (`encoders/`) and heads (`heads/`). A new encoder is one module with a class and a
dataclass of its sizes, registered by `register_encoder`: options, metadata of files and checks follow from it.
"""

from ramospeech.model.acoustic import AcousticModel
from ramospeech.model.config import ModelConfig
from ramospeech.model.encoders import DFCNN, ENCODERS, Encoder, WhisperEncoder, register_encoder, sizes_of_encoders
from ramospeech.model.file import load_model, save_model
from ramospeech.model.heads import (
    HEADS,
    AttentionHead,
    AttentionObjective,
    AuxiliaryHeads,
    CtcHead,
    CtcObjective,
    Head,
    SpellerState,
    sizes_of_heads,
)
from ramospeech.model.layers import MaskedBatchNorm2d
from ramospeech.model.teacher import Teacher

__all__ = [
    "DFCNN",
    "ENCODERS",
    "HEADS",
    "AcousticModel",
    "AttentionHead",
    "AttentionObjective",
    "AuxiliaryHeads",
    "CtcHead",
    "CtcObjective",
    "Encoder",
    "Head",
    "MaskedBatchNorm2d",
    "ModelConfig",
    "SpellerState",
    "Teacher",
    "WhisperEncoder",
    "load_model",
    "register_encoder",
    "save_model",
    "sizes_of_encoders",
    "sizes_of_heads",
]
