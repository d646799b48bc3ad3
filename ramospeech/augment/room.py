"""Reverberation: speech recorded by a microphone in a simulated room.

Impulse responses are those of the image method (Allen and Berkley 1979) in shoebox rooms, computed by pyroomacoustics
(Scheibler et al., arXiv 1710.04196), their walls absorbing as Sabine's formula asks for the reverberation time.
"""

from functools import lru_cache

import numpy as np

from ramospeech import audio
from ramospeech.errors import extra

ROOMS = 128  # each is computed once per process, in 10 to 300 ms
_MAX_ORDER = 60  # reflections of one path, at most


@lru_cache(maxsize=ROOMS)
def impulse_response(number: int) -> tuple[float, np.ndarray]:
    """Return the requested RT60 in seconds and the impulse response (N,) float32 of room `number`; deterministic.

    Rooms are 3 x 3 x 2.4 to 8 x 6 x 3.5 m; RT60 is 0.1 to 0.6 s, or the minimum that such walls allow; the speaker is
    0.3 m or more away. The response starts with the direct sound, which is 1.
    """
    with extra("augment"):
        import pyroomacoustics as pra  # here, because loading it takes seconds

    rng = np.random.default_rng((number, 1))
    size = rng.uniform([3.0, 3.0, 2.4], [8.0, 6.0, 3.5])
    width, length, height = size
    surface = 2.0 * (width * length + width * height + length * height)
    shortest = 0.161 * size.prod() / (0.9 * surface)  # Sabine's formula at an absorption of 0.9
    rt60 = max(float(rng.uniform(0.1, 0.6)), shortest)
    absorption, order = pra.inverse_sabine(rt60, size)
    room = pra.ShoeBox(size, fs=audio.SAMPLE_RATE, materials=pra.Material(absorption), max_order=min(order, _MAX_ORDER))
    microphone = rng.uniform(0.5, size - 0.5)
    speaker = rng.uniform(0.5, size - 0.5)
    while np.linalg.norm(speaker - microphone) < 0.3:
        speaker = rng.uniform(0.5, size - 0.5)
    room.add_source(speaker)
    room.add_microphone(microphone)
    room.compute_rir()
    response = room.rir[0][0]
    delay = np.linalg.norm(speaker - microphone) / room.c * audio.SAMPLE_RATE
    direct = round(delay + pra.constants.get("frac_delay_length") // 2)
    response = response[direct:] / np.abs(response[direct - 1 : direct + 2]).max()
    return rt60, response.astype(np.float32)


def reverberate(waveform: np.ndarray, response: np.ndarray) -> np.ndarray:
    """Convolve (S,) samples with an impulse response (N,) -> (S,) float32 of the same power; the tail is cut."""
    with extra("augment"):
        from scipy.signal import fftconvolve  # here, because transcribing does not need these 60 MB

    wet = fftconvolve(waveform, response)[: len(waveform)]
    power = np.mean(np.square(wet, dtype=np.float64))
    if power == 0.0:
        return waveform
    return (wet * np.sqrt(np.mean(np.square(waveform, dtype=np.float64)) / power)).astype(np.float32)
