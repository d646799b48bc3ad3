"""Live recognition: over posteriors that change at random, and with the shipped models on the demo's clips."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from ctc_decode import GreedyDecoder
from ramospeech import audio
from ramospeech.display import Display
from ramospeech.errors import AudioError, UsageError
from ramospeech.live import LiveOptions, LiveRecogniser, Pcm16, Update
from ramospeech.model import AcousticModel, ModelConfig
from ramospeech.pipeline import Transcriber

ROOT = Path(__file__).resolve().parents[2]
CLIPS = [ROOT / "demo" / "audio" / "test" / f"000{number}.ogg" for number in (1, 2, 3)]
UNITS = ("<blank>", "<UNK>", "ni3", "hao3", "ma1", "de")
RATE = 16_000


@pytest.fixture(scope="module")
def fast() -> Transcriber:
    return Transcriber.from_pretrained("fast")


class Flickering(torch.nn.Module):
    """Posteriors drawn anew at every call, of which a fraction is blank: nothing agrees with what was there before."""

    def __init__(self, model: AcousticModel, seed: int, blank: float) -> None:
        super().__init__()
        self.model, self.rng, self.blank = model, np.random.default_rng(seed), blank

    def forward(self, waveforms: torch.Tensor, lengths: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        frames = lengths // 160 // self.model.reduction
        size = (len(lengths), int(frames.max()))
        best = self.rng.integers(1, len(UNITS), size) * (self.rng.random(size) > self.blank)
        steady = np.arange(size[1]) % 7 == 0  # some of it stays, so that there is something to settle
        best = np.where(steady, 2 + np.arange(size[1]) // 7 % 4, best)
        certain = self.rng.random(size)[..., None] * 8
        scores = torch.from_numpy(np.eye(len(UNITS), dtype=np.float32)[best] * certain.astype(np.float32))
        return scores.log_softmax(2), frames


def flickering(seed: int, blank: float) -> Transcriber:
    model = AcousticModel(ModelConfig(UNITS, "dfcnn", maps=(1, 1, 1, 1), fc=2, rnn=1, rnn_layers=1))
    made = Transcriber(model, None, GreedyDecoder(UNITS))
    drawn = Flickering(model, seed, blank)
    made.recogniser.model.forward = drawn.forward  # type: ignore[attr-defined]
    return made


def updates_of(live: LiveRecogniser, waveform: np.ndarray, sizes: list[int]) -> list[Update]:
    found, first = [], 0
    for size in sizes:
        found += live.push(waveform[first : first + size])
        first += size
    return found + live.push(waveform[first:]) + live.finish()


def check(updates: list[Update], seconds: float) -> None:
    """What must hold of every stream."""
    for before, after in pairwise(updates):
        assert after.utterance == before.utterance + before.final
        if before.final:
            assert after.start >= before.end  # no audio belongs to two utterances
        else:
            assert after.start == before.start
            assert after.text[: before.stable] == before.text[: before.stable] and after.stable >= before.stable
    for update in updates:
        assert update.stable <= len(update.text) and (not update.final or update.stable == len(update.text))
        assert 0 <= update.start <= update.end <= seconds + 1e-6
        starts = [token.start for token in update.tokens]
        assert starts == sorted(starts)
    assert not updates or updates[-1].final or not updates[-1].text


@pytest.mark.parametrize("blank", [0.3, 0.8, 0.95, 1.0])
@pytest.mark.parametrize("seed", range(6))
def test_what_is_stable_never_changes(seed: int, blank: float) -> None:
    rng = np.random.default_rng([seed, round(100 * blank)])
    options = LiveOptions(
        step=float(rng.choice([0.1, 0.2, 0.5])),
        window=float(rng.uniform(3, 5)),
        look_ahead=float(rng.choice([0.0, 0.2])),
        settle=float(rng.uniform(0.3, 1.0)),
        agree=int(rng.integers(1, 4)),
        pause=float(rng.uniform(0.4, 1.0)),
        longest=float(rng.uniform(4, 9)),
    )
    waveform = rng.standard_normal(round(RATE * rng.uniform(5, 25))).astype(np.float32) / 10
    sizes = rng.choice([1, 100, 3000, 9000, 40_000], 60).tolist()
    live = LiveRecogniser(flickering(seed, blank), options)
    updates = updates_of(live, waveform, sizes)
    check(updates, len(waveform) / RATE)
    assert live.seconds == len(waveform) / RATE
    longest = max((update.end - update.start for update in updates), default=0.0)
    assert longest <= options.longest + 1.0
    if blank < 1:
        assert any(update.stable and not update.final for update in updates)


@pytest.mark.parametrize("size", [160, 3200, 100_000])
def test_each_utterance_has_the_text_of_its_audio(fast: Transcriber, size: int) -> None:
    pause = np.zeros(RATE, np.float32)
    waveform = np.concatenate([part for clip in CLIPS for part in (audio.load(clip), pause)])
    live = LiveRecogniser(fast)
    updates = updates_of(live, waveform, [size] * (len(waveform) // size))
    check(updates, len(waveform) / RATE)
    finals = [update for update in updates if update.final]
    assert len(finals) >= len(CLIPS)
    for update in finals:
        part = waveform[round(update.start * RATE) : round(update.end * RATE)]
        alone = fast.transcribe((part, RATE))
        assert update.text == alone.text
        assert [token.start - update.start for token in update.tokens] == pytest.approx([t.start for t in alone.tokens])


def test_final_texts_are_written_as_people_read_them(fast: Transcriber) -> None:
    shown = Transcriber(fast.model, fast.translator, display=Display(script="traditional"), silence=0.0)
    updates = updates_of(LiveRecogniser(shown), audio.load(CLIPS[0]), [3200] * 8)
    assert all(update.display == update.text for update in updates if not update.final)
    final = updates[-1]
    assert "電" in final.display and "电" in final.text and final.to_dict()["display"] == final.display


def test_silence_is_forgotten(fast: Transcriber) -> None:
    live = LiveRecogniser(fast)
    for _ in range(20):
        assert live.push(np.zeros(RATE, np.float32)) == []
    assert live.finish() == [] and live.seconds == 20 and len(live._audio) <= 3 * RATE


def test_a_microphone_that_is_off_costs_nothing(fast: Transcriber, monkeypatch: pytest.MonkeyPatch) -> None:
    live = LiveRecogniser(fast)
    with monkeypatch.context() as patched:
        patched.setattr(LiveRecogniser, "_encode", None)
        for _ in range(10):
            assert live.push(np.full(8000, 3 / 32_768, np.float32)) == []
    updates = updates_of(live, audio.load(CLIPS[0]), [3200] * 8)
    final = updates[-1]
    whole = np.concatenate([np.full(80_000, 3 / 32_768, np.float32), audio.load(CLIPS[0])])
    alone = fast.transcribe((whole[round(final.start * RATE) :], RATE))
    assert final.text == alone.text and final.start >= 3.0


def test_a_stream_that_ends_within_a_step(fast: Transcriber) -> None:
    for count in (0, 1, 100, 1000):
        live = LiveRecogniser(fast)
        assert live.push(np.zeros(count, np.float32)) == [] and live.finish() == []


def test_streams_share_a_transcriber(fast: Transcriber) -> None:
    waveforms = [audio.load(clip) for clip in CLIPS[:2]]
    alone = [updates_of(LiveRecogniser(fast), each, [3200] * (len(each) // 3200)) for each in waveforms]
    both = [LiveRecogniser(fast) for _ in waveforms]
    found: list[list[Update]] = [[], []]
    for first in range(0, max(map(len, waveforms)), 3200):
        for number, each in enumerate(waveforms):
            found[number] += both[number].push(each[first : first + 3200])
    for number in (0, 1):
        texts = [update.text for update in found[number] + both[number].finish() if update.final]
        assert texts == [update.text for update in alone[number] if update.final]


@pytest.mark.parametrize(
    "wrong",
    [{"step": 0.0}, {"step": 2.0}, {"window": 1.0}, {"settle": 0.0}, {"settle": 9.0}, {"pause": 0.1}, {"agree": 0}],
)
def test_options_that_cannot_work(wrong: dict) -> None:
    with pytest.raises(UsageError):
        LiveOptions(**wrong)


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
@pytest.mark.parametrize("size", [1, 3, 1001, 64_000])
def test_pcm_cut_anywhere(rate: int, size: int, rng: np.random.Generator) -> None:
    samples = rng.integers(-20_000, 20_000, rate // 50).astype("<i2")
    data = samples.tobytes()
    decode, whole = Pcm16(rate), Pcm16(rate)
    parts = [decode(data[first : first + size]) for first in range(0, len(data), size)] + [decode.finish()]
    expected = np.concatenate([whole(data), whole.finish()])
    np.testing.assert_allclose(np.concatenate(parts), expected, atol=1e-6)
    assert abs(len(expected) - RATE // 50) <= 1
    if rate == RATE:
        np.testing.assert_array_equal(expected, samples.astype(np.float32) / 32_768)


def test_half_a_sample_and_other_rates() -> None:
    decode = Pcm16(RATE)
    assert len(decode(b"abc")) == 1
    with pytest.raises(AudioError, match="within a sample"):
        decode.finish()
    for rate in (0, -1, 7_999, 1e9, float("nan"), float("inf"), 10**400):
        with pytest.raises(AudioError, match="8000"):
            Pcm16(rate)
