"""Audio: a file or its bytes -> float32 mono samples at 16 kHz, whole or in pieces cut at pauses."""

from ramospeech.audio.folders import EXTENSIONS, Found, find_recordings
from ramospeech.audio.framing import SAMPLE_RATE
from ramospeech.audio.reading import AudioWarning, Report, duration, load, warn
from ramospeech.audio.segmenting import segments, too_short
from ramospeech.audio.sources import Source, name_of

__all__ = [
    "EXTENSIONS",
    "SAMPLE_RATE",
    "AudioWarning",
    "Found",
    "Report",
    "Source",
    "duration",
    "find_recordings",
    "load",
    "name_of",
    "segments",
    "too_short",
    "warn",
]
