"""Who speaks: each syllable of a recording gets one of two to eight speakers, whose number is given.

Voices are compared by embeddings of windows of 1.6 s (`VoiceEncoder`), which `clusters` puts into groups.
"""

from ramospeech.speakers.clustering import clusters, smoothed
from ramospeech.speakers.embedding import VoiceEncoder, voices_path
from ramospeech.speakers.turns import MAX_SPEAKERS, Turns, speaker_names

__all__ = ["MAX_SPEAKERS", "Turns", "VoiceEncoder", "clusters", "smoothed", "speaker_names", "voices_path"]
