"""Everything from audio to transcript, as a library call.

from ramospeech import Transcriber
print(Transcriber.from_pretrained().transcribe("a.wav").text)
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ramospeech import stages
from ramospeech.audio import Source, Whole, channels
from ramospeech.audio.voice import check_voice, sounding, voiced
from ramospeech.display import Display, Punctuator
from ramospeech.errors import AudioError, ModelError, UsageError, torch_for
from ramospeech.files import SHIPPED, model_path, onnx_path
from ramospeech.inputs import recordings
from ramospeech.malloc import release_freed_memory
from ramospeech.onnx_model import OnnxModel
from ramospeech.recogniser import AttentionDecoding, CtcRecogniser, Decoder, Recogniser
from ramospeech.recognisers import recogniser_of
from ramospeech.speakers import Turns
from ramospeech.speech import MIN_CONFIDENCE
from ramospeech.transcript import Token, Transcript
from ramospeech.translate import (
    NgramTranslator,
    Phrases,
    Translation,
    Translator,
    load_translator,
    pretrained_folder,
)

if TYPE_CHECKING:  # transcribing by an ONNX file needs no torch
    from ramospeech.attention_maps import AttentionMaps
    from ramospeech.model import AcousticModel

PRETRAINED = pretrained_folder()

# Audio per batch. On a CPU more takes twice the time and three times the memory, since activations leave the caches; a
# CPU that multiplies bfloat16 fast does so in blocks, and is a little faster with 12 s; 24 s take 20 MB more.
_CPU_SECONDS, _TILES_SECONDS, _GPU_SECONDS = 8.0, 12.0, 60.0

__all__ = ["PRETRAINED", "Decoder", "Token", "Transcriber", "Transcript", "Translation", "recordings"]


class Transcriber:
    """Recordings of any length and format -> transcripts.

    model: is switched to evaluation and moved to `device`; one of ONNX runs on the CPU. translator: None leaves `text`
    empty; one may replace the recognised syllables, see `stages.translate`. decoder: None is greedy decoding, and the
    search of the attention head where there is no CTC head; AttentionDecoding says how that head is decoded.
    nbest: how many texts to give.
    max_seconds: longer recordings are cut at pauses and their pieces transcribed one by one. hotwords: of all
    recordings, unless they are given with them. min_confidence: 0 to 1; syllables whose surroundings have less are
    taken as noise or music and left out, see `ramospeech.speech`. silence: seconds that are put before and after each
    piece. display: writes transcripts as people read them, in `Transcript.display`.
    vad: recognise only where a detector hears a voice. precision: float32, bf16 or fp16; auto is bf16 on a CPU that
    multiplies tiles of it (Intel's AMX), else float32. attention_maps: a folder for pictures of where an attention head
    looks, one for each recording, see `ramospeech.attention_maps`. Raises UsageError for a device that is not
    available, and for a decoder of a head that the model does not have.
    """

    def __init__(
        self,
        model: "AcousticModel | OnnxModel",
        translator: Translator | None = None,
        decoder: Decoder | AttentionDecoding | None = None,
        device: str = "cpu",
        nbest: int = 1,
        max_seconds: float = 20.0,
        hotwords: Phrases | None = None,
        min_confidence: float = 0.0,
        silence: float = 0.0,
        display: Display | None = None,
        vad: bool = False,
        speakers: Sequence[str] = (),
        precision: str = "auto",
        attention_maps: str | Path | None = None,
    ):
        self.model = model
        self.translator = translator
        self.device, self.recogniser = recogniser_of(
            model, device, decoder, translator is not None, min_confidence, silence, precision
        )
        self.nbest = nbest
        self.max_seconds = model.piece_seconds(max_seconds + 2 * silence) - 2 * silence
        self.hotwords = hotwords
        self.display = display
        if vad:
            check_voice()
        self.spans = voiced if vad else sounding
        self.speakers = speakers
        self.maps = _maps(attention_maps, self.recogniser, model.seconds_per_frame) if attention_maps else None

    @classmethod
    def from_pretrained(
        cls,
        model: str | Path | None = None,
        translator: str | Path | Literal[False] | None = None,
        device: str = "cpu",
        nbest: int = 1,
        decoder: Callable[[Sequence[str]], Decoder | AttentionDecoding] | None = None,
        hotwords: Phrases | None = None,
        min_confidence: float | None = None,
        punctuation: bool = False,
        itn: bool = False,
        script: str | None = None,
        own_text: Sequence[str | Path] = (),
        speakers: Sequence[str] = (),
        backend: Literal["torch", "onnx"] | None = None,
        threads: int | None = None,
        vad: bool = False,
        precision: str = "auto",
        attention_maps: str | Path | None = None,
    ) -> "Transcriber":
        """Load a model file and a translator file; None stands for the weights shipped in `pretrained/`.

        model: a file, or `accurate` (None is that), `fast` or `dfcnn`, which are shipped. The model is made ready for
        inference only: see `AcousticModel.optimise_for_inference`.
        translator: False leaves it out: `pinyin` is then the hypothesis, `text` is empty. decoder: makes the decoder
        for the model's units (`BeamSearchDecoder` itself, or a function); None: see the class. min_confidence: None is
        `ramospeech.speech.MIN_CONFIDENCE`, or what the model's summary has under that name. punctuation, itn, script:
        what `Transcript.display` has: marks, by the shipped model; numbers in digits; `simplified` or `traditional`.
        own_text: files of text, plain or gzip, one sentence per line, whose words are to be preferred.
        speakers: names of those who speak in each recording, in the order in which they begin; each syllable gets one.
        backend: None is "onnx" for a file whose name ends in .onnx, which needs no torch; with "onnx" the file of
        another model is the one that `ramospeech export` writes beside it. threads: of the CPU; None leaves their
        number to OMP_NUM_THREADS, or the runtime. numpy's, of the second pass, are those of OPENBLAS_NUM_THREADS.
        vad, precision, attention_maps: see the class.
        Raises ModelError for a file that is missing or cannot be used, ListError for such a text.
        """
        name = "accurate" if model is None else model
        path = onnx_path(name) if backend == "onnx" else model_path(name)
        if backend == "torch" and path.suffix == ".onnx":
            raise UsageError(
                f"{path}: an ONNX file; give the model that it was exported from, or leave the backend out"
            )
        loaded = OnnxModel(path, threads) if path.suffix == ".onnx" else _load(name, path, device, threads, precision)
        found = decoder(loaded.vocabulary.units) if decoder else None
        if loaded.units.writes_text:
            refuse_translation(path, translator, None if decoder else hotwords)  # the decoder's may be characters
            translator = False
        chosen = None if translator is False else load_translator(translator, isinstance(loaded, OnnxModel))
        if own_text:
            if not isinstance(chosen, NgramTranslator):
                raise UsageError(f"{own_text[0]}: text of one's own needs the n-gram translator, and a model of pinyin")
            chosen = chosen.knowing(own_text)
        if min_confidence is None:
            min_confidence = float(loaded.summary.get("min_confidence", MIN_CONFIDENCE))
        display = None
        if punctuation or itn or script:
            display = Display(Punctuator.load() if punctuation else None, itn, script)
        release_freed_memory()  # of the files that were read
        return cls(
            loaded,
            chosen,
            found,
            device=device,
            nbest=nbest,
            hotwords=hotwords,
            min_confidence=min_confidence,
            silence=loaded.silence,
            display=display,
            vad=vad,
            speakers=speakers,
            precision=precision,
            attention_maps=attention_maps,
        )

    def transcribe(self, source: Source) -> Transcript:
        """Transcribe one recording. Raises AudioError where it cannot.

        source: a path, the bytes of a file, a binary file object, or (waveform, sample rate): (n,) or (n, channels)
        floats within [-1, 1] and Hz.
        """
        [transcript] = self.transcribe_batch([source])
        if transcript.error:
            raise AudioError(transcript.error)
        return transcript

    def transcribe_channels(self, source: Whole) -> list[Transcript]:
        """Transcribe each channel of a recording by itself, for instance the two sides of a call.

        Of one channel that is the transcript of the recording. Raises AudioError where it cannot be read.
        """
        return [self.transcribe(channel) for channel in channels(source)]

    def transcribe_batch(
        self,
        sources: Iterable[Source],
        batch_seconds: float | None = None,
        hotwords: Iterable[Phrases | None] | None = None,
        progress: Callable[[float], object] | None = None,
        speakers: Iterable[Sequence[str]] | None = None,
    ) -> Iterator[Transcript]:
        """Transcribe many recordings, several at a time; gives transcripts in the order of the sources.

        batch_seconds: audio per batch, padding included; None is 8 on a CPU, 12 on one that multiplies tiles of
            bfloat16, 60 on a GPU.
        hotwords: of each source its own; None is those of the transcriber for all.
        progress: is called with the seconds of audio of each batch that was recognised.
        speakers: names of those who speak in each source, none for one without; None is those of the transcriber.
        Sources are read ahead by a bounded amount.
        A recording that cannot be transcribed gives a Transcript with `error`; the others are not affected.
        """
        batch_seconds = batch_seconds or self._batch_seconds()
        of_each = repeat(self.hotwords) if hotwords is None else hotwords
        with_hotwords = zip(sources, of_each, strict=hotwords is not None)
        pieces = stages.cut(with_hotwords, self.max_seconds, self.recogniser.min_samples, progress, self.spans)
        turns = Turns(repeat(self.speakers) if speakers is None else speakers)
        pieces = turns.listen(pieces)
        recognised = stages.recognise(pieces, self.recogniser, batch_seconds, progress)
        if self.maps:
            recognised = self.maps(recognised)
        translated = stages.translate(recognised, self.translator, self.nbest)
        transcripts = stages.join(
            translated,
            self.model.seconds_per_frame,
            self.nbest,
            translated=self.translator is not None,
            written=self.model.units.writes_text,
        )
        transcripts = map(turns.label, transcripts)
        return map(self.display, transcripts) if self.display else transcripts

    def _batch_seconds(self) -> float:
        if self.device is None:  # an ONNX model, without torch
            return _CPU_SECONDS
        if self.device.type != "cpu":
            return _GPU_SECONDS
        from ramospeech.model.layers.bfloat16 import multiplies_bfloat16

        return _TILES_SECONDS if multiplies_bfloat16() else _CPU_SECONDS


def _load(name: str | Path, path: Path, device: str, threads: int | None, precision: str) -> "AcousticModel":
    """Read a model file and make it ready for inference."""
    with torch_for(f"{path}: a model file"):
        import torch

        from ramospeech.model import load_model
        from ramospeech.model.inference import checked_device, type_of
    if threads:
        torch.set_num_threads(threads)
    exact = type_of(precision, checked_device(device)) is None
    if name in SHIPPED and not path.is_file():
        raise ModelError(
            f"{path}: no acoustic model is shipped there; train one (`make demo`, or train.py) "
            "and pass its file with --model"
        )
    model = load_model(path, device)
    model.optimise_for_inference(exact_output=exact)
    return model


def _maps(folder: str | Path, recogniser: Recogniser, seconds_per_frame: float) -> "AttentionMaps":
    if isinstance(recogniser, CtcRecogniser) or recogniser.decoding.rescored:  # type: ignore[attr-defined]
        raise UsageError(f"{folder}: pictures of attention need an attention head that searches: --decoder attention")
    from ramospeech.attention_maps import AttentionMaps

    return AttentionMaps(folder, seconds_per_frame)


def refuse_translation(path: Path, translator: object, hotwords: object) -> None:
    """Raise UsageError for what a model that writes characters itself has no use for."""
    if translator:
        raise UsageError(f"{path}: writes characters itself; leave out --translator, which makes hanzi of syllables")
    if hotwords:
        raise UsageError(f"{path}: writes characters itself, and hotwords work with syllables; leave them out")
