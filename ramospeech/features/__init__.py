"""From waveforms (B, S) to features (B, T, F), batched, on the device of the model.

This is the first stage of every acoustic model, so that training and transcription cannot differ. Frames are 25 ms
long with a hop of 10 ms and lie wholly inside the clip: T = 1 + (S - 400) // 160; those of log_mel are centred, as
Whisper's: T = S // 160. The padding of a batch never touches a real frame.
"""

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn

from ramospeech.audio.framing import HOP, SAMPLE_RATE, WINDOW
from ramospeech.errors import UsageError
from ramospeech.features.fbank import Fbank
from ramospeech.features.framing import FrameFeatures, frame_count, padding_mask
from ramospeech.features.log_mel import LogMel
from ramospeech.features.normalise import MODES, Normalise
from ramospeech.features.spectrogram import Spectrogram

__all__ = [
    "FEATURES",
    "HOP",
    "MODES",
    "SAMPLE_RATE",
    "WINDOW",
    "Fbank",
    "Features",
    "LogMel",
    "Normalise",
    "Spectrogram",
    "frame_count",
    "padding_mask",
]

FEATURES: dict[str, Callable[[], FrameFeatures]] = {
    "spectrogram": Spectrogram,
    "fbank": Fbank,
    "log_mel": LogMel,
    "log_mel_128": partial(LogMel, 128),
}


class Features(nn.Module):
    """A feature and its normalisation: (B, S) waveforms, (B,) samples -> (B, T, F), (B,) frames.

    `bins` is F. Raises UsageError for an unknown kind or normalisation. Nothing in it is trained or saved.
    """

    def __init__(self, kind: str = "spectrogram", normalise: str = "clip") -> None:
        super().__init__()
        if kind not in FEATURES:
            raise UsageError(f"unknown features {kind!r}; choose one of {', '.join(FEATURES)}")
        self.extract = FEATURES[kind]()
        self.normalise = Normalise(normalise)
        self.bins = self.extract.bins

    def min_samples(self, frames: int) -> int:
        """Return samples of the shortest clip that has so many frames."""
        return self.extract.min_samples(frames)

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        features, lengths = self.extract(waveforms, lengths)
        return self.normalise(features, lengths), lengths
