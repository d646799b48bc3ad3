"""A model in an ONNX file of `ramospeech export`: waveforms to log-posteriors by onnxruntime, without torch."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from ramospeech import __version__
from ramospeech.audio.framing import HOP, SAMPLE_RATE
from ramospeech.environment import cpu_threads
from ramospeech.errors import ModelError, RamospeechError, extra
from ramospeech.text import Vocabulary
from ramospeech.text.units import units_of_model

FORMAT = 1
KEY = "ramospeech"  # the metadata entry, JSON
INPUTS = ("waveforms", "lengths")
OUTPUTS = ("log_posteriors", "frames")


class OnnxModel:
    """A model file of ONNX -> log-posteriors, on a CPU.

    vocabulary, units: what it recognises. reduction: feature frames per frame of posteriors. min_samples,
    max_frames: samples of the shortest clip and feature frames of the longest, None for any length. silence: seconds
    that are put around a recording. summary: of its training. int8: whether its weights are in 8 bits.
    threads: None for OMP_NUM_THREADS, or the cores. Raises ModelError for a file that cannot be used,
    MissingPackageError without onnxruntime.
    """

    def __init__(self, path: str | Path, threads: int | None = None) -> None:
        self.path = Path(path)
        self._session = _session(self.path, cpu_threads(threads))
        entry = _entry(self.path, self._session)
        try:
            config, inference = entry["config"], entry["inference"]
            self.vocabulary = Vocabulary(config["units"])
            self.units = units_of_model(config["unit_type"], self.vocabulary.units)
            self.reduction = int(inference["reduction"])
            self.min_samples = int(inference["min_samples"])
            self.max_frames = None if inference["max_frames"] is None else int(inference["max_frames"])
            self._hop = int(inference.get("samples_per_frame", HOP))  # of features
            self.silence = float(inference["silence"])
            self.summary: dict[str, Any] = dict(entry["training"])
            self.int8 = bool(entry["int8"])
        except (KeyError, TypeError, ValueError, RamospeechError) as error:
            raise ModelError(f"{path}: its description is broken ({error}); export the model anew") from error

    @property
    def seconds_per_frame(self) -> float:
        """Time from one frame of posteriors to the next."""
        return self.reduction * self._hop / SAMPLE_RATE

    def piece_seconds(self, limit: float) -> float:
        """Return the seconds of audio to cut longer recordings into: `limit`, or the longest clip if that is less."""
        return limit if self.max_frames is None else min(limit, self.max_frames * self._hop / SAMPLE_RATE)

    def posteriors(self, waveforms: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Map (B, S) float32 in [-1, 1], (B,) samples to log-posteriors (B, T', V) float32, (B,) frames.

        Raises ValueError for a clip that is too short to give one frame or longer than the model takes.
        """
        for number, samples in enumerate(lengths):
            if samples < self.min_samples:
                raise ValueError(
                    f"clip {number} of the batch has {samples} samples, the model needs at least {self.min_samples}: "
                    "leave such clips out"
                )
            if self.max_frames is not None and samples // self._hop > self.max_frames:
                raise ValueError(
                    f"clip {number} of the batch has {samples} samples, the model takes at most "
                    f"{self.max_frames * self._hop}: cut it at pauses"
                )
        given = {INPUTS[0]: waveforms.astype(np.float32), INPUTS[1]: lengths.astype(np.int64)}
        try:
            log_probs, frames = self._session.run(list(OUTPUTS), given)
        except Exception as error:  # onnxruntime's have no class in common
            reason = str(error).splitlines()[0]
            raise ModelError(f"{self.path}: onnxruntime cannot run it ({reason}); export the model anew") from error
        return log_probs, frames


def _session(path: Path, threads: int) -> Any:
    with extra("onnx"):
        import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.enable_cpu_mem_arena = False  # it keeps the largest of every size that came; clips have many
    options.log_severity_level = 3  # errors
    try:
        path.open("rb").close()
        return onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); make it with: ramospeech export MODEL") from error
    except Exception as error:  # onnxruntime's have no class in common
        reason = str(error).splitlines()[0]
        raise ModelError(f"{path}: truncated, or not an ONNX file ({reason}); export the model anew") from error


def _entry(path: Path, session: Any) -> dict[str, Any]:
    text = session.get_modelmeta().custom_metadata_map.get(KEY)
    names = [{each.name for each in part} for part in (session.get_inputs(), session.get_outputs())]
    if text is None or names != [set(INPUTS), set(OUTPUTS)]:
        raise ModelError(f"{path}: an ONNX file of another program; make one with: ramospeech export MODEL")
    try:
        entry = json.loads(text)
        written = entry["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: its description is broken; export the model anew") from error
    if written != FORMAT:
        raise ModelError(
            f"{path}: export format {written} of ramospeech {entry.get('version')}; this is {__version__}, which reads "
            f"format {FORMAT}: export the model anew"
        )
    return entry
