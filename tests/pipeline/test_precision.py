"""Half precision in transcribing."""

from pathlib import Path

import numpy as np
import pytest

from ctc_decode import GreedyDecoder
from ramospeech import Transcriber, audio
from ramospeech.errors import UsageError
from ramospeech.model import AcousticModel, ModelConfig
from ramospeech.onnx_model import OnnxModel

CLIP = Path(__file__).resolve().parents[2] / "demo" / "audio" / "test" / "0004.ogg"


def test_products_are_in_half_precision() -> None:
    """Of a network that was not trained: close to float32, and not equal to it."""
    model = AcousticModel(
        ModelConfig(("<blank>", "<UNK>", "yi1", "er4"), maps=(4, 4, 8, 8), fc=16, rnn=16, rnn_layers=1)
    )
    waveform = audio.load(CLIP)[None]
    found = [
        Transcriber(model, precision=precision).recogniser.posteriors(waveform, np.array([waveform.shape[1]]))[0]  # type: ignore[attr-defined]
        for precision in ("float32", "bf16")
    ]
    assert found[1].dtype == np.float32
    assert 0 < np.abs(np.exp(found[0]) - np.exp(found[1])).max() < 0.05


def test_an_onnx_file_has_its_own() -> None:
    model = object.__new__(OnnxModel)
    model.path = Path("a.onnx")
    with pytest.raises(UsageError, match=r"a.onnx: an ONNX file has the precision that it was exported with"):
        Transcriber(model, decoder=GreedyDecoder(("<blank>", "<UNK>", "yi1")), precision="bf16")
