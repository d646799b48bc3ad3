"""Effects on whole batches of waveforms (B, S), as tensor operations on the device where they lie.

What is drawn for each row comes from a numpy generator on the CPU, so nothing waits for the device; only noise itself
is drawn there. Each effect is an option by name and probability, as those on single clips are.
"""

from ramospeech.augment.batched.effects import BATCH_EFFECTS, BatchAugment, Sources
from ramospeech.augment.batched.sounds import Sounds, as_int16

__all__ = ["BATCH_EFFECTS", "BatchAugment", "Sounds", "Sources", "as_int16"]
