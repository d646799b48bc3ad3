"""Recognition while audio comes in: from a microphone, a WebSocket or a file."""

from ramospeech.live.pcm import Pcm16, Resampler
from ramospeech.live.recogniser import LiveOptions, LiveRecogniser
from ramospeech.live.update import Update

__all__ = ["LiveOptions", "LiveRecogniser", "Pcm16", "Resampler", "Update"]
