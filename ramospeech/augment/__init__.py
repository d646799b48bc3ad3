"""Variations of training speech, seeded: speed on the waveform, SpecAugment on the features."""

from ramospeech.augment.spec_augment import SpecAugment
from ramospeech.augment.speed import speed

__all__ = ["SpecAugment", "speed"]
