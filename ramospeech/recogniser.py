"""Recognition: waveforms to hypotheses, and what else the posteriors say."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from ctc_decode import BeamSearchDecoder, ConfusionNetwork, Hypothesis
from ramospeech.errors import ModelError, UsageError
from ramospeech.model import AcousticModel


class Decoder(Protocol):
    """Log-posteriors (B, T', V) and lengths (B,) -> B lists of hypotheses, best first."""

    def decode(self, log_probs: np.ndarray, lengths: np.ndarray) -> list[list[Hypothesis]]: ...


@dataclass(frozen=True)
class Recognised:
    """What was recognised in one waveform.

    hypotheses: best first. network: what competes with the best of them by the posteriors, and by the language model
    and hotwords of the decoder; None where nobody asked for it, or the model has no posteriors.
    """

    hypotheses: list[Hypothesis]
    network: ConfusionNetwork | None


class Recogniser(Protocol):
    """Waveforms (B, S) at 16 kHz and lengths (B,) in samples -> B results. min_samples: the fewest it takes."""

    @property
    def min_samples(self) -> int: ...

    def __call__(self, waveforms: Tensor, lengths: Tensor) -> list[Recognised]: ...


class CtcRecogniser:
    """A Recogniser of a CTC model and a decoder. networks: whether to make confusion networks."""

    def __init__(self, model: AcousticModel, decoder: Decoder, device: torch.device, networks: bool = True):
        self.model = model
        self.decoder = decoder
        self.device = device
        self.networks = networks

    @property
    def min_samples(self) -> int:
        """The shortest waveform that gives a frame of output."""
        return self.model.min_samples

    @torch.inference_mode()
    def __call__(self, waveforms: Tensor, lengths: Tensor) -> list[Recognised]:
        """Recognise, as `Recogniser` says. Raises ModelError for posteriors that cannot be decoded."""
        log_probs, frames = self.model(waveforms.to(self.device), lengths.to(self.device))
        posteriors = log_probs.float().cpu().numpy()
        try:
            hypotheses = self.decoder.decode(posteriors, frames.cpu().numpy())
        except ValueError as error:
            raise ModelError(f"the acoustic model gives what cannot be decoded: {error}; train it again") from error
        return [
            Recognised(found, self._network(rows[:length], found[0]) if self.networks else None)
            for rows, length, found in zip(posteriors, frames.tolist(), hypotheses, strict=True)
        ]

    def _network(self, log_probs: np.ndarray, best: Hypothesis) -> ConfusionNetwork:
        network = ConfusionNetwork.from_posteriors(log_probs, best, self.model.vocabulary.units)
        return self.decoder.weigh(network, best) if isinstance(self.decoder, BeamSearchDecoder) else network


def checked_device(device: str) -> torch.device:
    """Return the device of that name. Raises UsageError where it is not there."""
    try:
        checked = torch.device(device)
        torch.zeros(1, device=checked)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"cannot use --device {device} ({reason}); cpu always works") from error
    return checked
