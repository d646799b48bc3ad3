"""Recognition: waveforms to hypotheses, and what else the posteriors say."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from ctc_decode import ConfusionNetwork, Hypothesis
from ctc_decode.beam_search import HasAutomaton
from ramospeech.audio.framing import SAMPLE_RATE
from ramospeech.composition import composed, composed_network
from ramospeech.errors import ModelError
from ramospeech.speech import Span, speech_only
from ramospeech.text import Vocabulary
from ramospeech.text.units import Units

# Waveforms (B, S) float32, lengths (B,) in samples -> log-posteriors (B, T', V) float32, (B,) frames.
Posteriors = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


class CtcModel(Protocol):
    """What is asked of a model beside what it computes, as `AcousticModel` and `OnnxModel` have it."""

    @property
    def vocabulary(self) -> Vocabulary: ...

    @property
    def units(self) -> Units: ...

    @property
    def reduction(self) -> int: ...

    @property
    def seconds_per_frame(self) -> float: ...

    @property
    def min_samples(self) -> int: ...


class Decoder(Protocol):
    """Log-posteriors (B, T', V) and lengths (B,) -> B lists of hypotheses, best first."""

    def decode(self, log_probs: np.ndarray, lengths: np.ndarray) -> list[list[Hypothesis]]: ...


@runtime_checkable
class Weighing(Protocol):
    """A decoder that knows more than the posteriors, as `BeamSearchDecoder`; see its `weigh`."""

    def weigh(self, network: ConfusionNetwork, hypothesis: Hypothesis) -> ConfusionNetwork: ...


@dataclass(frozen=True)
class AttentionDecoding:
    """How a model with an attention head is decoded, in the place of a `Decoder`; see `ramospeech.attention.Weights`.

    rescored: None to search the texts of the attention head; or a CTC decoder, whose hypotheses, the best of its
        N best first, are ranked anew by the attention head. beam_width, length_bonus, length_penalty, lm and hotwords
        are those of the search, and say nothing to such a decoder, which has its own.
    ctc_weight: 0 to 1, of CTC against the attention head; None is 0.3, or 0 of a model without CTC.
    lm: an n-gram model, or the path of an ARPA file, or of a neural model of `ramospeech train_neural_lm`.
    """

    beam_width: int = 10
    nbest: int = 1
    ctc_weight: float | None = None
    lm: HasAutomaton | str | Path | None = None
    lm_weight: float = 0.5
    length_bonus: float = 0.0
    length_penalty: float = 0.0
    hotwords: HasAutomaton | None = None
    rescored: Decoder | None = None


@dataclass(frozen=True)
class Recognised:
    """What was recognised in one waveform.

    hypotheses: best first, of syllables and words where the model's units are parts of these. network: what competes
    with the best of them by the posteriors, and by the language model and hotwords of the decoder; None where nobody
    asked for it, or the model has no posteriors.
    no_speech: frames (first, one past the last) where syllables were found that were taken as noise or music.
    unended: whether the attention head did not end the text, which may then lack its end or repeat itself.
    attention: of an attention head, the weight of each frame for each token of the best hypothesis, (U, T').
    """

    hypotheses: list[Hypothesis]
    network: ConfusionNetwork | None
    no_speech: tuple[Span, ...] = ()
    unended: bool = False
    attention: np.ndarray | None = field(default=None, compare=False)


class Recogniser(Protocol):
    """Waveforms (B, S) at 16 kHz and lengths (B,) in samples -> B results. min_samples: the fewest it takes."""

    @property
    def min_samples(self) -> int: ...

    def __call__(self, waveforms: np.ndarray, lengths: np.ndarray) -> list[Recognised]: ...


class BaseRecogniser:
    """What recognisers of waveforms share: silence around them, the decision on speech, networks, and whole items.

    networks: whether to make confusion networks, of posteriors. min_confidence: below it syllables are taken as noise
    or music and left out, see `ramospeech.speech`; 0 keeps all. silence: seconds that are put before and after each
    waveform; frames in the results are those without it.
    """

    def __init__(self, model: CtcModel, networks: bool, min_confidence: float, silence: float) -> None:
        self.model = model
        self.networks = networks
        self.min_confidence = min_confidence
        self.silence = round(silence / model.seconds_per_frame)  # in frames

    @property
    def min_samples(self) -> int:
        """The shortest waveform that gives a frame of output."""
        return self.model.min_samples

    def surrounded(self, waveforms: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return waveforms (B, S), (B,) samples with the silence before and after each."""
        around = self.silence * round(self.model.seconds_per_frame * SAMPLE_RATE)
        return np.pad(waveforms, ((0, 0), (around, around))), lengths + 2 * around

    def finished(
        self, result: Recognised, log_probs: np.ndarray | None, frames: int, silence: int, decoder: object
    ) -> Recognised:
        """Return the result of one utterance with its network, without noise and without the silence around it.

        log_probs: (T', V) of CTC, None without them: nothing is then taken as noise, and there is no network. frames:
        T', with `silence` frames before and after. decoder: weighs the network where it can.
        """
        if log_probs is not None:
            found = result.hypotheses
            if self.min_confidence > 0 and found[0].tokens:
                given = log_probs, found[0], self.model.seconds_per_frame, self.min_confidence
                log_probs, best, spans = speech_only(*given)
                if spans:
                    result = replace(result, hypotheses=[best], no_speech=spans)
            if self.networks:
                result = replace(result, network=self._network(log_probs, result.hypotheses[0], decoder))
        if (units := self.model.units).composed:
            network = result.network and composed_network(result.network, result.hypotheses[0], units)
            result = replace(result, hypotheses=[composed(each, units) for each in result.hypotheses], network=network)
        return without_silence(result, silence, frames - 2 * silence) if silence else result

    def _network(self, log_probs: np.ndarray, best: Hypothesis, decoder: object) -> ConfusionNetwork:
        network = ConfusionNetwork.from_posteriors(log_probs, best, self.model.vocabulary.units)
        return decoder.weigh(network, best) if isinstance(decoder, Weighing) else network


@contextmanager
def decodable() -> Iterator[None]:
    """Decode what a model gave in the block. Raises ModelError where that cannot be."""
    try:
        yield
    except ValueError as error:
        raise ModelError(f"the acoustic model gives what cannot be decoded: {error}; train it again") from error


class CtcRecogniser(BaseRecogniser):
    """A Recogniser of a CTC model and a decoder.

    posteriors: of the model, `OnnxModel.posteriors` or those of `ramospeech.model.inference`. The rest: see
    `BaseRecogniser`.
    """

    def __init__(
        self,
        model: CtcModel,
        posteriors: Posteriors,
        decoder: Decoder,
        networks: bool = True,
        min_confidence: float = 0.0,
        silence: float = 0.0,
    ):
        super().__init__(model, networks, min_confidence, silence)
        self._posteriors = posteriors
        self.decoder = decoder

    def __call__(self, waveforms: np.ndarray, lengths: np.ndarray) -> list[Recognised]:
        """Recognise, as `Recogniser` says. Raises ModelError for posteriors that cannot be decoded."""
        posteriors, frames = self.posteriors(waveforms, lengths)
        found = self._decoded(posteriors, frames)
        return [
            self.finished(Recognised(hypotheses, None), rows[:length], int(length), self.silence, self.decoder)
            for rows, length, hypotheses in zip(posteriors, frames, found, strict=True)
        ]

    def posteriors(self, waveforms: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Map (B, S), (B,) samples to log-posteriors (B, T', V), (B,) frames, `silence` frames before and after each
        waveform among them."""
        return self._posteriors(*self.surrounded(waveforms, lengths))

    def read(self, log_probs: np.ndarray) -> Recognised:
        """Recognise one utterance by its log-posteriors (T', V), without frames of silence around it. Raises
        ModelError as a call does."""
        [found] = self._decoded(log_probs[None], np.array([len(log_probs)]))
        return self.finished(Recognised(found, None), log_probs, len(log_probs), 0, self.decoder)

    def _decoded(self, posteriors: np.ndarray, frames: np.ndarray) -> list[list[Hypothesis]]:
        with decodable():
            return self.decoder.decode(posteriors, frames)


def without_silence(result: Recognised, silence: int, frames: int) -> Recognised:
    """Return a result with its frames numbered from the first behind `silence` frames, the last being `frames` - 1."""

    def first(frame: int) -> int:
        return min(max(frame - silence, 0), max(frames - 1, 0))

    def past(frame: int) -> int:
        return first(frame - 1) + 1

    found = [
        replace(
            each,
            start_frames=tuple(map(first, each.start_frames)),
            end_frames=tuple(map(past, each.end_frames)),
        )
        for each in result.hypotheses
    ]
    network = result.network and ConfusionNetwork(
        tuple(
            replace(slot, start_frame=first(slot.start_frame), end_frame=past(slot.end_frame))
            for slot in result.network.slots
        )
    )
    attention = None if result.attention is None else result.attention[:, silence : silence + frames]
    spans = tuple((first(a), past(b)) for a, b in result.no_speech)
    return Recognised(found, network, spans, result.unended, attention)
