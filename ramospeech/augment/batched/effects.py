"""The effects on batches by name, and how training draws from them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ramospeech.augment.batched import filters, noises
from ramospeech.augment.batched.sounds import Sounds, new_generator
from ramospeech.augment.probabilities import check, parsed
from ramospeech.features import padding_mask

MU = 255.0
TAIL = 8_000  # samples of a room's tail
FLOOR_SNR = (10.0, 50.0)  # dB: of the noise of a recorder


@dataclass(frozen=True)
class Sources:
    """What noise is made of: the range of its SNR in dB, and recordings of noise, of music and of rooms' responses."""

    snr: tuple[float, float] = (5.0, 25.0)
    noise: Sounds | None = None
    music: Sounds | None = None
    rooms: Tensor | None = None  # (K, N) from the direct sound on


@dataclass(frozen=True)
class Draw:
    """The rows of a batch that an effect is applied to, and what it draws from.

    Attributes: rows: (R,) their numbers; lengths: (R,) samples, on the device; everything: the whole batch (B, S) and
    its lengths (B,).
    """

    rows: np.ndarray
    lengths: Tensor
    everything: tuple[Tensor, Tensor]
    rng: np.random.Generator
    generator: torch.Generator
    sources: Sources

    def uniform(self, low: float, high: float, columns: int = 1) -> Tensor:
        """(R, columns) on the device."""
        return self.on_device(self.rng.uniform(low, high, (len(self.rows), columns)))

    def on_device(self, values: np.ndarray) -> Tensor:
        return torch.from_numpy(values.astype(np.float32)).to(self.lengths.device, non_blocking=True)

    def normal(self, like: Tensor, columns: int | None = None) -> Tensor:
        """(R, S or columns) of a normal distribution, drawn on the device."""
        shape = (like.shape[0], columns or like.shape[1])
        return torch.randn(shape, generator=self.generator, device=like.device)


Effect = Callable[[Tensor, Draw], Tensor]


def _room(x: Tensor, draw: Draw) -> Tensor:
    """In half of the cases of a measured response, where there are any."""
    ratios, seconds = draw.uniform(2.0, 18.0), 0.08 + 0.6 * draw.uniform(0.0, 1.0).square()
    responses = filters.decaying_tails(seconds, ratios, draw.normal(x, TAIL))
    measured = draw.sources.rooms
    if measured is not None:
        chosen = torch.from_numpy(draw.rng.integers(len(measured), size=len(x))).to(x.device, non_blocking=True)
        is_measured = draw.uniform(0.0, 1.0) < 0.5
        responses = torch.nn.functional.pad(responses, (0, measured.shape[1] - TAIL))
        responses = torch.where(is_measured, measured[chosen], responses)
    return filters.reverberate(x, responses)


def _mixed(make: Callable[[Tensor, Draw], Tensor], snr: tuple[float, float] | None = None) -> Effect:
    return lambda x, draw: noises.add_noise(x, draw.lengths, make(x, draw), draw.uniform(*(snr or draw.sources.snr)))


def _recorded(name: str) -> Effect:
    def excerpts(x: Tensor, draw: Draw) -> Tensor:
        sounds = getattr(draw.sources, name)
        assert sounds is not None
        return sounds.excerpts(*x.shape, draw.rng)

    return _mixed(excerpts)


def _babble(x: Tensor, draw: Draw) -> Tensor:
    """Two to five other rows of the batch; of a batch of one row there are none."""
    others, lengths = draw.everything
    max_voices = min(5, len(others) - 1)
    if max_voices < 1:
        return torch.zeros_like(x)
    shifts = draw.rng.choice(np.arange(1, len(others)), max_voices, replace=False).tolist()
    voices = draw.on_device(draw.rng.integers(min(2, max_voices), max_voices + 1, (len(others), 1)))
    return noises.babble(others, lengths, shifts, voices)[torch.from_numpy(draw.rows).to(x.device, non_blocking=True)]


def _hum(x: Tensor, draw: Draw) -> Tensor:
    levels = draw.uniform(0.0, 1.0, noises.HARMONICS) / torch.arange(1, noises.HARMONICS + 1, device=x.device)
    phases = draw.uniform(0.0, 2 * np.pi, noises.HARMONICS)
    return noises.hum(x.shape[1], draw.uniform(49.9, 50.1), levels, phases)


def _equaliser(x: Tensor, draw: Draw) -> Tensor:
    return filters.equalised(x, draw.on_device(draw.rng.normal(0.0, 4.0, (len(x), filters.POINTS))))


def _peak(x: Tensor) -> Tensor:
    return x.abs().amax(1, keepdim=True).clamp(min=1e-5)


def _clipping(x: Tensor, draw: Draw) -> Tensor:
    limit = _peak(x) * draw.uniform(0.15, 0.65)
    return torch.minimum(torch.maximum(x, -limit), limit)


def _mulaw(x: Tensor, draw: Draw) -> Tensor:
    """256 steps, as a telephone line's; louder than 1 is clipped."""
    x = x.clamp(-1.0, 1.0)
    steps = torch.round(x.sign() * torch.log1p(MU * x.abs()) / np.log1p(MU) * 127.5 - 0.5) + 0.5
    return steps.sign() * torch.expm1(steps.abs() / 127.5 * np.log1p(MU)) / MU


def _volume(x: Tensor, draw: Draw) -> Tensor:
    return x * torch.pow(10.0, draw.uniform(-15.0, 6.0) / 20)


def _level(x: Tensor, draw: Draw) -> Tensor:
    """The peak 0 to 26 dB below the largest sample that there is."""
    return x / _peak(x) * torch.pow(10.0, draw.uniform(-26.0, 0.0) / 20)


def _floor(x: Tensor, draw: Draw) -> Tensor:
    return noises.coloured(draw.normal(x), draw.uniform(0.0, 1.2))


def _white(x: Tensor, draw: Draw) -> Tensor:
    return draw.normal(x)


def _pink(x: Tensor, draw: Draw) -> Tensor:
    return noises.coloured(draw.normal(x), torch.full((len(x), 1), 0.5, device=x.device))


# Name -> (probability where none is given, effect), in the order from the speaker to the file.
BATCH_EFFECTS: dict[str, tuple[float, Effect]] = {
    "room": (0.3, _room),
    "noise": (0.3, _recorded("noise")),
    "music": (0.1, _recorded("music")),
    "babble": (0.1, _mixed(_babble)),
    "white": (0.1, _mixed(_white)),
    "pink": (0.1, _mixed(_pink)),
    "hum": (0.05, _mixed(_hum)),
    "equaliser": (0.7, _equaliser),
    "highpass": (0.2, lambda x, draw: filters.high_pass(x, draw.uniform(60.0, 360.0))),
    "lowpass": (0.1, lambda x, draw: filters.low_pass(x, draw.uniform(2_500.0, 7_500.0))),
    "telephone": (0.05, lambda x, draw: filters.telephone(x)),
    "floor": (1.0, _mixed(_floor, FLOOR_SNR)),
    "clipping": (0.08, _clipping),
    "volume": (0.5, _volume),
    "mulaw": (0.05, _mulaw),
    "level": (0.5, _level),
}
NEED = {"noise": "--noise", "music": "--music"}  # effects that need recordings


class BatchAugment:
    """Effects on the rows of a batch, each drawn with a probability of its own.

    Args: probabilities: of BATCH_EFFECTS by name; those not named are off. sources: what noise is made of.
    Raises: UsageError: an unknown effect or an invalid probability; noise or music without recordings.
    """

    def __init__(self, probabilities: Mapping[str, float], sources: Sources | None = None) -> None:
        self.sources = sources or Sources()
        given = {name: name in probabilities and getattr(self.sources, name) is not None for name in NEED}
        check(probabilities, BATCH_EFFECTS, self.sources.snr, {NEED[name]: (name, given[name]) for name in NEED})
        self.probabilities = {name: probabilities[name] for name in BATCH_EFFECTS if name in probabilities}

    @classmethod
    def of(cls, words: Sequence[str], sources: Sources) -> "BatchAugment":
        """From command line words NAME, NAME=P or `all`. Raises UsageError."""
        missing = {name for name in NEED if getattr(sources, name) is None}
        return cls(parsed(words, {name: usual for name, (usual, _) in BATCH_EFFECTS.items()}, missing), sources)

    def __call__(self, waveforms: Tensor, lengths: Tensor, rng: np.random.Generator) -> Tensor:
        """(B, S), lengths (B,) on the CPU -> (B, S) within [-1, 1], 0 in the padding; `waveforms` is changed too."""
        device = waveforms.device
        generator = new_generator(device, rng)
        device_lengths = lengths.to(device, non_blocking=True)
        for name, probability in self.probabilities.items():
            rows = np.flatnonzero(rng.random(len(waveforms)) < probability)
            if len(rows):
                index = torch.from_numpy(rows).to(device, non_blocking=True)
                draw = Draw(rows, device_lengths[index], (waveforms, device_lengths), rng, generator, self.sources)
                changed = BATCH_EFFECTS[name][1](waveforms[index], draw)
                waveforms.index_copy_(0, index, changed)
        return waveforms.clamp(-1.0, 1.0).masked_fill(padding_mask(device_lengths, waveforms.shape[1]), 0.0)
