"""Transcribing by an attention head: with a stand-in that writes down the tones that sound, then with real heads."""

import math
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

from ctc_decode import BeamSearchDecoder, GreedyDecoder, Hotwords, NgramModel
from ramospeech.attention import AttentionRecogniser
from ramospeech.attention.recogniser import centres
from ramospeech.audio import SAMPLE_RATE
from ramospeech.errors import ModelError, UsageError
from ramospeech.lm import NgramTrainer
from ramospeech.model import AcousticModel
from ramospeech.pipeline import Transcriber
from ramospeech.recogniser import AttentionDecoding
from ramospeech.score.pictures import read_png
from ramospeech.text import Vocabulary
from ramospeech.text.units import PinyinUnits

UNITS = ("<blank>", "<UNK>", "yi1", "er4", "san1", "si4")
FRAME = 1280
DOUBT = 0.1  # of the probability, shared by all units but the one that sounds


class ToneSpeller:
    """Writes unit k for each run of frames of state k, looking at the middle of the run, then ends."""

    def __init__(self, ends: bool = True) -> None:
        self.ends = ends

    def start(self, states: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Of each row the units (B, U), the frames (B, U), and how many are written; the frames there are."""
        heard = [states[n, :length].argmax(1).tolist() for n, length in enumerate(lengths.tolist())]
        texts, places = [], []
        for row in heard:
            starts = [t for t, unit in enumerate(row) if unit and (t == 0 or row[t - 1] != unit)]
            runs = [(t, next((e for e in range(t, len(row)) if row[e] != row[t]), len(row))) for t in starts]
            texts.append([row[t] for t, _ in runs])
            places.append([(first + last - 1) // 2 for first, last in runs])
        longest = max(map(len, texts)) + 1
        pad = [[0] * (longest - len(text)) for text in texts]
        units = torch.tensor([text + more for text, more in zip(texts, pad, strict=True)])
        frames = torch.tensor([place + more for place, more in zip(places, pad, strict=True)])
        frames = torch.nn.functional.one_hot(frames, states.shape[1]).float()
        return units, frames, torch.zeros(len(texts), dtype=torch.int64)

    def step(self, state: tuple[Tensor, Tensor, Tensor], tokens: Tensor) -> tuple[Tensor, Any, Tensor]:
        units, frames, done = state
        rows, at = torch.arange(len(tokens)), done.clamp(max=units.shape[1] - 1)
        probabilities = torch.full((len(tokens), len(UNITS)), DOUBT / (len(UNITS) - 1))
        probabilities[rows, units[rows, at]] = 1 - DOUBT
        if not self.ends:
            probabilities[:, 0] = 0.0
        return probabilities.log(), (units, frames, done + 1), frames[rows, at][:, None].expand(-1, 4, -1)

    def select(self, state: tuple[Tensor, Tensor, Tensor], rows: Tensor) -> tuple[Tensor, ...]:
        return tuple(part[rows] for part in state)


class ToneModel(torch.nn.Module):
    """Its states are which of the units' tones, 500 k Hz, each frame has; with a CTC head or without."""

    piece_seconds = AcousticModel.piece_seconds

    def __init__(self, *heads: str, ends: bool = True) -> None:
        super().__init__()
        self.heads = heads
        self.attention = ToneSpeller(ends)
        self.vocabulary, self.units = Vocabulary(UNITS), PinyinUnits()
        self.reduction, self.seconds_per_frame = 8, 0.08
        self.min_samples, self.max_frames = 400 + 7 * 160, None

    def encode(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        frames = torch.where(lengths >= 400, 1 + (lengths - 400) // 160, 0) // 8
        T = int(frames.max())
        spectrum = torch.fft.rfft(waveforms[:, : T * FRAME].reshape(len(waveforms), T, FRAME)).abs()
        unit = (spectrum.argmax(dim=2) * SAMPLE_RATE / FRAME / 500).round().long()
        unit[spectrum.amax(dim=2) < 1] = 0
        return torch.nn.functional.one_hot(unit, len(UNITS)).float(), frames

    def ctc(self, states: Tensor) -> Tensor:
        return torch.log_softmax(10.0 * states, dim=2)

    def forward(self, waveforms: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        states, frames = self.encode(waveforms, lengths)
        return self.ctc(states), frames


def speak(*units: int, pause: int = 2) -> tuple[np.ndarray, int]:
    """Three frames of the tone of each unit, `pause` frames of silence after each."""
    time = np.arange(3 * FRAME) / SAMPLE_RATE
    parts = [p for u in units for p in (0.5 * np.sin(2 * np.pi * 500 * u * time), np.zeros(pause * FRAME))]
    return np.concatenate([*parts, np.zeros(400)]).astype(np.float32), SAMPLE_RATE


def transcriber(*heads: str, decoder: Any = None, ends: bool = True, **options: Any) -> Transcriber:
    model: Any = ToneModel(*heads, ends=ends)
    return Transcriber(model, decoder=decoder, **options)


@pytest.mark.parametrize(
    ("heads", "decoder"),
    [
        (("attention",), None),
        (("attention",), AttentionDecoding(beam_width=1)),
        (("ctc", "attention"), AttentionDecoding()),
        (("attention", "ctc"), AttentionDecoding(ctc_weight=1.0)),
        (("ctc", "attention"), AttentionDecoding(rescored=BeamSearchDecoder(UNITS, nbest=5))),
    ],
)
@pytest.mark.parametrize("silence", [0.0, 0.4])
def test_what_is_spoken_is_written_where_it_is_spoken(heads, decoder, silence):
    found = transcriber(*heads, decoder=decoder, silence=silence).transcribe(speak(2, 3, 5, 2))
    assert found.pinyin == ("yi1", "er4", "si4", "yi1") and found.error is None and found.warnings == ()
    starts = np.array([token.start for token in found.tokens])
    assert (np.abs(starts - 0.4 * np.arange(4) - 0.08) <= 0.081).all()  # within the tone, its middle frame or its first
    assert all(token.confidence > 0.85 for token in found.tokens)


def test_the_score_has_both_heads_and_the_bonus():
    decoding = AttentionDecoding(ctc_weight=0.25, length_bonus=0.5)
    recogniser = transcriber("ctc", "attention", decoder=decoding).recogniser
    assert isinstance(recogniser, AttentionRecogniser)
    waveform, _ = speak(2, 4)
    [result] = recogniser(waveform[None], np.array([len(waveform)]))
    [best] = result.hypotheses
    log_probs = recogniser.model.ctc(
        recogniser.model.encode(torch.from_numpy(waveform)[None], torch.tensor([len(waveform)]))[0]
    )
    [[by_ctc]] = BeamSearchDecoder(UNITS).decode(log_probs, [log_probs.shape[1]])
    expected = 0.75 * 3 * math.log(1 - DOUBT) + 0.25 * by_ctc.am_score
    assert best.am_score == pytest.approx(expected, abs=1e-4)
    assert best.score == pytest.approx(expected + 2 * 0.5, abs=1e-4)
    assert result.network is None or result.network.best() == ("yi1", "san1")
    assert result.attention is not None and result.attention.argmax(1).tolist() == [1, 6]


def test_networks_are_of_the_ctc_head_alone():
    waveform, _ = speak(2, 4)
    for heads in (("attention",), ("ctc", "attention")):
        model: Any = ToneModel(*heads)
        recogniser = AttentionRecogniser(model, AttentionDecoding(), torch.device("cpu"), networks=True)
        [result] = recogniser(waveform[None], np.array([len(waveform)]))
        assert (result.network is None) == (len(heads) == 1)
        assert result.network is None or result.network.best() == ("yi1", "san1")


def test_rescoring_lets_the_attention_head_choose():
    """CTC with two hypotheses that are as good as each other; the attention head prefers one."""

    class Two(ToneModel):
        def ctc(self, states: Tensor) -> Tensor:
            both = states.clone()
            both[..., 4] += states[..., 3]  # what is er4 may be san1
            return torch.log_softmax(10.0 * both + 1e-3 * torch.arange(len(UNITS)), dim=2)

    model: Any = Two("ctc", "attention")
    beam = BeamSearchDecoder(UNITS, nbest=10)
    assert "san1" in Transcriber(model, decoder=beam).transcribe(speak(3)).pinyin
    assert Transcriber(model, decoder=AttentionDecoding(rescored=beam)).transcribe(speak(3)).pinyin == ("er4",)


def test_language_models_and_hotwords_take_part():
    trainer = NgramTrainer(2)
    trainer.add([["er4", "si4"]] * 9 + [["yi1", "san1"]])
    lm: NgramModel = trainer.model(None, [1])
    spoken = speak(3, 4)

    def found(**options: Any) -> tuple[str, ...]:
        return transcriber("attention", decoder=AttentionDecoding(**options)).transcribe(spoken).pinyin

    assert found() == found(lm=lm, lm_weight=0.01) == ("er4", "san1")
    assert found(lm=lm, lm_weight=5.0) == ("er4", "si4")
    assert found(hotwords=Hotwords({"si4 san1": 6.0})) == ("si4", "san1")


def test_recordings_of_any_length_and_batches_of_them():
    reader = transcriber("attention", max_seconds=3.0)
    found = list(reader.transcribe_batch([speak(2, 3), speak(*[5, 4, 3, 2] * 5), (np.zeros(10), 16_000), speak(4)]))
    assert [each.pinyin for each in found[:2]] == [("yi1", "er4"), ("si4", "san1", "er4", "yi1") * 5]
    assert found[2].error and found[3].pinyin == ("san1",)


def test_a_text_that_does_not_end_is_kept_and_warned_of():
    found = transcriber("attention", ends=False).transcribe(speak(2, 3))
    assert found.pinyin[:2] == ("yi1", "er4") and len(found.pinyin) == 2 * 10 + 10
    assert len(found.warnings) == 1 and "did not end the text that begins at 0.0 s" in found.warnings[0]
    assert "where the model has a CTC head too, more --ctc_weight" in found.warnings[0]


def test_pictures_of_attention_are_written(tmp_path):
    """Named after the recordings, one for each piece; what cannot be written is a warning."""
    for name, folder, units in (
        ("a", "x", (2, 3)),
        ("a", "y", (4,)),
        ("long", "x", (5, 4, 3, 2) * 4),
        ("bad", "x", ()),
    ):
        (tmp_path / folder).mkdir(exist_ok=True)
        waveform = speak(*units)[0] if units else np.zeros(10, np.float32)
        soundfile.write(tmp_path / folder / f"{name}.wav", waveform, SAMPLE_RATE)
    paths = [tmp_path / path for path in ("x/a.wav", "y/a.wav", "x/bad.wav", "x/long.wav")]
    reader = transcriber("attention", attention_maps=tmp_path / "maps", max_seconds=3.0)
    found = list(reader.transcribe_batch(paths))
    assert [bool(each.error) for each in found] == [False, False, True, False]
    names = sorted(path.name for path in (tmp_path / "maps").iterdir())
    assert names[:4] == ["a-2.png", "a.png", "long.2.png", "long.3.png"] and names[-1] == "long.png"
    with (tmp_path / "maps" / "a.png").open("rb") as file:
        pixels = read_png(file)
    assert pixels.ndim == 3 and pixels.std() > 0
    (tmp_path / "file").touch()
    [there] = transcriber("attention", attention_maps=tmp_path / "file").transcribe_batch(paths[:1])
    assert there.pinyin == ("yi1", "er4") and "not written" in there.warnings[0]
    for heads, decoder in ((("ctc",), None), (("ctc", "attention"), AttentionDecoding(rescored=GreedyDecoder(UNITS)))):
        with pytest.raises(UsageError, match="pictures of attention need"):
            transcriber(*heads, decoder=decoder, attention_maps=tmp_path / "maps")


def test_silence_has_no_text():
    hum = 1e-3 * np.sin(np.arange(9000))
    found = transcriber("ctc", "attention", decoder=AttentionDecoding()).transcribe((hum, SAMPLE_RATE))
    assert found.pinyin == () and found.error is None


def test_what_ctc_doubts_is_left_out_as_noise():
    class Doubting(ToneModel):
        def ctc(self, states: Tensor) -> Tensor:
            return torch.log_softmax(1.5 * states, dim=2)

    model: Any = Doubting("ctc", "attention")
    decoding = AttentionDecoding(ctc_weight=0.0)
    assert Transcriber(model, decoder=decoding).transcribe(speak(2, 3)).pinyin == ("yi1", "er4")
    found = Transcriber(model, decoder=decoding, min_confidence=0.6).transcribe(speak(2, 3))
    assert found.pinyin == () and "noise or music" in found.warnings[0]


@pytest.mark.parametrize(
    ("heads", "decoder", "message"),
    [
        (("ctc",), AttentionDecoding(), "no attention head, only ctc: use --decoder greedy or beam"),
        (("attention",), GreedyDecoder(UNITS), "no CTC head, only attention: leave --decoder out"),
        (("attention",), AttentionDecoding(ctc_weight=0.3), "no CTC head, only attention: --ctc_weight needs one"),
        (
            ("attention",),
            AttentionDecoding(rescored=BeamSearchDecoder(UNITS)),
            "no CTC head, only attention: --decoder rescoring needs one",
        ),
        (("attention",), AttentionDecoding(lm="nothing.arpa"), "nothing.arpa"),
        (("attention",), AttentionDecoding(hotwords=Hotwords(["wu3"])), "'wu3' is not a unit"),
    ],
)
def test_what_does_not_go_together_is_a_clear_line(heads, decoder, message):
    with pytest.raises(UsageError, match=message):
        transcriber(*heads, decoder=decoder)


def test_a_broken_model_is_a_clear_line():
    class Broken(ToneModel):
        def ctc(self, states: Tensor) -> Tensor:
            return torch.full_like(states, math.nan)

    model: Any = Broken("ctc", "attention")
    with pytest.raises(ModelError, match="cannot be decoded"):
        Transcriber(model, decoder=AttentionDecoding()).transcribe(speak(2))


@pytest.mark.parametrize(
    ("middles", "frames"), [([3, 1, 2], 5), ([0, 0, 0, 0], 4), ([4, 4, 4], 5), ([1, 1, 1], 2), ([], 3)]
)
def test_centres_of_attention_go_forward(middles, frames):
    placed = centres(np.eye(frames)[middles].reshape(len(middles), frames))
    steps = np.diff(placed)
    assert len(placed) == len(middles) and all(0 <= frame < frames for frame in placed)
    assert (steps >= (1 if len(middles) <= frames else 0)).all()
