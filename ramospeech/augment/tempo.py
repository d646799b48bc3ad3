"""Tempo: the same voice talking faster or slower, its pitch kept (WSOLA, Verhelst and Roelands, ICASSP 1993)."""

import numpy as np

_WINDOW, _HOP, _SEARCH = 480, 240, 160  # samples: 30 ms, half of it, and 10 ms either way: a pitch period of 50 Hz


def tempo(waveform: np.ndarray, factor: float) -> np.ndarray:
    """Make `waveform` (S,) `factor` times as fast; returns (round(S / factor),) float32.

    Windows are taken from the input at `factor` times their distance in the output, each at the offset where it best
    matches the continuation of the one before.
    Raises: ValueError: a factor that is not positive.
    """
    if not factor > 0:
        raise ValueError(f"a tempo factor is positive, not {factor}")
    samples = round(len(waveform) / factor)
    hops = samples // _HOP + 2
    end = int(hops * _HOP * factor) + _WINDOW + _HOP + _SEARCH
    padded = np.pad(waveform, (_HOP + _SEARCH, max(0, end - len(waveform))))
    # Windows are compared relative to their loudness: otherwise the loudest would win.
    powers = np.cumsum(np.pad(np.square(padded, dtype=np.float64), (1, 0)))
    loudness = np.sqrt(np.maximum(powers[_WINDOW:] - powers[:-_WINDOW], 1e-12))
    window = np.hanning(_WINDOW + 1)[:_WINDOW].astype(np.float32)
    result = np.zeros((hops + 1) * _HOP, np.float32)
    position = _SEARCH
    for hop in range(hops):
        if hop:
            following = padded[position + _HOP : position + _HOP + _WINDOW]
            first = round(hop * _HOP * factor)
            region = padded[first : first + _WINDOW + 2 * _SEARCH]
            correlation = np.correlate(region, following, "valid") / loudness[first : first + 2 * _SEARCH + 1]
            position = first + int(correlation.argmax())
        result[hop * _HOP : hop * _HOP + _WINDOW] += window * padded[position : position + _WINDOW]
    return result[_HOP : _HOP + samples]
