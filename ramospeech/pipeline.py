"""Everything from audio to transcript, as a library call.

from ramospeech import Transcriber
print(Transcriber.from_pretrained().transcribe("a.wav").text)
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from ctc_decode import ConfusionNetwork, GreedyDecoder, Hypothesis
from ramospeech.audio import SAMPLE_RATE, Source, name_of, segments
from ramospeech.data.batching import map_by_length
from ramospeech.errors import AudioError, ModelError, UsageError
from ramospeech.inputs import recordings
from ramospeech.model import AcousticModel, load_model
from ramospeech.model.pretrained import SHIPPED, model_path
from ramospeech.recogniser import CtcRecogniser, Decoder, Recognised, Recogniser, checked_device
from ramospeech.text.units import spaced
from ramospeech.timing import syllable_times
from ramospeech.transcript import Token, Transcript, written_tokens
from ramospeech.translate import (
    Phrases,
    Translation,
    Translator,
    load_translator,
    ngram_path,
    pretrained_folder,
)

PRETRAINED = pretrained_folder()

# Recordings are read ahead and sorted by length within a window of this many batches.
_WINDOW_BATCHES = 16
# Audio a batch. On a CPU more takes twice the time and three times the memory: activations leave the caches.
_CPU_SECONDS, _GPU_SECONDS = 8.0, 60.0

__all__ = ["PRETRAINED", "Decoder", "Token", "Transcriber", "Transcript", "Translation", "recordings"]


@dataclass
class _Piece:
    """A part of a recording, short enough for the model; once it went through it has what was heard there, and the
    texts for that, best first. network: what the translator reads instead of the hypotheses."""

    start: float
    hotwords: Phrases | None = None
    hypotheses: list[Hypothesis] = field(default_factory=list)
    network: ConfusionNetwork | None = None
    texts: list[Translation] = field(default_factory=list)

    @property
    def heard(self) -> Hypothesis:
        return self.hypotheses[0]

    def frames(self) -> list[tuple[int, int]]:
        """Where each syllable of the best text starts and ends."""
        if self.network is None:
            return list(zip(self.heard.start_frames, self.heard.end_frames, strict=True))
        slots = (self.network.slots[number] for number in self.texts[0].slots)
        return [(slot.start_frame, slot.end_frame) for slot in slots]


@dataclass
class _Draft:
    """A recording on its way to a Transcript."""

    id: str
    hotwords: Phrases | None = None
    pieces: list[_Piece] = field(default_factory=list)
    samples: int = 0
    warnings: list[str] = field(default_factory=list)
    error: str | None = None
    read: bool = False

    @property
    def ready(self) -> bool:
        return self.read and all(piece.texts for piece in self.pieces)


class Transcriber:
    """Recordings of any length and format -> transcripts.

    model: is switched to evaluation and moved to `device`. translator: None leaves `text` empty; one has the last word
    on the syllables, see `_translate`. decoder: None is greedy decoding. nbest: how many texts to give. max_seconds:
    longer recordings are cut at pauses and their pieces transcribed one by one. Raises UsageError for a device that is
    not there.
    """

    def __init__(
        self,
        model: AcousticModel,
        translator: Translator | None = None,
        decoder: Decoder | None = None,
        device: str = "cpu",
        nbest: int = 1,
        max_seconds: float = 20.0,
        hotwords: Phrases | None = None,
    ):
        self.device = checked_device(device)
        self.model = model.to(self.device).eval()
        self.translator = translator
        self.decoder: Decoder = decoder or GreedyDecoder(model.vocabulary.units)
        self.nbest = nbest
        longest = model.max_frames
        self.max_seconds = max_seconds if longest is None else min(max_seconds, longest / 100)
        self.hotwords = hotwords
        self.recogniser: Recogniser = CtcRecogniser(
            self.model, self.decoder, self.device, networks=translator is not None
        )

    @classmethod
    def from_pretrained(
        cls,
        model: str | Path | None = None,
        translator: str | Path | Literal[False] | None = None,
        device: str = "cpu",
        nbest: int = 1,
        decoder: Callable[[Sequence[str]], Decoder] | None = None,
        hotwords: Phrases | None = None,
    ) -> "Transcriber":
        """Load a model file and a translator file; None stands for the weights shipped in `pretrained/`.

        model: a file, or `accurate` (None is that) or `fast`, which are shipped. The model is made ready for inference
        only: see `AcousticModel.optimise_for_inference`.
        translator: False leaves it out: `pinyin` is then what was heard, `text` is empty. decoder: makes the decoder
        for the model's units (`BeamSearchDecoder` itself, or a function); None is greedy.
        Raises ModelError for a file that is missing or cannot be used.
        """
        checked_device(device)
        name = "accurate" if model is None else model
        path = model_path(name)
        if name in SHIPPED and not path.is_file():
            raise ModelError(
                f"{path}: no acoustic model is shipped there; train one (`make demo`, or train.py) "
                "and pass its file with --model"
            )
        loaded = load_model(path, device)
        loaded.optimise_for_inference()
        found = decoder(loaded.vocabulary.units) if decoder else None
        if loaded.units.labels_text:
            refuse_translation(path, translator, hotwords)
            translator = False
        if translator is None:
            translator = ngram_path()  # reads the posteriors for the seq2seq translator too, which need not be loaded
        chosen = None if translator is False else load_translator(translator)
        return cls(loaded, chosen, found, device=device, nbest=nbest, hotwords=hotwords)

    def transcribe(self, source: Source) -> Transcript:
        """Transcribe one recording. Raises AudioError where it cannot.

        source: a path, the bytes of a file, a binary file object, or (waveform, sample rate): (n,) or (n, channels)
        floats within [-1, 1] and Hz.
        """
        [transcript] = self.transcribe_batch([source])
        if transcript.error:
            raise AudioError(transcript.error)
        return transcript

    def transcribe_batch(
        self,
        sources: Iterable[Source],
        batch_seconds: float | None = None,
        hotwords: Iterable[Phrases | None] | None = None,
        progress: Callable[[float], object] | None = None,
    ) -> Iterator[Transcript]:
        """Transcribe many recordings, several at a time; gives transcripts in the order of the sources.

        batch_seconds: audio per batch, padding included; None is 8 on a CPU and 60 on a GPU.
        hotwords: of each source its own; None is those of the transcriber for all.
        progress: is called with the seconds of audio of each batch that was recognised.
        Sources are read ahead by a bounded amount.
        A recording that cannot be transcribed gives a Transcript with `error`; the others go on.
        """
        batch_seconds = batch_seconds or (_CPU_SECONDS if self.device.type == "cpu" else _GPU_SECONDS)
        drafts: deque[_Draft] = deque()
        window: list[tuple[_Piece, np.ndarray]] = []
        held = 0
        of_each = repeat(self.hotwords) if hotwords is None else hotwords
        for source, phrases in zip(sources, of_each, strict=hotwords is not None):
            draft = _Draft(name_of(source), phrases)
            drafts.append(draft)
            for piece, waveform in self._pieces(source, draft):
                window.append((piece, waveform))
                held += len(waveform)
                if held >= _WINDOW_BATCHES * batch_seconds * SAMPLE_RATE:
                    self._recognise(window, batch_seconds, progress)
                    window, held = [], 0
            while drafts and drafts[0].ready:
                yield self._finish(drafts.popleft())
        self._recognise(window, batch_seconds, progress)
        for draft in drafts:
            yield self._finish(draft)

    def _pieces(self, source: Source, draft: _Draft) -> Iterator[tuple[_Piece, np.ndarray]]:
        """Read a recording into its draft; an error is kept there."""
        try:
            for start, waveform in segments(source, self.max_seconds, draft.warnings.append):
                draft.samples += len(waveform)
                if len(waveform) >= self.recogniser.min_samples:
                    piece = _Piece(start, draft.hotwords)
                    draft.pieces.append(piece)
                    yield piece, waveform
            if not draft.pieces:
                raise AudioError(
                    f"{draft.id}: too short: {draft.samples / SAMPLE_RATE:.3f} s, and the model needs "
                    f"{self.recogniser.min_samples / SAMPLE_RATE:.3f} s; leave it out or record more"
                )
        except AudioError as error:
            draft.error = str(error)
        draft.read = True

    def _recognise(
        self,
        window: list[tuple[_Piece, np.ndarray]],
        batch_seconds: float,
        progress: Callable[[float], object] | None,
    ) -> None:
        """Fill in what was heard in the pieces, batched by length so that little is padded."""

        def recognise(batch: list[tuple[_Piece, np.ndarray]]) -> list[Recognised]:
            waveforms = torch.zeros(len(batch), len(batch[0][1]))
            for row, (_, waveform) in zip(waveforms, batch, strict=True):
                row[: len(waveform)] = torch.from_numpy(waveform)
            lengths = torch.tensor([len(waveform) for _, waveform in batch])
            results = self.recogniser(waveforms, lengths)
            if progress:
                progress(int(lengths.sum()) / SAMPLE_RATE)
            return results

        budget = int(batch_seconds * SAMPLE_RATE)
        for (piece, _), result in zip(
            window, map_by_length(recognise, window, lambda item: len(item[1]), budget), strict=True
        ):
            piece.hypotheses, piece.network = result.hypotheses, result.network
        self._translate([piece for piece, _ in window])

    def _translate(self, pieces: list[_Piece]) -> None:
        """Texts of what was heard in the pieces.

        The translator reads, at each place of the best hypothesis, what else may have been said there by the
        posteriors, weighed by the language model and the hotwords of a beam search. Hotwords of the transcriber take
        part in the translator's search.
        """
        if self.translator is None:
            for piece in pieces:
                piece.texts = [Translation("", 0.0, piece.heard.tokens)]
            return
        networks = [piece.network for piece in pieces if piece.network is not None]
        hotwords = [piece.hotwords for piece in pieces]
        if any(each is not None for each in hotwords):
            translated = self.translator.translate_networks(networks, self.nbest, hotwords)
        else:
            translated = self.translator.translate_networks(networks, self.nbest)
        for piece, texts in zip(pieces, translated, strict=True):
            piece.texts = texts

    def _finish(self, draft: _Draft) -> Transcript:
        """Join the pieces of a recording."""
        seconds = draft.samples / SAMPLE_RATE
        if draft.error:
            return Transcript(draft.id, seconds=seconds, error=draft.error, warnings=tuple(draft.warnings))
        texts = [Translation("", 0.0)]
        for piece in draft.pieces:
            texts = _joined(texts, piece.texts, self.nbest)
        frame = self.model.seconds_per_frame
        spikes = [
            (piece.start + first * frame, piece.start + last * frame)
            for piece in draft.pieces
            for first, last in piece.frames()
        ]
        times = syllable_times(spikes, seconds)
        pinyin = texts[0].syllables
        if self.model.units.labels_text:
            tokens = written_tokens([piece.heard.tokens for piece in draft.pieces], times)
            text, pinyin = spaced(token.hanzi for token in tokens), ()
        else:
            text, hanzi = texts[0].hanzi, texts[0].hanzi if self.translator else [""] * len(pinyin)
            tokens = tuple(Token(p, h, *t) for p, h, t in zip(pinyin, hanzi, times, strict=True))
        return Transcript(
            id=draft.id,
            text=text,
            pinyin=pinyin,
            tokens=tokens,
            seconds=seconds,
            score=sum(piece.heard.score for piece in draft.pieces),
            nbest=tuple(texts) if self.translator else (),
            warnings=tuple(draft.warnings),
        )


def refuse_translation(path: Path, translator: object, hotwords: object) -> None:
    """Raise UsageError for what a model that writes characters itself has no use for."""
    if translator:
        raise UsageError(f"{path}: writes characters itself; leave out --translator, which makes hanzi of syllables")
    if hotwords:
        raise UsageError(f"{path}: writes characters itself, and hotwords work with syllables; leave them out")


def _joined(heads: list[Translation], tails: list[Translation], nbest: int) -> list[Translation]:
    """The best `nbest` of all combinations of two parts of a text."""
    pairs = (Translation(a.hanzi + b.hanzi, a.score + b.score, a.syllables + b.syllables) for a in heads for b in tails)
    return heapq.nlargest(nbest, pairs, key=lambda text: text.score)
