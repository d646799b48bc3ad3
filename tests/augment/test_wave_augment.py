"""The effects on waveforms, measured: levels, reverberation, bands, lengths, seeds."""

import numpy as np
import pytest
import soundfile

from ramospeech.augment import EFFECTS, Recordings, WaveAugment, channel, join, noise, room
from ramospeech.augment.tempo import tempo
from ramospeech.errors import UsageError

RATE = 16_000


@pytest.fixture
def speech(rng):
    """Two seconds: bursts of voiced sound of 150 Hz, with pauses of faint noise."""
    time = np.arange(2 * RATE) / RATE
    voice = sum(np.sin(2 * np.pi * 150 * k * time) / k for k in range(1, 40))
    bursts = np.sin(2 * np.pi * 1.5 * time).clip(0.0)
    return (0.1 * bursts * voice + rng.normal(0, 1e-3, len(time))).astype(np.float32)


def decibels(ratio):
    return 10 * np.log10(ratio)


def band(waveform, low, high):
    """The power of (S,) between two frequencies in Hz."""
    spectrum = np.abs(np.fft.rfft(waveform.astype(np.float64))) ** 2
    frequencies = np.fft.rfftfreq(len(waveform), 1 / RATE)
    return spectrum[(frequencies >= low) & (frequencies < high)].sum()


def rt60(response):
    """Seconds for 60 dB, by Schroeder's backward integration from -5 to -25 dB."""
    decay = np.cumsum(response[::-1].astype(np.float64) ** 2)[::-1]
    decay = decibels(decay / decay[0])
    return 3 * (np.argmax(decay < -25) - np.argmax(decay < -5)) / RATE


@pytest.mark.parametrize("name", ["white", "pink", "hum", "babble"])
@pytest.mark.parametrize("snr", [0.0, 20.0])
def test_noise_has_the_snr_that_is_asked_for(name, snr, speech, rng):
    silence = np.zeros(RATE, np.float32)
    clean = np.concatenate([silence, speech, silence])  # which must not make the noise weaker
    noisy = WaveAugment({name: 1.0}, (snr, snr))(clean, rng, lambda _: speech[:9_000])
    spoken = speech.reshape(-1, 400)
    power = (spoken**2).mean(axis=1)
    measured = decibels(power[power > 1e-3 * power.max()].mean() / ((noisy - clean) ** 2).mean())
    assert measured == pytest.approx(snr, abs=0.1)


def test_snr_of_a_tone_is_that_of_the_whole():
    tone = np.sin(np.arange(RATE) / 5).astype(np.float32)
    sound = noise.white(RATE, np.random.default_rng(1))
    added = noise.add_noise(tone, sound, 7.0) - tone
    assert decibels(np.mean(tone**2) / np.mean(added**2)) == pytest.approx(7.0, abs=0.05)


def test_silence_gets_no_noise():
    silent, sound = np.zeros(800, np.float32), np.ones(800, np.float32)
    assert not noise.add_noise(silent, sound, 10.0).any()
    assert np.array_equal(noise.add_noise(sound, silent, 10.0), sound)


def test_noises_have_their_colours(rng):
    seconds = 8 * RATE
    octaves = [(500, 1_000), (1_000, 2_000), (2_000, 4_000)]
    steps = {
        make: np.diff([decibels(band(make(seconds, rng), *octave)) for octave in octaves])
        for make in (noise.white, noise.pink)
    }
    np.testing.assert_allclose(steps[noise.white], 3.0, atol=0.5)
    np.testing.assert_allclose(steps[noise.pink], 0.0, atol=0.5)
    hum = noise.hum(seconds, rng)
    near = sum(band(hum, 50 * k - 4, 50 * k + 4) for k in range(1, 21))
    assert near / band(hum, 0, 8_000) > 0.99


def test_hum_is_the_sum_of_its_harmonics():
    rng = np.random.default_rng(4)
    levels, phases = rng.uniform(0, 1, 20) / np.arange(1, 21), rng.uniform(0, 2 * np.pi, 20)
    mains, time = 50 * rng.uniform(0.998, 1.002), np.arange(3_000) / RATE
    expected = sum(levels[k] * np.sin(2 * np.pi * mains * (k + 1) * time + phases[k]) for k in range(20))
    np.testing.assert_allclose(noise.hum(3_000, np.random.default_rng(4)), expected, atol=1e-5)


def test_recordings_of_any_format_are_cut_or_repeated(tmp_path, rng):
    (tmp_path / "deep").mkdir()
    ramp = np.linspace(-0.5, 0.5, 48_000)
    soundfile.write(tmp_path / "deep" / "long.flac", ramp, RATE)
    for cache_bytes in (0, 10**6):
        cut = Recordings(tmp_path, cache_bytes)(RATE, rng)
        assert cut.dtype == np.float32 and len(cut) == RATE
        np.testing.assert_allclose(np.diff(cut), 1 / 48_000, atol=1e-4)  # in one piece
    soundfile.write(tmp_path / "short.ogg", ramp[:100], RATE)
    recordings = Recordings(tmp_path)
    assert [len(recordings(1_000, rng)) for _ in range(10)] == [1_000] * 10


@pytest.mark.parametrize("content", [None, {}, {"notes.txt": b"x"}, {"bad.wav": b"not audio"}])
def test_a_folder_of_noise_that_is_none(content, tmp_path):
    folder = tmp_path / "noise"
    if content is not None:
        folder.mkdir()
        for name, data in content.items():
            (folder / name).write_bytes(data)
    with pytest.raises(UsageError, match="noise"):
        Recordings(folder)


def test_rooms_have_their_reverberation_time():
    asked, measured = np.array([(t, rt60(h)) for t, h in map(room.impulse_response, range(8))]).T
    assert asked.min() >= 0.1 and asked.max() <= 0.6
    assert np.median(np.abs(measured / asked - 1)) < 0.2
    np.testing.assert_allclose(measured, asked, rtol=0.5)
    assert np.corrcoef(asked, measured)[0, 1] > 0.9


def test_a_room_keeps_the_place_and_the_level_of_a_voice(rng):
    response = room.impulse_response(1)[1]
    speech = noise.white(RATE, rng)
    assert response[0] == pytest.approx(1.0)
    heard = room.reverberate(speech, response)
    assert len(heard) == len(speech) and np.mean(heard**2) == pytest.approx(np.mean(speech**2), rel=1e-3)
    lag = np.correlate(heard[4_000:12_000], speech[4_500:11_500], "valid").argmax()
    assert lag == 500
    assert not room.reverberate(np.zeros(100, np.float32), response).any()


def test_bands(rng):
    sound = noise.white(4 * RATE, rng)
    phone = channel.telephone(sound)
    inside = band(phone, 600, 3_000) / band(sound, 600, 3_000)
    assert decibels(inside) == pytest.approx(0.0, abs=0.5)
    assert decibels(band(phone, 0, 150) / band(sound, 0, 150)) < -15
    assert decibels(band(phone, 4_200, 8_000) / band(sound, 4_200, 8_000)) < -50
    low = channel.low_pass(sound, 3_000.0)
    assert decibels(band(low, 100, 2_500) / band(sound, 100, 2_500)) == pytest.approx(0.0, abs=0.3)
    assert decibels(band(low, 6_000, 8_000) / band(sound, 6_000, 8_000)) < -45


def test_volume():
    assert channel.volume(np.float32([0.1]), -6.0)[0] == pytest.approx(0.1 * 10 ** (-6 / 20))


@pytest.mark.parametrize(("name", "mild", "strong"), [("opus", 0.75, 0.98), ("mp3", 0.0, 0.98), ("mulaw", 0.0, 0.0)])
def test_codecs_lose_a_little_and_shift_nothing(name, mild, strong, speech):
    def snr(compression):
        decoded = channel.codec(speech, name, compression)
        assert decoded.dtype == np.float32 and len(decoded) == len(speech)
        return decibels(np.mean(speech**2) / np.mean((speech - decoded) ** 2))

    assert 10 < snr(mild) < 60
    assert snr(strong) > 3 and snr(strong) <= snr(mild)
    assert np.abs(channel.codec(3 * np.sign(speech), name, mild)).max() < 2.5


@pytest.mark.parametrize("factor", [0.85, 1.0, 1.15])
def test_tempo_changes_length_and_not_pitch(factor, speech):
    tone = np.sin(2 * np.pi * 220 * np.arange(2 * RATE) / RATE).astype(np.float32)
    spoken = tempo(tone, factor)
    assert spoken.dtype == np.float32 and len(spoken) == round(len(tone) / factor)
    middle = spoken[2_000:-2_000]
    peak = np.abs(np.fft.rfft(middle * np.hanning(len(middle)))).argmax() * RATE / len(middle)
    assert abs(peak - 220) < 1.0
    assert band(middle, 200, 240) / band(middle, 0, 8_000) > 0.99  # no seams
    # Bursts come at 1.5 a second, in the time of the result at `factor` times that.
    envelope = np.abs(tempo(speech, factor))[: round(2 * RATE / factor)]
    rates = np.arange(0.5, 3.0, 0.05)
    pulse = [abs(np.exp(-2j * np.pi * r * np.arange(len(envelope)) / RATE) @ envelope) for r in rates]
    assert rates[int(np.argmax(pulse))] == pytest.approx(1.5 * factor, abs=0.11)


def test_tempo_of_one_changes_nothing(speech):
    np.testing.assert_allclose(tempo(speech, 1.0), speech, atol=1e-5)


@pytest.mark.parametrize("samples", [1, 300, 5_000])
def test_short_clips_pass_every_effect(samples, rng):
    clip = (0.1 * rng.standard_normal(samples)).astype(np.float32)
    for name in set(EFFECTS) - {"noise"}:
        changed = WaveAugment({name: 1.0})(clip, rng, lambda _: clip)
        assert changed.dtype == np.float32 and np.isfinite(changed).all(), name
        assert abs(len(changed) - samples) <= (0.2 * samples if name == "tempo" else 0), name


def test_pauses_sound_like_the_recording(speech):
    joined = join([speech, speech[::-1]], [0.5, 0.25, 0.0], np.random.default_rng(1))
    assert joined.dtype == np.float32 and len(joined) == 0.75 * RATE + 2 * len(speech)
    assert np.array_equal(joined[RATE // 2 : RATE // 2 + len(speech)], speech)
    assert np.array_equal(joined[-len(speech) :], speech[::-1])
    level = np.sqrt(np.mean(joined[: RATE // 2] ** 2))
    assert 0.5e-3 < level < 2e-3  # that of the noise between the bursts
    assert not join([np.zeros(1_000, np.float32)], [0.1, 0.1], np.random.default_rng(1)).any()


def test_effects_follow_from_the_generator_alone(speech, tmp_path):
    soundfile.write(tmp_path / "n.wav", np.random.default_rng(0).normal(0, 0.1, RATE), RATE)
    every = WaveAugment(dict.fromkeys(EFFECTS, 0.5), recordings=Recordings(tmp_path))

    def draw(seed):
        return every(speech, np.random.default_rng(seed), lambda _: speech)

    for seed in range(4):
        assert np.array_equal(draw(seed), draw(seed))
        assert np.abs(draw(seed)).max() <= 1.0
    assert not np.array_equal(draw(1), draw(2))


def test_probabilities(speech):
    rng = np.random.default_rng(2)
    assert np.array_equal(WaveAugment({"white": 0.0})(speech, rng), speech)
    half = WaveAugment({"volume": 0.5})
    changed = sum(not np.array_equal(half(speech, rng), speech) for _ in range(200))
    assert 75 < changed < 125


def test_words_of_the_command_line(tmp_path):
    soundfile.write(tmp_path / "n.wav", np.ones(100), RATE)
    assert WaveAugment.of([]).probabilities == {}
    assert set(WaveAugment.of(["all"]).probabilities) == set(EFFECTS) - {"noise"}
    assert set(WaveAugment.of(["all"], folder=str(tmp_path)).probabilities) == set(EFFECTS)
    some = WaveAugment.of(["all", "room=0.7", "opus=0"], (3, 9))
    assert some.probabilities["room"] == 0.7 and some.probabilities["opus"] == 0.0 and some.snr == (3, 9)
    assert WaveAugment.of(["opus", "tempo=1"]).probabilities == {"tempo": 1.0, "opus": EFFECTS["opus"][0]}


@pytest.mark.parametrize(
    ("words", "snr", "complaint"),
    [
        (["echo"], (5, 25), "unknown effect 'echo'"),
        (["room=much"], (5, 25), "room=0.3"),
        (["room=2"], (5, 25), "room=2"),
        (["room=nan"], (5, 25), "room=nan"),
        (["white"], (25, 5), "noise_snr"),
        (["noise"], (5, 25), "--noise"),
    ],
)
def test_wrong_words(words, snr, complaint):
    with pytest.raises(UsageError, match=complaint):
        WaveAugment.of(words, snr)


def test_noise_that_nothing_uses(tmp_path):
    soundfile.write(tmp_path / "n.wav", np.ones(100), RATE)
    with pytest.raises(UsageError, match="go together"):
        WaveAugment.of(["room"], folder=str(tmp_path))
