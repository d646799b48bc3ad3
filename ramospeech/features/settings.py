"""How features are cut from audio: part of a model's description, and options of train.py."""

from dataclasses import dataclass

from ramospeech.audio import framing
from ramospeech.settings import setting

MILLISECOND = framing.SAMPLE_RATE // 1000  # samples, of audio as it comes
OWN = "own"  # the window function that belongs to the kind of feature
WINDOWS = (OWN, "hamming", "hann", "povey")


@dataclass(frozen=True)
class FeatureSettings:
    """Rate, frames and bins of a feature.

    Audio comes at 16 kHz whatever the rate is: features of 8 kHz halve it.
    """

    sample_rate: int = setting(framing.SAMPLE_RATE, "samples per second", choices=(8000, framing.SAMPLE_RATE))
    window_size: float = setting(25.0, "length of a frame, in milliseconds", minimum=5.0, maximum=25.0)
    hop_size: float = setting(10.0, "from one frame to the next, in milliseconds", minimum=1.0, maximum=25.0)
    window_function: str = setting(OWN, "own: that of the kind of feature", choices=WINDOWS)
    feature_bins: int = setting(0, "bins of a frame; 0: as many as the kind of feature has", minimum=0, maximum=512)
    reverse_input: bool = setting(False, "read clips from their end to their beginning")

    @property
    def window(self) -> int:
        """Samples of a frame, at `sample_rate`."""
        return round(self.window_size * self.sample_rate / 1000)

    @property
    def hop(self) -> int:
        """Samples from one frame to the next, at `sample_rate`."""
        return round(self.hop_size * self.sample_rate / 1000)

    @property
    def hop_at_16_khz(self) -> int:
        """Samples of the audio as it comes from one frame to the next."""
        return self.hop * (framing.SAMPLE_RATE // self.sample_rate)

    def fault(self) -> str | None:
        """Return what is wrong with lengths that are not whole numbers of samples, or leave audio out; None if they are
        right."""
        for name in ("window_size", "hop_size"):
            samples = getattr(self, name) * self.sample_rate / 1000
            if abs(samples - round(samples)) > 1e-6:
                return (
                    f"{name} {getattr(self, name):g} is {samples:g} samples at {self.sample_rate} Hz; give whole ones"
                )
        if self.hop > self.window:
            return (
                f"hop_size {self.hop_size:g} is longer than window_size {self.window_size:g}: audio would be left out"
            )
        return None
