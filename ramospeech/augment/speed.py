"""Speed perturbation: the same words faster and higher, or slower and lower (Ko et al., Interspeech 2015)."""

import numpy as np
import soxr


def speed(waveform: np.ndarray, factor: float) -> np.ndarray:
    """Play `waveform` (S,) float32 `factor` times as fast; returns (about S / factor,) float32.

    Raises: ValueError: a factor that is not positive.
    """
    if not factor > 0:
        raise ValueError(f"a speed factor is positive, not {factor}")
    # Only the ratio of the rates matters; soxr takes them as floats.
    return soxr.resample(waveform, factor, 1.0, quality="LQ")
