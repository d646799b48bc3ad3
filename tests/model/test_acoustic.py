"""The model as the rest of the toolkit sees it."""

from pathlib import Path

import pytest
import seeds
import torch
from torch import Tensor, nn

from ramospeech.errors import ModelError
from ramospeech.model import AcousticModel, ModelConfig

UNITS = ("<blank>", "<UNK>", "hao3", "ni3", "ma")
SMALL = ModelConfig(UNITS, features="fbank", maps=(4, 4, 8, 8), fc=8, rnn=8, rnn_layers=2)


def speech(*samples: int) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    return 0.1 * torch.randn(len(samples), max(samples)), torch.tensor(samples)


def test_the_original_in_whole() -> None:
    units = (*UNITS, *(f"a{i}" for i in range(1210)))
    model = AcousticModel(ModelConfig(units, features="spectrogram", normalise="clip"))
    assert model.num_parameters == 2_779_903
    assert (model.reduction, model.seconds_per_frame) == (8, 0.08)


def test_waveforms_to_posteriors() -> None:
    model = AcousticModel(SMALL).eval()
    log_probs, lengths = model(*speech(16_000, 9_000))
    assert log_probs.shape == (2, 12, 5) and log_probs.dtype == torch.float32
    assert lengths.tolist() == [12, 6] and lengths.dtype == torch.int64
    assert model.vocabulary.units == UNITS
    waveforms, _ = speech(16_000, 9_000)
    alone, _ = model(waveforms[1:, :9_000], torch.tensor([9_000]))
    assert torch.allclose(alone[0], log_probs[1, :6], atol=1e-5)


def test_augmentation_in_training_only_and_never_saved() -> None:
    class Silence(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.calls = 0
            self.register_buffer("state", torch.ones(1))

        def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
            assert features.shape[:2] == (2, 98) and lengths.tolist() == [98, 54]
            self.calls += 1
            return torch.zeros_like(features)

    model = AcousticModel(SMALL)
    model.augment = silence = Silence()
    model.eval()(*speech(16_000, 9_000))
    assert silence.calls == 0
    model.train()(*speech(16_000, 9_000))
    assert silence.calls == 1
    assert model.num_parameters == AcousticModel(SMALL).num_parameters


def test_all_parts_learn_together(tmp_path: Path) -> None:
    seeds.check("acoustic", tmp_path)


@pytest.mark.parametrize(
    "wrong, message",
    [
        ({"architecture": "las9"}, "unknown architecture 'las9'; there is .*dfcnn"),
        ({"features": "wavelets"}, "'wavelets'.*fbank"),
        ({"window_size": 26.0}, "window_size must be a number from 5 to 25, not 26"),
        ({"hop_size": 10.01}, "hop_size 10.01 is 160.16 samples at 16000 Hz"),
        ({"window_size": 5.0}, "hop_size 10 is longer than window_size 5"),
        ({"features": "spectrogram", "feature_bins": 202}, "feature_bins 202: a spectrogram of 400 samples has 201"),
        ({"sample_rate": 44100}, "sample_rate must be one of 8000, 16000"),
        ({"normalise": "global"}, "'global'.*clip, bin, none"),
        ({"maps": (4, 4, 4)}, "maps must be 4 whole numbers"),
        ({"maps": (4, 4, 4, 0)}, "from 1 to"),
        ({"fc": 10**9}, "from 1 to"),
        ({"rnn_layers": 10**9}, "rnn_layers"),
        ({"rnn": 1.5}, "rnn must be a whole number"),
        ({"dropout": 5.0}, "dropout"),
        ({"units": ("<blank>", "<UNK>")}, "at least one unit more"),
    ],
)
def test_what_cannot_be_built(wrong: dict, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        AcousticModel(ModelConfig(**{"units": UNITS, **wrong}))
