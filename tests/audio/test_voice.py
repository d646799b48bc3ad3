"""Parts of a recording that are worth recognising."""

import sys
from pathlib import Path

import numpy as np
import pytest

from ramospeech.audio import SAMPLE_RATE, load, voice
from ramospeech.audio.voice import check_voice, sounding, voiced
from ramospeech.errors import UsageError
from ramospeech.stages import End, Piece, cut


def silence(seconds: float, rng: np.random.Generator, level: float = 1e-4) -> np.ndarray:
    """A quiet room."""
    return rng.normal(0, level, int(seconds * SAMPLE_RATE)).astype(np.float32)


@pytest.fixture(scope="module")
def speech(root: Path) -> np.ndarray:
    """A clip of the demo, without the silence around it."""
    waveform = load(root / "demo" / "audio" / "test" / "0003.ogg")
    loud = np.flatnonzero(np.abs(waveform) > 0.02)
    return waveform[loud[0] : loud[-1]]


@pytest.mark.parametrize("gain", [1.0, 0.1, 0.01])
def test_speech_between_silence_is_found_at_any_level(speech: np.ndarray, rng: np.random.Generator, gain: float):
    pytest.importorskip("webrtcvad")
    parts = [silence(10, rng, 1e-4 * gain), speech * gain, silence(8, rng, 1e-4 * gain), speech * gain]
    starts = np.cumsum([0, *map(len, parts)])
    # Within its first frames the detector may take any noise for a voice.
    spans = [span for span in voiced(np.concatenate(parts)) if span[0] > 0]
    assert len(spans) == 2
    for (first, last), begin, end in zip(spans, starts[[1, 3]], starts[[2, 4]], strict=True):
        assert first <= begin + 0.05 * SAMPLE_RATE and last >= end - 0.05 * SAMPLE_RATE
        assert begin - first < 1.2 * SAMPLE_RATE and last - end < 1.2 * SAMPLE_RATE


@pytest.mark.parametrize("seconds", [0.02, 0.2, 0.5, 7.0])
def test_spans_lie_within_and_in_order(speech: np.ndarray, rng: np.random.Generator, seconds: float):
    pytest.importorskip("webrtcvad")
    for waveform in (np.resize(speech, int(seconds * SAMPLE_RATE)), silence(seconds, rng, 0.1)):
        edges = [edge for span in voiced(waveform) for edge in span]
        assert edges == sorted(set(edges)) and (not edges or (edges[0] >= 0 and edges[-1] <= len(waveform)))
    assert voiced(np.zeros(60 * SAMPLE_RATE, np.float32)) == [] == sounding(np.zeros(60 * SAMPLE_RATE, np.float32))


def test_pauses_within_speech_stay(speech: np.ndarray, rng: np.random.Generator):
    pytest.importorskip("webrtcvad")
    waveform = np.concatenate([speech, silence(1.0, rng), speech])
    assert voiced(waveform) == [(0, len(waveform))]


def test_what_is_left_out_is_told_and_moves_no_time(speech: np.ndarray, rng: np.random.Generator):
    pytest.importorskip("webrtcvad")
    waveform = np.concatenate([silence(12, rng), speech, silence(5, rng)])
    seconds: list[float] = []
    *_, piece, end = cut([((waveform, SAMPLE_RATE), None)], 100.0, 160, seconds.append, voiced)
    assert isinstance(piece, Piece) and isinstance(end, End)
    assert 10.5 < piece.start <= 12.05 and sum(seconds) > 13
    [warning] = end.warnings
    assert f": {sum(seconds):.1f} of {len(waveform) / SAMPLE_RATE:.1f} s have no voice and were left out" in warning
    assert [item for item in cut([((speech, SAMPLE_RATE), None)], 100.0, 160, None, voiced)][-1] == End(
        f"<{len(speech)} samples at 16000 Hz>", len(speech) / SAMPLE_RATE
    )


def test_without_the_package_one_line_says_so(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "webrtcvad", None)
    voice._webrtcvad.cache_clear()
    with pytest.raises(UsageError, match="pip install webrtcvad-wheels"):
        check_voice()
    voice._webrtcvad.cache_clear()
