"""The acoustic model as everything else sees it: waveforms in, log-posteriors of units out."""

from typing import Any

import torch
from torch import Tensor, nn

from ramospeech.errors import ModelError
from ramospeech.features import HOP, SAMPLE_RATE, Features
from ramospeech.model.config import ModelConfig
from ramospeech.model.dfcnn import DFCNN
from ramospeech.text import Vocabulary

ARCHITECTURES = {"dfcnn": DFCNN}


class AcousticModel(nn.Module):
    """Waveforms (B, S) float32 in [-1, 1], (B,) samples -> log-posteriors (B, T', V) float32, (B,) frames.

    `augment`, where training sets one, takes features (B, T, F) and their lengths (B,) and returns features; it acts
    in training mode only and is never saved. Raises ModelError for an unknown architecture, ValueError for a clip
    too short to give one frame.
    """

    augment: nn.Module | None
    summary: dict[str, Any]  # of the training, where the model comes from a file

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        if config.architecture not in ARCHITECTURES:
            raise ModelError(f"unknown architecture {config.architecture!r}; there is {', '.join(ARCHITECTURES)}")
        self.config = config
        self.vocabulary = Vocabulary(config.units)
        with torch.device("cpu"):  # its windows are no weights: wherever a file's shapes are built, they are there
            self.features = Features(config.features, config.normalise)
        self.network = ARCHITECTURES[config.architecture].from_config(config, self.features.bins)
        self.augment = None
        self.summary = {}

    @property
    def reduction(self) -> int:
        """Feature frames that make one frame of posteriors."""
        return self.network.reduction

    @property
    def seconds_per_frame(self) -> float:
        """Time from one frame of posteriors to the next."""
        return self.reduction * HOP / SAMPLE_RATE

    @property
    def num_parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.network.parameters())

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        features, lengths = self.features(waveforms, lengths)
        if self.augment is not None and self.training:
            features = self.augment(features, lengths)
        return self.network(features, lengths)


def build_model(config: ModelConfig) -> AcousticModel:
    """A new model with fresh weights."""
    return AcousticModel(config)
