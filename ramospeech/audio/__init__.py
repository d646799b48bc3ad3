"""Audio: a file or its bytes -> float32 mono samples at 16 kHz, whole or in pieces cut at pauses."""

from ramospeech.audio.folders import EXTENSIONS, Found, find_recordings
from ramospeech.audio.framing import SAMPLE_RATE
from ramospeech.audio.marks import exists, file_of, headerless, located, member_of, piece, shard_of
from ramospeech.audio.reading import AudioWarning, Report, channels, duration, load, warn
from ramospeech.audio.remote import cache_shards
from ramospeech.audio.segmenting import segments, too_short
from ramospeech.audio.sources import Channel, Source, Whole, is_url, name_of
from ramospeech.audio.stated import stated_seconds

__all__ = [
    "EXTENSIONS",
    "SAMPLE_RATE",
    "AudioWarning",
    "Channel",
    "Found",
    "Report",
    "Source",
    "Whole",
    "cache_shards",
    "channels",
    "duration",
    "exists",
    "file_of",
    "find_recordings",
    "headerless",
    "is_url",
    "load",
    "located",
    "member_of",
    "name_of",
    "piece",
    "segments",
    "shard_of",
    "stated_seconds",
    "too_short",
    "warn",
]
