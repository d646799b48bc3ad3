"""Several channels -> one: their mean, or a loud one where they cancel each other."""

import numpy as np

from ramospeech.errors import AudioError

# Float files are nominally within [-1, 1] and may overshoot a little; far beyond, they hold integers.
_MAX_PEAK = 16.0
# Channels whose mean has less than this fraction of the power that independent channels would have cancel each other.
_CANCELLED = 0.05


def mixed(block: np.ndarray, rate: int) -> tuple[np.ndarray, bool]:
    """Map (n, channels) to (n,): the mean of the channels, or a loud one in seconds where they cancel each other.

    Also whether they did.
    """
    mono = block.mean(axis=1, dtype=np.float32)
    peak = np.abs(mono).max(initial=0.0)
    if not np.isfinite(peak):
        raise AudioError("holds samples that are not numbers (NaN or infinite); export it again")
    if peak > _MAX_PEAK:
        raise AudioError(
            f"holds samples as large as {peak:.6g} where floating point audio lies within [-1, 1]; "
            "divide them by 32768 if they are 16-bit integers"
        )
    channels = block.shape[1]
    if channels == 1:
        return mono, False
    starts = np.arange(0, len(block), rate)
    power = np.add.reduceat(np.square(block), starts, axis=0)
    cancelled = np.add.reduceat(np.square(mono), starts) < _CANCELLED / channels * power.mean(axis=1)
    if cancelled.any():
        total = power.sum(axis=0)
        loudest = int((total > total.max() / 2).argmax())  # the first of about equals, so that it stays the same
        for second in np.flatnonzero(cancelled):
            part = slice(starts[second], starts[second] + rate)
            mono[part] = block[part, loudest]
    return mono, bool(cancelled.any())
