"""When syllables end. CTC says where each is recognised, in a spike of a frame or two, not how long it lasts."""

from collections.abc import Sequence
from statistics import median

_LONGEST = 0.5  # seconds: a syllable that is followed no sooner is followed by a pause
_USUAL = 0.25  # seconds of a syllable, where a recording has no two in a row


def syllable_times(spikes: Sequence[tuple[float, float]], seconds: float) -> list[tuple[float, float]]:
    """Start and end of each syllable of a recording of `seconds`, from the start and end of their spikes, in order.

    A syllable ends where the next one starts. Before a pause, and at the end, it lasts as long as the median syllable
    of the recording.

    >>> syllable_times([(0.0, 0.04), (0.25, 0.29), (0.5, 0.54), (2.0, 2.04)], 2.125)
    [(0.0, 0.25), (0.25, 0.5), (0.5, 0.75), (2.0, 2.125)]
    """
    if not spikes:
        return []
    following = [start for start, _ in spikes[1:]] + [seconds]
    steps = [after - start for (start, _), after in zip(spikes[:-1], following, strict=False)]
    usual = median([step for step in steps if 0 < step <= _LONGEST] or [_USUAL])
    times = []
    for number, ((start, end), after) in enumerate(zip(spikes, following, strict=True)):
        pause = number == len(spikes) - 1 or after - start > _LONGEST
        last = min(start + usual, after) if pause else after
        times.append((start, max(end, last)))
    return times
