"""Variations of training speech, seeded: speed on the waveform, warped frequencies and SpecAugment on the features."""

from ramospeech.augment.chain import Chain
from ramospeech.augment.frequency_warp import FrequencyWarp
from ramospeech.augment.spec_augment import SpecAugment
from ramospeech.augment.speed import speed

__all__ = ["Chain", "FrequencyWarp", "SpecAugment", "speed"]
