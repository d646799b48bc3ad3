"""Audio: a file or its bytes -> float32 mono samples at 16 kHz, whole or in pieces cut at pauses."""

from ramospeech.audio.reading import EXTENSIONS, SAMPLE_RATE, duration, load, name_of
from ramospeech.audio.segmenting import segments

__all__ = ["EXTENSIONS", "SAMPLE_RATE", "duration", "load", "name_of", "segments"]
