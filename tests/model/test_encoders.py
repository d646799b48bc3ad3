"""The registry of encoders: a new one needs its own module and nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from speech import make_corpus
from torch import Tensor, nn

from ramospeech.errors import ModelError
from ramospeech.model import (
    ENCODERS,
    HEADS,
    AcousticModel,
    CtcHead,
    Encoder,
    Head,
    ModelConfig,
    load_model,
    register_encoder,
)
from ramospeech.model.encoders import DfcnnSizes
from ramospeech.pipeline import Transcriber
from ramospeech.programs import train
from ramospeech.settings import setting

UNITS = ("<blank>", "<UNK>", "hao3", "ni3", "ma")


@dataclass(frozen=True)
class StridedSizes:
    width: int = setting(12, "channels of the convolution", minimum=1, maximum=64)
    fc: int = setting(16, "states of a frame", minimum=1, maximum=64)
    gelu: bool = setting(False, "GELU in place of ReLU")
    dropout: float = setting(0.0, "dropout rate", minimum=0.0, maximum=1.0)


class Strided(Encoder):
    """One convolution of stride 4 and a linear layer."""

    name = "strided"
    Sizes = StridedSizes
    default_features = "fbank"
    default_normalise = "bin"
    reduction = 4

    def __init__(self, bins: int, sizes: StridedSizes) -> None:
        super().__init__(bins, sizes)
        self.dim = sizes.fc
        self.conv = nn.Conv1d(bins, sizes.width, kernel_size=4, stride=4)
        self.fc = nn.Linear(sizes.width, sizes.fc)
        self.act = nn.GELU() if sizes.gelu else nn.ReLU()
        self.dropout = nn.Dropout(sizes.dropout)

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        self.checked_lengths(lengths)
        x = self.act(self.conv(features.transpose(1, 2))).transpose(1, 2)
        return self.dropout(self.fc(x)), lengths // 4


@pytest.fixture
def strided() -> Iterator[None]:
    before = dict(ENCODERS)
    register_encoder(Strided)
    yield
    ENCODERS.clear()
    ENCODERS.update(before)


def test_a_new_encoder_trains_resumes_and_transcribes(strided: None, tmp_path: Path, capsys) -> None:
    make_corpus(tmp_path)
    where = [f"--{name}={tmp_path / value}" for name, value in (("config_path", "lists"), ("data_root", "audio"))]
    options = ["--data_type", "tones", *where, f"--model_path={tmp_path}", "--model", "strided", "--model_name", "s"]
    options += ["--width", "24", "--gelu", "--gpu_rank", "0", "--batch_size", "8", "--lr", "0.01"]
    assert train.main([*options, "--epochs", "1"]) == 0
    assert train.main([*options, "--epochs", "2", "--load_model"]) == 0
    assert "strided on fbank (normalised by bin), width 24, fc 16, gelu on, dropout 0.0" in capsys.readouterr().err
    model = load_model(tmp_path / "s.last.safetensors")
    assert model.config.sizes == StridedSizes(width=24, gelu=True) and model.summary["epoch"] == 2
    transcript = Transcriber.from_pretrained(tmp_path / "s.last.safetensors", translator=False).transcribe(
        tmp_path / "audio" / "dev0.wav"
    )
    assert transcript.error is None and transcript.seconds > 0


def test_sizes_of_another_encoder_are_refused(strided: None, tmp_path: Path, capsys) -> None:
    make_corpus(tmp_path, clips=2)
    options = ["--data_type", "tones", "--config_path", str(tmp_path / "lists"), "--model_path", str(tmp_path)]
    assert train.main([*options, "--model", "strided", "--rnn", "8"]) == 2
    message = capsys.readouterr().err
    assert "--rnn: an option of" in message and "dfcnn" in message and "which strided does not have" in message
    assert train.main([*options, "--width", "8"]) == 2
    message = capsys.readouterr().err
    assert "--width: an option of" in message and "strided" in message and "which dfcnn does not have" in message


def test_names_that_cannot_be_registered(strided: None) -> None:
    register_encoder(Strided)  # the same again
    with pytest.raises(ValueError, match="there is an encoder 'strided' already"):
        register_encoder(type("Other", (Strided,), {}))

    @dataclass(frozen=True)
    class Clash:
        units: int = setting(1, "taken")

    with pytest.raises(ValueError, match="a size cannot be named units"):
        register_encoder(type("Clashing", (Strided,), {"name": "clashing", "Sizes": Clash}))


def test_a_description_survives_json_and_names_what_is_wrong(strided: None) -> None:
    config = ModelConfig(UNITS, "strided", width=3)
    assert ModelConfig.from_dict(config.to_dict()) == config
    assert (config.features, config.normalise) == ("fbank", "bin")
    assert config.matches(ModelConfig(UNITS, "strided", width=3, dropout=0.5))
    assert not config.matches(ModelConfig(UNITS, "strided"))
    for wrong, message in (
        ({"width": 65}, "width must be a whole number from 1 to 64, not 65"),
        ({"gelu": 1}, "gelu must be true or false, not 1"),
        ({"sizes": DfcnnSizes()}, "DfcnnSizes are not the sizes of strided"),
        ({"heads": ("transducer",)}, "unknown or repeated heads .*transducer.*ctc"),
        ({"heads": ("ctc", "ctc")}, "unknown or repeated heads .*ctc"),
        ({"heads": ()}, "choose at least one of ctc"),
        ({"share_parts": "yes"}, "share_parts must be true or false"),
        ({"rnn": 3}, "options unknown.*rnn"),
    ):
        with pytest.raises(ModelError, match=message):
            ModelConfig(UNITS, "strided", **wrong)


def test_losses_of_several_heads_are_weighted(monkeypatch: pytest.MonkeyPatch) -> None:
    class Double(CtcHead):
        """The same loss twice."""

        def loss(self, *given):
            loss = super().loss(*given)
            return loss._replace(sum=2 * loss.sum)

    monkeypatch.setitem(HEADS, "twice", Double)
    torch.manual_seed(0)
    model = AcousticModel(ModelConfig(UNITS, maps=(2, 2, 2, 2), fc=4, rnn=4, rnn_layers=1, heads=("ctc", "twice")))
    model.eval()
    model.heads["twice"].load_state_dict(model.ctc.state_dict())
    batch = type("Labelled", (), {})()
    batch.waveforms, batch.lengths = torch.randn(2, 8000), torch.tensor([8000, 7000])
    batch.labels, batch.label_lengths = torch.tensor([[2, 3], [4, 0]]), torch.tensor([2, 1])
    model.head_weights["twice"] = 0.0
    alone = model.loss(batch)
    model.head_weights["twice"] = 0.5
    both = model.loss(batch)
    torch.testing.assert_close(both.sum, 2 * alone.sum)
    assert both.count == alone.count == 3 and both.skipped == 0
    assert model.min_frames([2, 2, 3]) == 4


def test_a_model_without_ctc_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent(Head):
        def loss(self, *given):
            raise NotImplementedError

        def min_frames(self, labels):
            return 1

    monkeypatch.setitem(HEADS, "silent", Silent)
    model = AcousticModel(ModelConfig(UNITS, maps=(2, 2, 2, 2), fc=4, rnn=4, rnn_layers=1, heads=("silent",)))
    with pytest.raises(ModelError, match="no CTC head, only silent"):
        model(torch.randn(1, 8000), torch.tensor([8000]))
