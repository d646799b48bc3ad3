"""Channel effects: gain, band limits, the telephone, lossy codecs."""

import io

import numpy as np
import soundfile
import soxr

from ramospeech import audio
from ramospeech.errors import extra

CODECS = {"opus": ("OGG", "OPUS"), "mp3": ("MP3", "MPEG_LAYER_III"), "mulaw": ("WAV", "ULAW")}


def volume(waveform: np.ndarray, gain: float) -> np.ndarray:
    """Amplify (S,) samples by `gain` dB -> (S,) float32, possibly beyond [-1, 1]."""
    return waveform * np.float32(10.0 ** (gain / 20.0))


def low_pass(waveform: np.ndarray, limit: float) -> np.ndarray:
    """Low-pass (S,) samples at `limit` Hz (Butterworth, 48 dB per octave) -> (S,) float32."""
    with extra("augment"):
        from scipy.signal import butter, sosfilt  # here, because transcribing does not need these 60 MB

    return sosfilt(butter(8, limit, "lowpass", fs=audio.SAMPLE_RATE, output="sos"), waveform).astype(np.float32)


def telephone(waveform: np.ndarray) -> np.ndarray:
    """Simulate a telephone line, 300 to 3400 Hz sampled at 8 kHz: (S,) -> (S,) float32."""
    with extra("augment"):
        from scipy.signal import butter, sosfilt

    narrow = soxr.resample(waveform, audio.SAMPLE_RATE, 8_000)
    narrow = sosfilt(butter(4, [300.0, 3400.0], "bandpass", fs=8_000, output="sos"), narrow)
    return _of_length(soxr.resample(narrow.astype(np.float32), 8_000, audio.SAMPLE_RATE), len(waveform))


def codec(waveform: np.ndarray, name: str, compression: float = 0.0) -> np.ndarray:
    """Encode and decode (S,) samples by libsndfile, in memory -> (S,) float32.

    name: one of CODECS. compression: from 0, the best quality of the codec, to below 1; mulaw has only one quality.
    Samples are clipped to [-1, 1] first.
    """
    form, subtype = CODECS[name]
    quality = {} if name == "mulaw" else {"compression_level": compression}
    file = io.BytesIO()
    limited = np.clip(waveform, -1.0, 1.0)
    soundfile.write(file, limited, audio.SAMPLE_RATE, format=form, subtype=subtype, **quality)
    file.seek(0)
    return _of_length(soundfile.read(file, dtype="float32")[0], len(waveform))


def _of_length(waveform: np.ndarray, samples: int) -> np.ndarray:
    """Cut or filled with zeros: a round trip may end a sample or a block elsewhere."""
    return np.pad(waveform[:samples], (0, max(0, samples - len(waveform))))
