"""Features of other rates, frames and bins: against plain references, their padding, and the times they give."""

import kaldi_native_fbank as knf
import numpy as np
import pytest
import scipy.fft
import scipy.signal
import soxr
import torch

from ramospeech.errors import ModelError, UsageError
from ramospeech.features import Fbank, Features, FeatureSettings, LogMel, Mfcc, Spectrogram
from ramospeech.features.halving import Halving
from ramospeech.model import AcousticModel, ModelConfig, load_model, save_model

UNITS = ("<blank>", "<UNK>", "hao3", "ni3", "ma")
SMALL = {"maps": (2, 2, 2, 2), "fc": 8, "rnn": 4, "rnn_layers": 1}
DEEP_SPEECH = FeatureSettings(window_size=20.0, feature_bins=161)
TELEPHONE = FeatureSettings(sample_rate=8000)


def signal(rng: np.random.Generator, samples: int) -> np.ndarray:
    time = np.arange(samples) / 16_000
    return (0.3 * np.sin(2 * np.pi * 440 * time * (1 + time)) + 0.01 * rng.standard_normal(samples)).astype(np.float32)


def of(module: torch.nn.Module, wave: np.ndarray) -> np.ndarray:
    return module(torch.from_numpy(wave)[None], torch.tensor([len(wave)]))[0][0].numpy()


@pytest.mark.parametrize("name", ["hamming", "hann"])
@pytest.mark.parametrize(("window", "hop", "bins"), [(320, 160, 161), (320, 160, 0), (400, 200, 201), (160, 80, 40)])
def test_spectrograms_against_scipy(name: str, window: int, hop: int, bins: int, rng: np.random.Generator) -> None:
    wave = signal(rng, 4000)
    settings = FeatureSettings(window_size=window / 16, hop_size=hop / 16, feature_bins=bins, window_function=name)
    taper = scipy.signal.get_window(name, window, fftbins=False)
    starts = range(0, len(wave) - window + 1, hop)
    frames = np.array([wave[start : start + window] for start in starts], np.float64) * 32768
    expected = np.log(np.abs(scipy.fft.rfft(frames * taper))[:, : bins or window // 2] + 1)
    found = of(Spectrogram(settings), wave)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=2e-3)


def test_the_spectrogram_of_deep_speech_has_161_bins_of_50_hz() -> None:
    feature = Spectrogram(DEEP_SPEECH)
    assert feature.bins == 161 and feature.frequencies.tolist()[:3] == [0, 50, 100] and feature.frequencies[-1] == 8000


@pytest.mark.parametrize("rate", [16_000, 8_000])
@pytest.mark.parametrize(("kind", "bins"), [("fbank", 40), ("mfcc", 13), ("mfcc", 40)])
def test_mel_features_against_kaldi(kind: str, bins: int, rate: int, rng: np.random.Generator) -> None:
    wave = signal(rng, 16_000)
    settings = FeatureSettings(sample_rate=rate, window_size=20.0, feature_bins=bins)
    options = (knf.FbankOptions if kind == "fbank" else knf.MfccOptions)()
    options.frame_opts.dither, options.frame_opts.frame_length_ms = 0, 20.0
    options.frame_opts.samp_freq = rate
    options.mel_opts.num_bins = max(23, bins)
    if kind == "mfcc":
        options.num_ceps, options.use_energy = bins, False
    else:
        options.energy_floor = 0.0
    kaldi = (knf.OnlineFbank if kind == "fbank" else knf.OnlineMfcc)(options)
    halved = of(Halving(), wave) if rate == 8000 else wave
    kaldi.accept_waveform(rate, (halved * 32768).tolist())
    expected = np.array([kaldi.get_frame(i) for i in range(kaldi.num_frames_ready)])
    found = of(Fbank(settings=settings) if kind == "fbank" else Mfcc(settings), wave)
    assert found.shape == expected.shape and expected.std() > 1
    np.testing.assert_allclose(found, np.maximum(expected, 0) if kind == "fbank" else expected, atol=2e-2)


def test_halving_keeps_what_lies_below_the_new_limit_and_nothing_above(rng: np.random.Generator) -> None:
    time = np.arange(16_000) / 16_000
    low = sum(np.sin(2 * np.pi * hertz * time + hertz) for hertz in (100, 1000, 2500, 3300)).astype(np.float32) / 8
    high = (0.5 * np.sin(2 * np.pi * 4300 * time)).astype(np.float32)
    found = of(Halving(), low + high)
    reference = soxr.resample(low, 16_000, 8_000)
    assert len(found) == 8000
    np.testing.assert_allclose(found[200:-200], reference[200:-200], atol=2e-3)


@pytest.mark.parametrize("settings", [DEEP_SPEECH, TELEPHONE, FeatureSettings(sample_rate=8000, hop_size=12.5)])
@pytest.mark.parametrize("kind", ["spectrogram", "fbank", "log_mel", "mfcc"])
def test_padding_and_neighbours_change_nothing(kind: str, settings: FeatureSettings, rng: np.random.Generator) -> None:
    if kind != "spectrogram":
        settings = FeatureSettings(settings.sample_rate, settings.window_size, settings.hop_size)
    elif settings.sample_rate == 8000:
        settings = FeatureSettings(8000, 20.0, settings.hop_size, "hann", 81)
    features = Features(kind, "bin", settings).double()
    samples = [9000, 4321, 402, 100]
    batch = torch.full((4, 9500), torch.nan, dtype=torch.float64)
    for row, size in zip(batch, samples, strict=True):
        row[:size] = torch.from_numpy(signal(rng, size))
    together, lengths = features(batch, torch.tensor(samples))
    assert together.shape[2] == features.bins
    for row, size, length, wave in zip(together, samples, lengths.tolist(), batch, strict=True):
        alone, _ = features(wave[None, :size], torch.tensor([size]))
        assert alone.shape[1] == length and torch.allclose(row[:length], alone[0], atol=1e-6)
        assert row[length:].eq(0).all()


@pytest.mark.parametrize("kind", ["spectrogram", "fbank", "log_mel", "mfcc"])
@pytest.mark.parametrize("rate", [16_000, 8_000])
@pytest.mark.parametrize("frames", [1, 2, 7])
def test_the_shortest_clip_with_so_many_frames(kind: str, rate: int, frames: int) -> None:
    features = Features(kind, settings=FeatureSettings(rate, 20.0, 12.5))
    least = features.min_samples(frames)
    _, lengths = features(torch.zeros(2, least), torch.tensor([least, least - 1]))
    assert lengths.tolist() == [frames, frames - 1]
    assert features.samples_per_frame == 200


def test_the_usual_settings_are_the_old_constants(rng: np.random.Generator) -> None:
    wave = signal(rng, 3000)
    for plain, other in ((Spectrogram(), Spectrogram(FeatureSettings(feature_bins=200))), (Fbank(), Fbank(80)),
                         (LogMel(), LogMel(80, FeatureSettings()))):  # fmt: skip
        assert np.array_equal(of(plain, wave), of(other, wave))


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        ("spectrogram", FeatureSettings(window_size=20.0, feature_bins=162), "a spectrogram of 320 samples has 161"),
        ("fbank", FeatureSettings(window_size=20.03), "window_size 20.03 is 320.48 samples at 16000 Hz"),
        ("fbank", FeatureSettings(window_size=5.0), "hop_size 10 is longer than window_size 5"),
    ],
)
def test_settings_that_cannot_be(kind: str, settings: FeatureSettings, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Features(kind, settings=settings)


@pytest.mark.parametrize(("rate", "hop", "seconds"), [(16_000, 10.0, 0.08), (8_000, 10.0, 0.08), (8_000, 20.0, 0.16)])
def test_a_model_file_keeps_the_settings_and_times_follow(tmp_path, rate: int, hop: float, seconds: float) -> None:
    torch.manual_seed(0)
    config = ModelConfig(UNITS, **SMALL, sample_rate=rate, hop_size=hop, features="fbank", feature_bins=32)
    assert ModelConfig.from_dict(config.to_dict()) == config and "feature_bins 32" in config.describe()
    model = AcousticModel(config).eval()
    save_model(model, tmp_path / "a.safetensors", {})
    again = load_model(tmp_path / "a.safetensors")
    assert again.config == config and again.seconds_per_frame == pytest.approx(seconds)
    assert again.frames_of_10_ms == 100 * seconds and isinstance(again.frames_of_10_ms, int)
    waveforms, lengths = torch.randn(2, 40_000), torch.tensor([40_000, 20_000])
    found, frames = again(waveforms, lengths)
    assert torch.equal(found, model(waveforms, lengths)[0])
    assert abs(frames[0] * seconds - 2.5) < 2 * seconds
    least = model.min_samples
    assert model(torch.randn(1, least), torch.tensor([least]))[1].tolist() == [1]
    with pytest.raises(ValueError, match="needs at least"):
        model(torch.randn(1, least - 1), torch.tensor([least - 1]))


def test_files_of_the_usual_settings_are_as_they_were() -> None:
    config = ModelConfig(UNITS, **SMALL)
    assert not {"sample_rate", "framing", "hop_size"} & config.to_dict().keys()
    assert ModelConfig.from_dict(config.to_dict()) == config and "25" not in config.describe()
    other = ModelConfig(UNITS, **SMALL, window_size=20.0)
    assert not other.matches(config)
    with pytest.raises(ModelError, match="window_size must be a number from 5 to 25"):
        ModelConfig.from_dict({**other.to_dict(), "window_size": "wide"})
