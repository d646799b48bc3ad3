"""From waveforms (B, S) to features (B, T, F), batched, on the device of the model.

This is the first stage of every acoustic model, so that training and transcription cannot differ. Frames are 25 ms
long with a hop of 10 ms, unless the settings of the feature say otherwise, and lie wholly inside the clip: T = 1 + (S -
400) // 160; those of log_mel are centred, as Whisper's: T = S // 160. The padding of a batch never touches a real
frame.
"""

from collections.abc import Callable
from functools import partial

from torch import Tensor, nn

from ramospeech.audio.framing import HOP, SAMPLE_RATE, WINDOW
from ramospeech.errors import UsageError
from ramospeech.features.fbank import Fbank
from ramospeech.features.framing import DEFAULT, FrameFeatures, frame_count
from ramospeech.features.log_mel import LogMel
from ramospeech.features.mfcc import Mfcc
from ramospeech.features.normalise import MODES, Normalise
from ramospeech.features.padding import padding_mask
from ramospeech.features.settings import FeatureSettings
from ramospeech.features.spectrogram import Spectrogram

__all__ = [
    "FEATURES",
    "HOP",
    "MODES",
    "SAMPLE_RATE",
    "WINDOW",
    "Fbank",
    "FeatureSettings",
    "Features",
    "LogMel",
    "Mfcc",
    "Normalise",
    "Spectrogram",
    "fault_of",
    "frame_count",
    "padding_mask",
]

FEATURES: dict[str, Callable[..., FrameFeatures]] = {  # of settings
    "spectrogram": Spectrogram,
    "fbank": Fbank,
    "log_mel": LogMel,
    "log_mel_128": partial(LogMel, 128),
    "mfcc": Mfcc,
}


def fault_of(kind: str, settings: FeatureSettings) -> str | None:
    """Return why a kind of feature cannot have such settings; None if it can."""
    most = settings.window // 2 + 1
    if kind == "spectrogram" and settings.feature_bins > most:
        return f"feature_bins {settings.feature_bins}: a spectrogram of {settings.window} samples has {most}"
    return settings.fault()


class Features(nn.Module):
    """A feature and its normalisation: (B, S) waveforms at 16 kHz, (B,) samples -> (B, T, F), (B,) frames.

    `bins` is F, `samples_per_frame` those from one frame to the next at 16 kHz. Raises UsageError for an unknown kind
    or normalisation, and for settings that the kind cannot have. Nothing in it is trained or saved.
    """

    def __init__(self, kind: str = "spectrogram", normalise: str = "clip", settings: FeatureSettings = DEFAULT) -> None:
        super().__init__()
        if kind not in FEATURES:
            raise UsageError(f"unknown features {kind!r}; choose one of {', '.join(FEATURES)}")
        if fault := fault_of(kind, settings):
            raise UsageError(fault)
        self.extract = FEATURES[kind](settings=settings)
        self.normalise = Normalise(normalise)
        self.bins = self.extract.bins
        self.samples_per_frame = settings.hop_at_16_khz

    def min_samples(self, frames: int) -> int:
        """Return samples of the shortest clip that has so many frames."""
        return self.extract.min_samples(frames)

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        features, lengths = self.extract(waveforms, lengths)
        return self.normalise(features, lengths), lengths
