"""Encoders: features in, states out. A new one is a module here: its sizes and a class under `register_encoder`."""

from ramospeech.model.encoders.base import ENCODERS, Encoder, register_encoder, sizes_of_encoders
from ramospeech.model.encoders.deepspeech import DeepSpeech, DeepSpeechSizes
from ramospeech.model.encoders.deepspeech2 import DeepSpeech2, DeepSpeech2Sizes
from ramospeech.model.encoders.dfcnn import DFCNN, DfcnnSizes
from ramospeech.model.encoders.las import Las, LasSizes
from ramospeech.model.encoders.pyramidal import Pyramidal, PyramidalSizes
from ramospeech.model.encoders.whisper import WhisperEncoder, WhisperSizes

__all__ = [
    "DFCNN",
    "ENCODERS",
    "DeepSpeech",
    "DeepSpeech2",
    "DeepSpeech2Sizes",
    "DeepSpeechSizes",
    "DfcnnSizes",
    "Encoder",
    "Las",
    "LasSizes",
    "Pyramidal",
    "PyramidalSizes",
    "WhisperEncoder",
    "WhisperSizes",
    "register_encoder",
    "sizes_of_encoders",
]
