"""The effects on waveforms by name, and how training draws from them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ramospeech.augment import channel, noise, room
from ramospeech.augment.probabilities import check, parsed
from ramospeech.augment.tempo import tempo
from ramospeech.errors import UsageError, extra

SNR = (5.0, 25.0)


@dataclass(frozen=True)
class Sources:
    """What noise is made of: the range of its SNR in dB, recordings of noise, and the clips for babble."""

    snr: tuple[float, float] = SNR
    recordings: noise.Recordings | None = None
    clips: noise.Clips | None = None

    def add(self, name: str, waveform: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return `waveform` (S,) with the noise of that name at a random SNR; -> (S,) float32."""
        samples = len(waveform)
        if name == "noise":
            if self.recordings is None:
                raise UsageError("the effect noise needs recordings; give their folder with --noise")
            sound = self.recordings(samples, rng)
        elif name == "babble":
            if self.clips is None:
                raise UsageError("the effect babble needs other clips to mix; give a folder of them")
            sound = noise.babble(samples, rng, self.clips)
        else:
            sound = {"white": noise.white, "pink": noise.pink, "hum": noise.hum}[name](samples, rng)
        return noise.add_noise(waveform, sound, rng.uniform(*self.snr))


Effect = Callable[[np.ndarray, np.random.Generator, Sources], np.ndarray]


def _noise(name: str) -> Effect:
    return lambda waveform, rng, sources: sources.add(name, waveform, rng)


def _codec(name: str, best: float, worst: float) -> Effect:
    return lambda waveform, rng, _: channel.codec(waveform, name, rng.uniform(best, worst))


# Name -> (probability where none is given, effect), in the order from the speaker to the file.
EFFECTS: dict[str, tuple[float, Effect]] = {
    "tempo": (0.3, lambda waveform, rng, _: tempo(waveform, rng.uniform(0.85, 1.15))),
    "room": (
        0.3,
        lambda waveform, rng, _: room.reverberate(waveform, room.impulse_response(rng.integers(room.ROOMS))[1]),
    ),
    "noise": (0.3, _noise("noise")),
    "babble": (0.1, _noise("babble")),
    "white": (0.1, _noise("white")),
    "pink": (0.1, _noise("pink")),
    "hum": (0.05, _noise("hum")),
    "volume": (0.5, lambda waveform, rng, _: channel.volume(waveform, rng.uniform(-15.0, 6.0))),
    "lowpass": (0.1, lambda waveform, rng, _: channel.low_pass(waveform, rng.uniform(2_500.0, 7_500.0))),
    "telephone": (0.05, lambda waveform, rng, _: channel.telephone(waveform)),
    "mulaw": (0.05, _codec("mulaw", 0.0, 0.0)),
    "mp3": (0.1, _codec("mp3", 0.0, 0.98)),  # 63 to 22 kbit/s
    "opus": (0.05, _codec("opus", 0.75, 0.98)),  # 70 to 13 kbit/s
}


class WaveAugment:
    """Effects on a clip, each drawn with a probability of its own.

    Args:
        probabilities: of EFFECTS by name; those not named are off.
        snr: lowest and highest SNR in dB of every noise.
        recordings: of noise, for the effect "noise".

    Raises: UsageError: an unknown effect, an invalid probability or SNR, "noise" without recordings or
    recordings without "noise".
    """

    def __init__(
        self,
        probabilities: Mapping[str, float],
        snr: tuple[float, float] = SNR,
        recordings: noise.Recordings | None = None,
    ) -> None:
        check(probabilities, EFFECTS, snr, {"--noise": ("noise", recordings is not None)})
        if probabilities:
            with extra("augment"):  # missed now, not in the middle of training
                import scipy.signal  # noqa: F401
        self.probabilities = {name: probabilities[name] for name in EFFECTS if name in probabilities}
        self.snr, self.recordings = snr, recordings

    @classmethod
    def of(cls, words: Sequence[str], snr: Sequence[float] = SNR, folder: str | None = None) -> "WaveAugment":
        """From command line words NAME, with its usual probability, or NAME=P; `all` is each, at the usual ones.

        folder: of recordings of noise; without one, `all` leaves that effect out. A later word overrides an earlier.
        Raises: UsageError: as above, and as `Recordings`.
        """
        recordings = None if folder is None else noise.Recordings(folder)
        usual = {name: probability for name, (probability, _) in EFFECTS.items()}
        probabilities = parsed(words, usual, missing=() if recordings else ("noise",))
        return cls(probabilities, (snr[0], snr[1]), recordings)

    def draw(self, rng: np.random.Generator) -> list[str]:
        """Return the effects of one clip."""
        return [name for name, probability in self.probabilities.items() if rng.random() < probability]

    def apply(
        self, names: Sequence[str], waveform: np.ndarray, rng: np.random.Generator, clips: noise.Clips | None = None
    ) -> np.ndarray:
        """Map (S,) float32 to (S,) float32 within [-1, 1], of another length where the tempo changes.

        clips: draws the clips that babble is mixed from.
        Raises: UsageError: babble without clips; AudioError: a recording of noise that cannot be read.
        """
        sources = Sources(self.snr, self.recordings, clips)
        for name in names:
            waveform = EFFECTS[name][1](waveform, rng, sources)
        return np.clip(waveform, -1.0, 1.0)

    def __call__(self, waveform: np.ndarray, rng: np.random.Generator, clips: noise.Clips | None = None) -> np.ndarray:
        """Apply (see `apply`) what was drawn; a clip for which nothing was comes back as it is."""
        names = self.draw(rng)
        return self.apply(names, waveform, rng, clips) if names else waveform
