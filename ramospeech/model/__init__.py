"""Acoustic models: waveforms in, log-posteriors of units out; and the files that hold them.

A further architecture is a module beside dfcnn.py and an entry in `ARCHITECTURES`: a network from features (B, T, F)
and lengths (B,) to log-posteriors (B, T', V) and lengths (B,), with `reduction`, `from_config(config, bins)`, `fold`.
"""

from ramospeech.model.acoustic import ARCHITECTURES, AcousticModel, build_model
from ramospeech.model.batch_norm import MaskedBatchNorm2d
from ramospeech.model.config import ModelConfig
from ramospeech.model.dfcnn import DFCNN
from ramospeech.model.file import load_model, save_model

__all__ = [
    "ARCHITECTURES",
    "DFCNN",
    "AcousticModel",
    "MaskedBatchNorm2d",
    "ModelConfig",
    "build_model",
    "load_model",
    "save_model",
]
