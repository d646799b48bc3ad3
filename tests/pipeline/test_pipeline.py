"""The transcriber, with a stand-in model that hears pure tones: what comes out is known exactly."""

import re
from dataclasses import FrozenInstanceError, replace
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from ctc_decode import BeamSearchDecoder, GreedyDecoder
from ramospeech.audio import SAMPLE_RATE
from ramospeech.display import Display
from ramospeech.errors import AudioError, ModelError, UsageError
from ramospeech.model import AcousticModel
from ramospeech.pipeline import Transcriber, Translation
from ramospeech.text import Vocabulary
from ramospeech.text.units import PinyinUnits
from ramospeech.translate import NgramTranslator, Phrases, ngram_path

UNITS = ("<blank>", "<UNK>", "yi1", "er4", "san1", "si4")
HANZI = {"yi1": "一", "er4": "二", "san1": "三", "si4": "四"}
FRAME = 1280
FRAMES = ("start_frames", "end_frames")


class ToneModel(torch.nn.Module):
    """Hears unit k in a frame whose strongest frequency is 500 k Hz, the blank in silence."""

    piece_seconds = AcousticModel.piece_seconds

    def __init__(self):
        super().__init__()
        self.vocabulary = Vocabulary(UNITS)
        self.units = PinyinUnits()
        self.reduction = 8
        self.min_samples = 400 + 7 * 160
        self.max_frames = None
        self.seconds_per_frame = 0.08
        self.batches = []

    def forward(self, waveforms, lengths):
        assert not self.training
        self.batches.append(tuple(waveforms.shape))
        frames = torch.where(lengths >= 400, 1 + (lengths - 400) // 160, 0) // 8
        T = int(frames.max())
        spectrum = torch.fft.rfft(waveforms[:, : T * FRAME].reshape(len(waveforms), T, FRAME)).abs()
        unit = (spectrum.argmax(dim=2) * SAMPLE_RATE / FRAME / 500).round().long()
        unit[spectrum.amax(dim=2) < 1] = 0
        return torch.log_softmax(10.0 * torch.nn.functional.one_hot(unit, len(UNITS)).float(), dim=2), frames


class Digits:
    """Syllables to hanzi; the k-th best text ends in k question marks."""

    def translate(self, syllables, nbest=1):
        text = "".join(HANZI.get(s, "□") for s in syllables)
        return [
            Translation(text[: len(text) - k] + "？" * k, -float(k), tuple(syllables))
            for k in range(min(nbest, len(text) + 1))
        ]

    def translate_batch(self, sentences, nbest=1):
        return (self.translate(sentence, nbest) for sentence in sentences)

    def translate_networks(self, networks, nbest=1, hotwords=None):
        for network in networks:
            said = [(slot.alternatives[0][0], number) for number, slot in enumerate(network.slots)]
            said = [(token, number) for token, number in said if token is not None]
            slots = tuple(number for _, number in said)
            yield [replace(text, slots=slots) for text in self.translate([token for token, _ in said], nbest)]


def speak(*units: int, pause: int = 1) -> np.ndarray:
    """A waveform of two frames a unit and `pause` frames of silence after each."""
    tone = np.arange(2 * FRAME) / SAMPLE_RATE
    parts = []
    for unit in units:
        parts += [0.5 * np.sin(2 * np.pi * 500 * unit * tone), np.zeros(pause * FRAME)]
    return np.concatenate([*parts, np.zeros(400)]).astype(np.float32)


@pytest.fixture
def say(tmp_path):
    """Writes a recording of units and gives its path."""

    def write(name, *units, rate=SAMPLE_RATE, **options):
        import soxr

        path = tmp_path / name
        soundfile.write(path, soxr.resample(speak(*units, **options), SAMPLE_RATE, rate), rate)
        return path

    return write


def transcriber(**options: Any) -> Transcriber:
    model: Any = ToneModel()
    return Transcriber(model, Digits(), **options)


def test_one_recording(say):
    transcript = transcriber().transcribe(say("a.wav", 2, 3, 3))
    assert transcript.text == "一二二"
    assert transcript.pinyin == ("yi1", "er4", "er4")
    assert [(t.pinyin, t.hanzi) for t in transcript.tokens] == [("yi1", "一"), ("er4", "二"), ("er4", "二")]
    times = [(t.start, t.end) for t in transcript.tokens]
    np.testing.assert_allclose(times, [(0.0, 0.24), (0.24, 0.48), (0.48, 0.72)])
    assert transcript.seconds == pytest.approx((9 * FRAME + 400) / SAMPLE_RATE, abs=1e-3)
    assert transcript.score == transcript.nbest[0].score
    assert transcript.error is None


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
def test_other_rates_and_bytes(say, rate):
    path = say("a.wav", 2, 5, rate=rate)
    assert transcriber().transcribe(path).text == "一四"
    assert transcriber().transcribe(path.read_bytes()).text == "一四"


@pytest.mark.parametrize(("tiles", "seconds"), [(False, 8.0), (True, 12.0)])
def test_how_much_a_batch_holds(say, monkeypatch, tiles, seconds):
    monkeypatch.setattr("ramospeech.model.layers.bfloat16.multiplies_bfloat16", lambda: tiles)
    asked: list[float] = []
    monkeypatch.setattr("ramospeech.stages.recognise", lambda pieces, _, held, __: asked.append(held) or iter(()))
    assert list(transcriber().transcribe_batch([say("a.wav", 2)])) == []
    assert asked == [seconds]


def test_a_batch_keeps_the_order_and_survives_bad_clips(say, tmp_path, rng):
    said = [tuple(int(u) for u in rng.integers(2, 6, rng.integers(1, 12))) for _ in range(30)]
    paths = [say(f"{i}.wav", *units) for i, units in enumerate(said)]
    (tmp_path / "junk.wav").write_bytes(b"not audio at all")
    soundfile.write(tmp_path / "short.wav", np.zeros(320), SAMPLE_RATE)
    paths[7:7] = [tmp_path / "junk.wav"]
    paths[20:20] = [tmp_path / "short.wav"]
    paths.append(tmp_path / "none.wav")
    machine: Any = transcriber()
    transcripts = list(machine.transcribe_batch(paths, batch_seconds=5.0))
    assert [t.id for t in transcripts] == [str(p) for p in paths]
    bad = {t.id: t.error for t in transcripts if t.error}
    assert set(bad) == {str(tmp_path / name) for name in ("junk.wav", "short.wav", "none.wav")}
    assert "cannot be read as audio" in bad[str(tmp_path / "junk.wav")]
    assert "too short: 0.020 s, and the model needs 0.095 s" in bad[str(tmp_path / "short.wav")]
    good = [t for t in transcripts if not t.error]
    assert [t.text for t in good] == ["".join(HANZI[UNITS[u]] for u in units) for units in said]
    assert all(t.text == "" and t.tokens == () for t in transcripts if t.error)
    assert all(rows * samples <= 5 * SAMPLE_RATE for rows, samples in machine.model.batches)
    assert len(machine.model.batches) < 30


def test_a_source_of_a_wrong_type_stops_no_other(say, tmp_path):
    good = say("good.wav", 2, 3)
    closed = good.open("rb")
    closed.close()
    zeros = np.zeros(16000, np.float32)
    with good.open(encoding="latin-1") as text:
        bad: list[Any] = [
            (None, "is of type NoneType; give a path"),
            (7, "is of type int"),
            (zeros, "is of type ndarray"),
            ((zeros,), "is not \\(waveform, sample rate\\)"),
            ((), "is not \\(waveform, sample rate\\)"),
            ((zeros[0], 16000), "is not \\(waveform, sample rate\\)"),
            ((zeros.tolist(), 16000), "is not \\(waveform, sample rate\\)"),
            ((zeros, "16000"), "is not \\(waveform, sample rate\\)"),
            ((zeros, 0), "has a sampling rate of 0 Hz"),
            (closed, "good.wav: is a closed file"),
            (text, "good.wav: is open as text"),
            ("a\0b.wav", "no such file"),
            (tmp_path, "is a folder"),
            (b"", "the file is empty"),
        ]
        sources = [source for each, _ in bad for source in (each, good)]
        transcripts = list(transcriber().transcribe_batch(sources))
    assert [transcript.text for transcript in transcripts[1::2]] == ["一二"] * len(bad)
    for transcript, (_, reason) in zip(transcripts[::2], bad, strict=True):
        assert re.search(reason, str(transcript.error)), transcript.error


def test_the_syllables_are_those_that_the_translator_takes(say):
    """A tone is recognised as one of two; what the translator takes is in the transcript."""

    class Doubtful(ToneModel):
        def forward(self, waveforms, lengths):
            log_probs, frames = super().forward(waveforms, lengths)
            log_probs = log_probs.clone()
            log_probs[..., 3] = torch.logaddexp(log_probs[..., 3], log_probs[..., 2] - 1.0)  # er4 a third of each yi1
            return log_probs.log_softmax(2), frames

    class Second(Digits):
        def translate_networks(self, networks, nbest=1, hotwords=None):
            for network in networks:
                said = [slot.alternatives[-1] for slot in network.slots]
                assert all(0.2 < p < 0.3 for syllable, p in said if syllable == "er4")
                texts = self.translate([syllable for syllable, _ in said], nbest)
                yield [replace(text, slots=tuple(range(len(said)))) for text in texts]

    model: Any = Doubtful()
    path = say("a.wav", 2, 4)
    assert Transcriber(model).transcribe(path).pinyin == ("yi1", "san1")
    for decoder in (None, BeamSearchDecoder(UNITS, beam_width=5, nbest=3)):
        transcript = Transcriber(model, Second(), decoder).transcribe(path)
        assert (transcript.text, transcript.pinyin) == ("二三", ("er4", "san1"))
        assert [(token.pinyin, token.hanzi) for token in transcript.tokens] == [("er4", "二"), ("san1", "三")]
        assert [token.confidence for token in transcript.tokens] == pytest.approx([0.269, 1.0], abs=0.01)


def test_what_was_missed_between_two_syllables_is_in_the_transcript_with_its_time(say):
    class Mumbled(ToneModel):
        def forward(self, waveforms, lengths):
            log_probs, frames = super().forward(waveforms, lengths)
            log_probs = log_probs.clone()
            log_probs[:, 3, 5] = log_probs[:, 3, 0] - 1.0  # a quarter si4 in the middle of the pause
            return log_probs.log_softmax(2), frames

    class Every(Digits):
        def translate_networks(self, networks, nbest=1, hotwords=None):
            for network in networks:
                said = [next(token for token, _ in slot.alternatives if token) for slot in network.slots]
                yield [replace(text, slots=tuple(range(len(said)))) for text in self.translate(said, nbest)]

    model: Any = Mumbled()
    path = say("a.wav", 2, 4, pause=3)
    assert Transcriber(model).transcribe(path).pinyin == ("yi1", "san1")
    transcript = Transcriber(model, Every()).transcribe(path)
    assert (transcript.text, transcript.pinyin) == ("一四三", ("yi1", "si4", "san1"))
    times = [time for token in transcript.tokens for time in (token.start, token.end)]
    assert times == pytest.approx([0.0, 0.24, 0.24, 0.4, 0.4, 0.6])


class Judged:
    """A decoder whose scores are more than the acoustic model's, as with a language model."""

    def decode(self, log_probs, lengths):
        return [[replace(h, score=h.score + 2.0)] for [h] in GreedyDecoder(UNITS).decode(log_probs, lengths)]


def test_the_posteriors_are_read_whatever_a_decoder_adds_to_its_scores(say):
    """One way for all utterances: no comparison of scores decides it."""
    path = say("a.wav", 2, 3, 4)
    model: Any = ToneModel()
    plain = Transcriber(model, Digits(), nbest=2).transcribe(path)
    judged = Transcriber(model, Digits(), Judged(), nbest=2).transcribe(path)
    assert (judged.text, judged.tokens, judged.nbest) == (plain.text, plain.tokens, plain.nbest)


def test_each_recording_may_have_its_own_hotwords(say):
    class Listening(Digits):
        def translate_networks(self, networks, nbest=1, hotwords=None):
            given.extend(hotwords)
            return super().translate_networks(networks, nbest)

    given: list[Any] = []
    paths = [say("a.wav", 2, 3), say("b.wav", 3, 4), say("c.wav", 4, 5)]
    first, second = Phrases({"yi1": 5.0}), Phrases({"er4": 5.0})
    model: Any = ToneModel()
    machine = Transcriber(model, Listening(), hotwords=first)
    each = list(machine.transcribe_batch(paths, hotwords=[first, None, second]))
    assert len(given) == 3 and {first, second, None} == set(given)
    assert [transcript.text for transcript in each] == [machine.transcribe(path).text for path in paths]
    assert given[3:] == [first] * 3
    with pytest.raises(ValueError, match="shorter"):
        list(machine.transcribe_batch(paths, hotwords=[first]))


def test_a_long_recording_is_cut_and_put_together_again(say):
    units = [2, 3, 4, 5] * 40
    path = say("long.wav", *units, pause=4)
    machine: Any = transcriber(max_seconds=10.0)
    transcript = machine.transcribe(path)
    assert transcript.text == "一二三四" * 40
    assert max(samples for _, samples in machine.model.batches) <= 10 * SAMPLE_RATE
    starts = [token.start for token in transcript.tokens]
    np.testing.assert_allclose(starts, np.arange(160) * 6 * 0.08, atol=0.081)
    assert transcript.seconds == pytest.approx(160 * 6 * 0.08 + 0.025)


def test_reading_ahead_is_bounded(say):
    """The first transcripts come before the last sources are read."""
    path = say("a.wav", 2, 3, 4)
    read = []

    def sources():
        for number in range(400):
            read.append(number)
            yield path

    next(transcriber().transcribe_batch(sources(), batch_seconds=2.0))
    assert len(read) < 60


def test_texts_of_pieces_combine_to_the_best(say):
    transcript = transcriber(max_seconds=3.0, nbest=3).transcribe(say("a.wav", 2, 3, 4, 5, 2, pause=6))
    scores = [text.score for text in transcript.nbest]
    assert len(scores) == 3
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == 0.0
    assert transcript.nbest[0].hanzi == transcript.text == "一二三四一"
    assert scores[1:] == [-1.0, -1.0]


def test_silence_has_no_text(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(SAMPLE_RATE), SAMPLE_RATE)
    transcript = transcriber().transcribe(tmp_path / "a.wav")
    assert (transcript.text, transcript.tokens, transcript.error) == ("", (), None)


@pytest.mark.parametrize("silence", [0.0, 0.08, 0.48])
def test_silence_around_recordings_moves_no_time(say, silence):
    path, longer = say("a.wav", 2, 3), say("b.wav", 4, 5, 2, 3)
    machine = transcriber(silence=silence)
    for one in (machine.transcribe(path), next(machine.transcribe_batch([path, longer]))):
        assert (one.text, one.tokens) == ("一二", transcriber().transcribe(path).tokens)
    around = 2 * round(silence / 0.08) * FRAME
    assert machine.model.batches[0][1] == around + len(soundfile.read(path)[0])


def test_what_is_found_with_little_probability_is_left_out_and_reported(say):
    class Unsure(ToneModel):
        def forward(self, waveforms, lengths):
            log_probs, frames = super().forward(waveforms, lengths)
            return torch.log_softmax(0.2 * log_probs, dim=2), frames

    path = say("a.wav", 2, 3)
    [sure, unsure, kept] = [
        Transcriber(model, Digits(), min_confidence=least).transcribe(path)
        for model, least in ((ToneModel(), 0.35), (Unsure(), 0.9), (Unsure(), 0.0))
    ]
    assert sure.text == kept.text == "一二" and sure.no_speech == kept.no_speech == ()
    assert (unsure.text, unsure.tokens, unsure.error) == ("", (), None)
    assert unsure.no_speech == ((0.0, pytest.approx(unsure.seconds, abs=0.08)),)
    [warning] = unsure.warnings
    assert warning.startswith(f"{path}: ") and "taken as noise or music, not speech" in warning


def test_without_a_translator(say):
    model: Any = ToneModel()
    transcript = Transcriber(model).transcribe(say("a.wav", 2, 3))
    assert (transcript.text, transcript.pinyin, transcript.nbest) == ("", ("yi1", "er4"), ())


def test_what_should_be_known_about_a_recording_is_in_its_transcript(say):
    path = say("a.wav", 2, 3)
    path.write_bytes(path.read_bytes() + b"\x01garbage" * 40)
    transcript = transcriber().transcribe(path)
    assert transcript.text == "一二"
    [warning] = transcript.warnings
    assert warning == f"{path}: 320 bytes behind its end are not audio; they were left out"


@pytest.mark.parametrize("rate", [16000, 44100])
def test_arrays_and_file_objects(say, rate):
    path = say("a.wav", 2, 5, rate=rate)
    waveform, _ = soundfile.read(path, dtype="float32")
    machine = transcriber()
    assert machine.transcribe((waveform, rate)).text == "一四"
    assert machine.transcribe((np.stack([waveform, waveform], axis=1).astype(np.float64), rate)).text == "一四"
    with path.open("rb") as file:
        assert machine.transcribe(file).text == "一四"
    with pytest.raises(AudioError, match="int16"):
        machine.transcribe(((waveform * 32767).astype(np.int16), rate))
    with pytest.raises(AudioError, match="URL"):
        machine.transcribe("https://example.org/a.wav")


def test_progress_counts_all_audio(say):
    paths = [say(f"{i}.wav", 2, 3, 4) for i in range(3)]
    seconds: list[float] = []
    transcripts = list(transcriber().transcribe_batch(paths, progress=seconds.append))
    assert sum(seconds) == pytest.approx(sum(transcript.seconds for transcript in transcripts))


def test_one_bad_recording_raises(tmp_path):
    with pytest.raises(AudioError, match="no such file"):
        transcriber().transcribe(tmp_path / "none.wav")


def test_a_broken_model_is_named(say):
    class Broken(ToneModel):
        def forward(self, waveforms, lengths):
            log_probs, frames = super().forward(waveforms, lengths)
            return log_probs * torch.nan, frames

    model: Any = Broken()
    with pytest.raises(ModelError, match="item 0, frame 0"):
        Transcriber(model, Digits()).transcribe(say("a.wav", 2))


def test_devices_and_weights_that_are_not_there(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="--device quantum"):
        transcriber(device="quantum")
    with pytest.raises(ModelError):
        Transcriber.from_pretrained(tmp_path / "none.safetensors")
    monkeypatch.setattr("ramospeech.files.pretrained_folder", lambda: tmp_path)
    with pytest.raises(ModelError, match="make demo"):
        Transcriber.from_pretrained()
    with pytest.raises(ModelError, match=r"fast\.safetensors: no acoustic model is shipped"):
        Transcriber.from_pretrained("fast")


def test_recordings_are_cut_to_what_the_model_takes():
    model = ToneModel()
    model.max_frames = 700
    assert Transcriber(model).max_seconds == 7
    assert Transcriber(model, max_seconds=5).max_seconds == 5


def test_a_transcript_cannot_be_changed(say):
    transcript: Any = transcriber().transcribe(say("a.wav", 2))
    with pytest.raises(FrozenInstanceError):
        transcript.text = ""


def test_the_shipped_weights_and_which_translator_is_loaded():
    """Posteriors are read by the n-gram model with a second pass, or by the n-gram model alone where asked for."""
    plain = Transcriber.from_pretrained()
    assert isinstance(plain.translator, NgramTranslator) and plain.model.seconds_per_frame in (0.04, 0.08)
    assert plain.translator.second_pass is not None
    searching = Transcriber.from_pretrained(decoder=lambda units: BeamSearchDecoder(units, beam_width=2))
    assert isinstance(searching.translator, NgramTranslator)
    asked_for = Transcriber.from_pretrained(translator=ngram_path())
    assert isinstance(asked_for.translator, NgramTranslator) and asked_for.translator.second_pass is None


def test_transcripts_are_written_as_people_read_them(say):
    path = say("a.wav", 5, 4, 3, 2)
    plain = transcriber().transcribe(path)
    shown = transcriber(display=Display(itn=True)).transcribe(path)
    assert (plain.text, plain.display, shown.text, shown.display) == ("四三二一", "四三二一", "四三二一", "4321")
    assert [token.display for token in shown.tokens] == ["4321", "", "", ""]
    assert replace(shown, tokens=plain.tokens) == plain
