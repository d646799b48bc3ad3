"""Variations of training speech, seeded.

On the waveform, by the threads that read it: speed, pauses, and the effects of `WaveAugment` (tempo, room, noise,
volume, band limits, codecs). On whole batches of waveforms, on the device that holds them: `BatchAugment`. On the
features, by the model's device: warped frequencies and SpecAugment.
"""

from ramospeech.augment.batched import BATCH_EFFECTS, BatchAugment, Sounds, Sources, as_int16
from ramospeech.augment.chain import Chain
from ramospeech.augment.frequency_warp import FrequencyWarp
from ramospeech.augment.noise import Recordings
from ramospeech.augment.silence import join
from ramospeech.augment.spec_augment import SpecAugment
from ramospeech.augment.speed import speed
from ramospeech.augment.time_warp import TimeWarp
from ramospeech.augment.wave import EFFECTS, SNR, WaveAugment

__all__ = [
    "BATCH_EFFECTS",
    "EFFECTS",
    "SNR",
    "BatchAugment",
    "Chain",
    "FrequencyWarp",
    "Recordings",
    "Sounds",
    "Sources",
    "SpecAugment",
    "TimeWarp",
    "WaveAugment",
    "as_int16",
    "join",
    "speed",
]
