"""Embeddings of voices: the encoder of Resemblyzer (Wan et al., arXiv 1710.10467), in numpy.

An LSTM of three layers reads 40 mel energies of 160 frames; the last state, through a linear layer, is a direction in
256 dimensions. Windows of one speaker point the same way. Its weights are in `pretrained/voices.safetensors`.
"""

from functools import cache
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from ramospeech.audio.framing import HOP, SAMPLE_RATE, WINDOW
from ramospeech.errors import ModelError
from ramospeech.files import pretrained_folder

BINS, CELLS, LAYERS = 40, 256, 3
FRAMES, STEP = 160, 64  # of a window, and from one to the next: 1.6 and 0.64 s
SCALE = ".scale"  # ending of the name of factors (rows, 1) of a matrix of bytes
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
            stored = {name: values.astype(np.float32) for name, values in load_file(path).items()}
            self.weights = {
                name: values * stored.get(f"{name}{SCALE}", np.float32(1))
                for name, values in stored.items()
                if not name.endswith(SCALE)
            }
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
            x = self._lstm(x, layer)
        found = np.maximum(x[-1] @ self.weights["linear.weight"].T + self.weights["linear.bias"], 0.0)
        times = (starts + FRAMES / 2) * HOP / SAMPLE_RATE
        return times, found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-6)

    def _lstm(self, x: np.ndarray, layer: int) -> np.ndarray:
        """Map (T, N, inputs) to the states (T, N, CELLS) of a layer, as torch.nn.LSTM has it."""
        ih, hh, bias_ih, bias_hh = (
            self.weights[f"lstm.{name}_l{layer}"] for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        inputs, recurrent = x @ ih.T + (bias_ih + bias_hh), np.ascontiguousarray(hh.T)
        state = cell = np.zeros((x.shape[1], CELLS), np.float32)
        states = np.empty((*x.shape[:2], CELLS), np.float32)
        for time, given in enumerate(inputs):
            gates = given + state @ recurrent
            keep = _sigmoid(gates[:, : 2 * CELLS])  # input and forget gates
            cell = keep[:, CELLS:] * cell + keep[:, :CELLS] * np.tanh(gates[:, 2 * CELLS : 3 * CELLS])
            state = states[time] = _sigmoid(gates[:, 3 * CELLS :]) * np.tanh(cell)
        return states


@cache
def shipped_encoder() -> VoiceEncoder:
    """Return the encoder with the shipped weights, which are read once."""
    return VoiceEncoder()


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 + 0.5 * np.tanh(0.5 * x)


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
