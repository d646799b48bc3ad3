"""The effects on batches against the same on single clips: levels, responses, padding, seeds."""

import numpy as np
import pytest
import torch

from ramospeech.augment import BATCH_EFFECTS, BatchAugment, Sounds, Sources, as_int16, noise, room
from ramospeech.augment.batched import filters, noises
from ramospeech.errors import UsageError

RATE = 16_000
CPU = torch.device("cpu")
LENGTHS = torch.tensor([32_000, 17_000, 24_321, 30_000])


@pytest.fixture
def speech(rng):
    """(4, 32000) bursts of voiced sound of other pitches and levels, 0 behind LENGTHS."""
    time = np.arange(32_000) / RATE
    rows = [sum(np.sin(2 * np.pi * f * k * time) / k for k in range(1, 20)) for f in (110, 150, 210, 290)]
    bursts = np.sin(2 * np.pi * 1.5 * time).clip(0.0)
    levels = np.array([[0.1], [0.2], [0.05], [0.3]])
    x = levels * bursts * np.array(rows) + rng.normal(0, 1e-3, (4, 32_000))
    return without_padding(torch.from_numpy(x.astype(np.float32)))


@pytest.fixture
def sources(rng):
    sounds = Sounds.of([as_int16(0.1 * rng.standard_normal(n).astype(np.float32)) for n in (5_000, 50_000)], CPU)
    rooms = torch.stack([torch.from_numpy(filters.from_direct_sound(room.impulse_response(0)[1], 16_000))])
    return Sources((5.0, 25.0), sounds, sounds, rooms)


def without_padding(x):
    return x * (torch.arange(x.shape[1]) < LENGTHS.unsqueeze(1))


def gain_at(hertz, before, after):
    """dB by which a filter changed a tone (S,)."""
    spectra = [np.abs(np.fft.rfft(x.numpy()[4_000:28_000] * np.hanning(24_000))) for x in (before, after)]
    place = round(hertz * 24_000 / RATE)
    return 20 * np.log10(spectra[1][place - 2 : place + 3].max() / spectra[0][place - 2 : place + 3].max())


def tones(frequencies):
    time = torch.arange(32_000) / RATE
    return torch.stack([0.1 * torch.sin(2 * torch.pi * f * time) for f in frequencies])


def test_speech_power_is_that_of_single_clips(speech):
    found = noises.speech_power(speech, LENGTHS)[:, 0].tolist()
    rows = zip(speech, LENGTHS.tolist(), strict=True)
    assert found == pytest.approx([noise.speech_power(row[:n].numpy()) for row, n in rows], rel=1e-4)
    short = torch.zeros(2, 300)
    short[0, :200] = 0.5
    assert noises.speech_power(short, torch.tensor([200, 300]))[:, 0].tolist() == pytest.approx([0.25, 0.0])


@pytest.mark.parametrize("snr", [-5.0, 0.0, 20.0])
def test_noise_is_mixed_as_into_single_clips(speech, snr):
    sound = torch.randn(speech.shape, generator=torch.Generator().manual_seed(1))
    found = without_padding(noises.add_noise(speech, LENGTHS, sound, torch.full((4, 1), snr)))
    for row, clean, other, n in zip(found, speech, sound, LENGTHS.tolist(), strict=True):
        expected = noise.add_noise(clean[:n].numpy(), other[:n].numpy(), snr)
        np.testing.assert_allclose(row[:n].numpy(), expected, atol=2e-6, rtol=1e-3)


def test_noise_under_silence_stays_silence(speech):
    silent = torch.zeros_like(speech)
    assert not noises.add_noise(silent, LENGTHS, speech, torch.zeros(4, 1)).any()
    assert torch.equal(noises.add_noise(speech, LENGTHS, silent, torch.zeros(4, 1)), speech)


def test_reverberation_is_that_of_single_clips(speech):
    responses = torch.stack([torch.from_numpy(filters.from_direct_sound(room.impulse_response(i)[1], 9_000))
                             for i in range(4)])  # fmt: skip
    found = filters.reverberate(speech, responses)
    for row, clean, response in zip(found, speech, responses, strict=True):
        expected = room.reverberate(clean.numpy(), response.numpy())
        np.testing.assert_allclose(row.numpy(), expected, atol=1e-5)


def test_a_measured_response_begins_with_its_direct_sound():
    response = np.array([0.0, 0.1, -0.5, 0.25, 0.1])
    np.testing.assert_allclose(filters.from_direct_sound(response, 5), [1.0, -0.5, -0.2, 0.0, 0.0], rtol=1e-6)


@pytest.mark.parametrize("seconds", [0.1, 0.4])
@pytest.mark.parametrize("ratio", [3.0, 15.0])
def test_tails_decay_and_are_as_loud_as_asked_for(seconds, ratio):
    drawn = torch.randn(1, 8_000, generator=torch.Generator().manual_seed(2))
    (tail,) = filters.decaying_tails(torch.tensor([[seconds]]), torch.tensor([[ratio]]), drawn)
    assert tail[0] == 1.0 and not tail[1 : filters.DIRECT].any()
    assert 10 * torch.log10(tail[1:].square().sum()) == pytest.approx(-ratio, abs=1e-3)
    half = int(seconds * RATE / 2)
    levels = [tail[start : start + 400].square().mean() for start in (100, 100 + half)]
    assert 10 * torch.log10(levels[0] / levels[1]) == pytest.approx(30.0, abs=3.0)


@pytest.mark.parametrize("limit", [2_500.0, 6_000.0])
def test_low_pass(limit):
    frequencies = (limit / 2, limit, 1.25 * limit)
    before = tones(frequencies)
    after = filters.low_pass(before, torch.full((3, 1), limit))
    found = [gain_at(f, x, y) for f, x, y in zip(frequencies, before, after, strict=True)]
    assert found == pytest.approx([0.0, -3.0, -15.6], abs=0.3)


def test_high_pass_and_telephone():
    before = tones((100.0, 200.0, 1_000.0, 5_000.0))
    high = filters.high_pass(before, torch.full((4, 1), 200.0))
    assert [gain_at(f, x, y) for f, x, y in zip((100, 200, 1_000), before, high, strict=False)] == pytest.approx(
        [-12.3, -3.0, 0.0], abs=0.3
    )
    line = filters.telephone(before)
    assert gain_at(1_000, before[2], line[2]) == pytest.approx(0.0, abs=0.2)
    assert gain_at(100, before[0], line[0]) < -30 and gain_at(5_000, before[3], line[3]) < -60


def test_an_equaliser_has_its_gains_at_its_points():
    gains = torch.tensor([[0.0, 6.0, -9.0, 3.0, 0.0, 12.0, -3.0, 0.0, 6.0, 0.0]])
    mel = np.arange(1, 9) / 9 * np.log1p(8_000 / 700)
    for point, hertz in enumerate(700 * np.expm1(mel), 1):
        hertz = round(hertz * 1.5) / 1.5  # a bin of the measurement
        before = tones([hertz])
        after = filters.equalised(before, gains)
        assert gain_at(hertz, before[0], after[0]) == pytest.approx(float(gains[0, point]), abs=0.7)


@pytest.mark.parametrize("slope", [0.0, 0.5, 1.2])
def test_noise_falls_with_its_slope(slope):
    white = torch.randn(1, 64_000, generator=torch.Generator().manual_seed(3))
    power = torch.fft.rfft(noises.coloured(white, torch.tensor([[slope]])))[0].abs().square()
    octaves = [power[4 * f : 8 * f].mean() for f in (250, 2_000)]
    assert 10 * torch.log10(octaves[0] / octaves[1]) == pytest.approx(20 * slope * np.log10(8), abs=1.0)


def test_hum_has_its_harmonics():
    levels, phases = torch.tensor([[1.0, 0.5]]), torch.tensor([[0.3, 1.0]])
    time = np.arange(8_000) / RATE
    expected = np.sin(2 * np.pi * 50 * time + 0.3) + 0.5 * np.sin(2 * np.pi * 100 * time + 1.0)
    np.testing.assert_allclose(noises.hum(8_000, torch.tensor([[50.0]]), levels, phases)[0], expected, atol=1e-3)


def test_babble_is_of_other_rows(speech):
    found = noises.babble(speech, LENGTHS, [1, 2], torch.tensor([[1], [2], [0], [2]]))
    level = noises.speech_power(speech, LENGTHS).sqrt()
    torch.testing.assert_close(found[0], speech[1] / level[1])
    torch.testing.assert_close(found[1], speech[2] / level[2] + speech[3] / level[3])
    assert not found[2].any()
    silent = noises.babble(torch.zeros(2, 800), torch.tensor([800, 800]), [1], torch.ones(2, 1))
    assert not silent.any()


@pytest.mark.parametrize("name", BATCH_EFFECTS)
def test_each_effect_changes_clips_and_no_padding(name, speech, sources):
    effect = BatchAugment.of([f"{name}=1"], sources)
    found = [effect(speech.clone(), LENGTHS, np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert torch.equal(found[0], found[1]), "a seed repeats"
    assert torch.equal(found[0], found[2]) == (name in ("telephone", "mulaw")), "another seed draws otherwise"
    assert found[0].isfinite().all() and found[0].abs().max() <= 1.0
    assert torch.equal(found[0], without_padding(found[0]))
    assert all((row != clean).any() for row, clean in zip(found[0], speech, strict=True))


@pytest.mark.parametrize("name", BATCH_EFFECTS)
def test_silence_and_single_rows_pass_every_effect(name, sources):
    effect = BatchAugment.of([f"{name}=1"], sources)
    found = effect(torch.zeros(1, 16_000), torch.tensor([9_000]), np.random.default_rng(1))
    assert found.abs().max() < 1e-3  # mulaw has no step at 0


def test_only_the_rows_that_are_drawn_change(speech, sources):
    effect = BatchAugment.of(["volume=0.5"], sources)
    changed = [
        (effect(speech.clone(), LENGTHS, np.random.default_rng(seed)) != speech).any(1).sum().item()
        for seed in range(100)
    ]
    assert {*changed} == {0, 1, 2, 3, 4} and 150 < sum(changed) < 250
    nothing = BatchAugment.of([], sources)
    assert torch.equal(nothing(speech.clone(), LENGTHS, np.random.default_rng(1)), speech)


def test_clipping_and_level(speech, sources):
    clipped = BatchAugment.of(["clipping=1"], sources)(speech.clone(), LENGTHS, np.random.default_rng(4))
    ratio = clipped.abs().amax(1) / speech.abs().amax(1)
    assert ((ratio > 0.149) & (ratio < 0.651)).all()
    level = BatchAugment.of(["level=1"], sources)(speech.clone(), LENGTHS, np.random.default_rng(4))
    peaks = 20 * torch.log10(level.abs().amax(1))
    assert ((peaks >= -26.01) & (peaks <= 0.01)).all()


def test_mulaw_is_that_of_the_codec(speech, sources):
    from ramospeech.augment.channel import codec

    found = BatchAugment.of(["mulaw=1"], sources)(speech.clone(), LENGTHS, np.random.default_rng(1))
    expected = codec(speech[0].numpy(), "mulaw")
    clean, errors = speech[0].numpy(), [x - speech[0].numpy() for x in (found[0].numpy(), expected)]
    assert (np.abs(errors[0]) <= 0.022 * (np.abs(clean) + 1 / 255) + 1e-6).all(), "half a step of 256"
    assert np.mean(errors[0] ** 2) == pytest.approx(np.mean(errors[1] ** 2), rel=0.6)


def test_excerpts_repeat_short_recordings(rng):
    sounds = Sounds.of([np.arange(1, 6, dtype=np.int16), np.arange(100, 150, dtype=np.int16)], CPU)
    found = np.round(sounds.excerpts(50, 12, rng).numpy() * 32_768).astype(int)
    for row in found:
        steps = {*np.diff(row)}
        assert steps == ({1, -4} if row[0] < 10 else {1})
    assert {row[0] < 10 for row in found} == {True, False}


@pytest.mark.parametrize("samples", [1, 2, 7, 1_000, 36_000, 292_000, 404_000])
def test_fast_lengths(samples):
    size = filters.fast_length(samples)
    assert samples <= size <= max(1.34 * samples, samples + 1) and size % 2 ** max(0, size.bit_length() - 5) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["rooom"], "unknown effect 'rooom'; choose from: all room"),
        (["mp3"], "unknown effect 'mp3'"),
        (["room=2"], "a probability lies within 0 and 1"),
        (["room=x"], "write NAME or NAME=PROBABILITY"),
        (["noise"], "noise and a folder of recordings given with --noise go together"),
        (["music=0.1"], "music and a folder of recordings given with --music go together"),
    ],
)
def test_words_that_cannot_be_used(words, message):
    with pytest.raises(UsageError, match=message):
        BatchAugment.of(words, Sources())


def test_all_leaves_out_what_has_no_recordings():
    assert {*BATCH_EFFECTS} - {*BatchAugment.of(["all"], Sources()).probabilities} == {"noise", "music"}
