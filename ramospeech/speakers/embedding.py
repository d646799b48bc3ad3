"""Embeddings of voices: the encoder of Resemblyzer (Wan et al., arXiv 1710.10467), in numpy.

An LSTM of three layers reads 40 mel energies of 160 frames; the last state, through a linear layer, is a direction in
256 dimensions. Windows of one speaker point the same way. Its weights are in `pretrained/voices.safetensors`.
"""

from functools import cache
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from ramospeech.arrays import in_float32, lstm
from ramospeech.audio.framing import HOP, SAMPLE_RATE, WINDOW
from ramospeech.errors import ModelError
from ramospeech.files import pretrained_folder

BINS, CELLS, LAYERS = 40, 256, 3
FRAMES, STEP = 160, 64  # of a window, and from one to the next: 1.6 and 0.64 s
LEVEL = -30.0  # dB below full scale; a quieter recording is amplified to that


def voices_path() -> Path:
    """Return the shipped weights."""
    return pretrained_folder() / "voices.safetensors"


class VoiceEncoder:
    """Waveforms (S,) float32 at 16 kHz -> times (N,) in seconds and unit vectors (N, 256) of their windows.

    Raises ModelError for a file of weights that cannot be used.
    """

    def __init__(self, path: Path | None = None) -> None:
        path = path or voices_path()
        try:
            self.weights = in_float32(load_file(path))
            self._check()
        except OSError as error:
            raise ModelError(f"{path}: cannot be read ({error.strerror}); it comes with ramospeech") from error
        except (SafetensorError, KeyError, ValueError) as error:
            raise ModelError(f"{path}: not the weights of the voice encoder ({error}); copy it again") from error

    def _check(self) -> None:
        for layer in range(LAYERS):
            inputs = CELLS if layer else BINS
            for name, width in (("ih", inputs), ("hh", CELLS)):
                if self.weights[f"lstm.weight_{name}_l{layer}"].shape != (4 * CELLS, width):
                    raise ValueError(f"layer {layer} has another size")
        if self.weights["linear.weight"].shape != (CELLS, CELLS):
            raise ValueError("its linear layer has another size")

    def __call__(self, waveform: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mel = mel_energies(waveform)
        if len(mel) < FRAMES:
            mel = np.resize(mel, (FRAMES, BINS))  # repeated
        starts = np.arange(0, len(mel) - FRAMES + 1, STEP)
        x = np.stack([mel[start : start + FRAMES] for start in starts], 1)  # (frames, N, bins)
        for layer in range(LAYERS):
            x = lstm(x, self.weights, f"l{layer}")
        found = np.maximum(x[-1] @ self.weights["linear.weight"].T + self.weights["linear.bias"], 0.0)
        times = (starts + FRAMES / 2) * HOP / SAMPLE_RATE
        return times, found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-6)


@cache
def shipped_encoder() -> VoiceEncoder:
    """Return the encoder with the shipped weights, which are read once."""
    return VoiceEncoder()


def mel_energies(waveform: np.ndarray) -> np.ndarray:
    """Map (S,) to energies (T, 40) of centred 25 ms Hann windows every 10 ms, as librosa's `melspectrogram`."""
    level = 20 * np.log10(np.sqrt(np.mean(np.square(waveform))) + 1e-9)
    louder = waveform * 10 ** (max(LEVEL - level, 0.0) / 20)
    padded = np.pad(louder, WINDOW // 2, mode="reflect" if len(louder) > WINDOW // 2 else "edge")
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    spectrum = np.fft.rfft(frames * np.hanning(WINDOW + 1)[:-1])
    return ((spectrum.real**2 + spectrum.imag**2) @ _filters()).astype(np.float32)


@cache
def _filters() -> np.ndarray:
    """Triangles of unit area on Slaney's mel scale, linear below 1 kHz and logarithmic above: (201, 40)."""
    step = np.log(6.4) / 27
    mel = np.linspace(0.0, 15.0 + np.log(SAMPLE_RATE / 2 / 1000) / step, BINS + 2)
    edges = np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * step))
    hertz = np.linspace(0, SAMPLE_RATE / 2, WINDOW // 2 + 1)[:, None]
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    rise, fall = (hertz - left) / (centre - left), (right - hertz) / (right - centre)
    return np.maximum(np.minimum(rise, fall), 0.0) * 2 / (right - left)
