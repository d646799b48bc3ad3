"""How audio is counted: samples at 16 kHz, and frames of 25 ms that begin every 10 ms."""

SAMPLE_RATE = 16_000  # Hz: what the models take
WINDOW = 400  # samples of a frame: 25 ms
HOP = 160  # samples from one frame to the next: 10 ms
FRAMES_PER_SECOND = SAMPLE_RATE // HOP


def frame_count(samples: int) -> int:
    """Return frames that lie wholly inside so many samples: 1 + (S - 400) // 160, or 0 below one window.

    >>> frame_count(399), frame_count(400), frame_count(16_000)
    (0, 1, 98)
    """
    return max(0, 1 + (samples - WINDOW) // HOP)
