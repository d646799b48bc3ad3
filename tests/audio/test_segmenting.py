"""Cutting long recordings: nothing is lost, cuts fall into pauses, memory stays bounded."""

import resource

import numpy as np
import pytest
import soundfile

from ramospeech.audio import SAMPLE_RATE, load, segments
from ramospeech.audio.segmenting import quietest


def speech_like(rng, seconds: int, pauses: list[float]) -> np.ndarray:
    """Noise with silences of 0.4 s that begin at the given seconds."""
    waveform = rng.uniform(-0.3, 0.3, seconds * SAMPLE_RATE).astype(np.float32)
    for pause in pauses:
        at = round(pause * SAMPLE_RATE)
        waveform[at : at + round(0.4 * SAMPLE_RATE)] *= 0.001
    return waveform


@pytest.mark.parametrize("rate", [16000, 44100])
@pytest.mark.parametrize("seconds", [0.02, 5.0, 20.0, 20.1, 45.3, 90.0])
def test_the_pieces_are_the_whole(tmp_path, rng, rate, seconds):
    path = tmp_path / "a.wav"
    soundfile.write(path, rng.uniform(-0.3, 0.3, round(seconds * rate)), rate)
    whole = load(path)
    starts, pieces = zip(*segments(path, 20.0), strict=True)
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
    ends = np.cumsum([len(piece) for piece in pieces]) / SAMPLE_RATE
    np.testing.assert_allclose(starts, [0.0, *ends[:-1]])
    assert max(map(len, pieces)) <= 20 * SAMPLE_RATE
    if seconds > 0.5:
        assert min(map(len, pieces)) >= 0.5 * SAMPLE_RATE


def test_cuts_fall_into_the_pauses(tmp_path, rng):
    pauses = [14.0, 25.5, 41.0]
    soundfile.write(tmp_path / "a.wav", speech_like(rng, 50, pauses), SAMPLE_RATE)
    starts = [start for start, _ in segments(tmp_path / "a.wav", 20.0)]
    assert len(starts) == 4
    for start, pause in zip(starts[1:], pauses, strict=True):
        assert pause < start < pause + 0.4


def test_quietest_stays_within_its_bounds(rng):
    waveform = rng.uniform(-1, 1, 5 * SAMPLE_RATE)
    assert SAMPLE_RATE <= quietest(waveform, SAMPLE_RATE, 3 * SAMPLE_RATE) <= 3 * SAMPLE_RATE


def test_a_window_too_short_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least 2"):
        list(segments(tmp_path / "a.wav", 1.0))


@pytest.mark.slow
def test_two_hours_in_bounded_memory(tmp_path):
    path = tmp_path / "long.wav"
    with soundfile.SoundFile(path, "w", 8000, 1, "PCM_U8") as file:
        for _ in range(120):
            file.write(np.zeros(60 * 8000, np.float32))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    total = sum(len(piece) for _, piece in segments(path))
    assert total == 7200 * SAMPLE_RATE
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024  # KiB; the whole is 460 MB


@pytest.mark.parametrize("offset", [0.02, -0.3])
def test_a_constant_offset_does_not_move_the_cuts(tmp_path, rng, offset):
    waveform = 0.3 * speech_like(rng, 70, [13.0, 29.0, 41.0, 55.5])
    starts = []
    for name, added in (("a.wav", 0.0), ("b.wav", offset)):
        soundfile.write(tmp_path / name, waveform + added, SAMPLE_RATE, subtype="FLOAT")
        starts.append([start for start, _ in segments(tmp_path / name, 18.0)])
    assert starts[0] == starts[1]
