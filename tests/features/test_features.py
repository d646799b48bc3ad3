"""Features against plain float64 references, kaldi-native-fbank, and their own padding."""

import kaldi_native_fbank as knf
import numpy as np
import pytest
import scipy.fft
import scipy.signal
import torch

from ramospeech.errors import UsageError
from ramospeech.features import Fbank, Features, LogMel, Normalise, Spectrogram, frame_count


def signal(rng: np.random.Generator, samples: int) -> np.ndarray:
    """Tones, noise and a silent stretch, so that bins differ by many orders of magnitude."""
    time = np.arange(samples) / 16_000
    wave = 0.3 * np.sin(2 * np.pi * 440 * time * (1 + time)) + 0.003 * rng.standard_normal(samples) + 0.01
    wave[samples // 3 : samples // 2] = 0
    return wave.astype(np.float32)


def frames_of(wave: np.ndarray) -> np.ndarray:
    """(T, 400) float64 at 16-bit scale, cut one by one."""
    starts = range(0, len(wave) - 399, 160)
    return np.array([wave[start : start + 400] for start in starts], np.float64) * 32768


def plain_spectrogram(wave: np.ndarray) -> np.ndarray:
    window = scipy.signal.get_window("hamming", 400, fftbins=False)
    return np.array([np.log(np.abs(scipy.fft.fft(frame * window))[:200] + 1) for frame in frames_of(wave)])


def plain_fbank(wave: np.ndarray) -> np.ndarray:
    def mel(hertz):
        return 1127 * np.log(1 + hertz / 700)

    edges = np.linspace(mel(20), mel(8000), 82)
    bins = [mel(k * 16_000 / 512) for k in range(256)]
    window = np.hanning(400) ** 0.85
    result = []
    for frame in frames_of(wave):
        frame = frame - frame.mean()
        frame = np.append(frame[0] * (1 - 0.97), frame[1:] - 0.97 * frame[:-1])
        power = np.abs(scipy.fft.fft(frame * window, 512)) ** 2
        energies = []
        for left, centre, right in zip(edges, edges[1:], edges[2:], strict=False):
            rise = [(m - left) / (centre - left) for m in bins]
            fall = [(right - m) / (right - centre) for m in bins]
            weights = np.clip(np.minimum(rise, fall), 0, None)
            energies.append(max(weights @ power[:256], 1.0))
        result.append(np.log(energies))
    return np.array(result)


def exact(module: torch.nn.Module) -> torch.nn.Module:
    """In float64 with windows that were never rounded to float32."""
    module.double()
    if isinstance(module, Spectrogram):
        module.window = torch.from_numpy(np.hamming(400))
    else:
        module.window = torch.from_numpy(np.hanning(400) ** 0.85)
    return module


@pytest.mark.parametrize(
    "samples, frames", [(0, 0), (399, 0), (400, 1), (559, 1), (560, 2), (80_000, 498), (320_000, 1998)]
)
def test_frame_count(samples: int, frames: int) -> None:
    assert frame_count(torch.tensor([samples])).tolist() == [frames]


@pytest.mark.parametrize("module, plain, tight", [(Spectrogram, plain_spectrogram, 1e-10), (Fbank, plain_fbank, 1e-4)])
def test_against_float64(module, plain, tight: float, rng: np.random.Generator) -> None:
    wave = signal(rng, 5000)
    expected = plain(wave)
    for computed, tolerance in ((exact(module()), tight), (module(), 2e-3)):
        found, lengths = computed(torch.from_numpy(wave)[None], torch.tensor([5000]))
        assert lengths.tolist() == [len(expected)]
        np.testing.assert_allclose(found[0].numpy(), expected, atol=tolerance)


def test_fbank_against_kaldi(rng: np.random.Generator) -> None:
    wave = signal(rng, 16_000)
    options = knf.FbankOptions()
    options.frame_opts.dither = 0
    options.mel_opts.num_bins = 80
    options.energy_floor = 0.0
    kaldi = knf.OnlineFbank(options)
    kaldi.accept_waveform(16_000, (wave * 32768).tolist())
    expected = np.array([kaldi.get_frame(i) for i in range(kaldi.num_frames_ready)])
    found = Fbank()(torch.from_numpy(wave)[None], torch.tensor([16_000]))[0][0].numpy()
    assert found.shape == expected.shape
    assert (expected > 0).mean() > 0.7  # most of it lies above our floor of 1
    np.testing.assert_allclose(found, np.maximum(expected, 0), atol=5e-3)  # float32 on both sides


@pytest.mark.parametrize(
    ("kind", "frames"), [("spectrogram", [54, 25, 1, 0]), ("fbank", [54, 25, 1, 0]), ("log_mel", [56, 27, 2, 0])]
)
@pytest.mark.parametrize("mode", ["clip", "bin", "none"])
def test_padding_and_neighbours_change_nothing(
    kind: str, frames: list[int], mode: str, rng: np.random.Generator
) -> None:
    features = Features(kind, mode)
    samples = [9000, 4321, 400, 100]
    batch = torch.full((4, 9500), torch.nan)  # even garbage in the padding
    for row, size in zip(batch, samples, strict=True):
        row[:size] = torch.from_numpy(signal(rng, size))
    together, lengths = features(batch, torch.tensor(samples))
    assert lengths.tolist() == frames
    assert together.dtype == torch.float32 and together.shape[2] == features.bins
    for row, size, length, wave in zip(together, samples, lengths.tolist(), batch, strict=True):
        alone, _ = features(wave[None, :size], torch.tensor([size]))
        assert torch.allclose(row[:length], alone[0], atol=1e-5)
        assert row[length:].eq(0).all()


@pytest.mark.parametrize("kind", ["spectrogram", "fbank"])
def test_digital_silence_is_zero(kind: str) -> None:
    for mode in ("clip", "bin", "none"):
        features, _ = Features(kind, mode)(torch.zeros(1, 8000), torch.tensor([8000]))
        assert features.eq(0).all()


def test_autocast_leaves_the_precision_alone(rng: np.random.Generator) -> None:
    wave = torch.from_numpy(signal(rng, 4000))[None]
    features = Features("fbank")
    plain, _ = features(wave, torch.tensor([4000]))
    with torch.autocast("cpu", torch.bfloat16):
        mixed, _ = features(wave, torch.tensor([4000]))
    assert mixed.dtype == torch.float32 and torch.equal(mixed, plain)


def test_normalise_statistics() -> None:
    torch.manual_seed(0)
    values = torch.randn(2, 50, 6) * torch.arange(1, 7) + torch.arange(6)
    lengths = torch.tensor([50, 20])
    values[1, 20:] = 0
    clip = Normalise("clip")(values, lengths)[1, :20]
    assert clip.mean().abs() < 1e-5 and abs(clip.std(correction=0) - 1) < 1e-4
    assert clip.mean(0).abs().max() > 0.1  # the shape of the spectrum stays
    each = Normalise("bin")(values, lengths)[1, :20]
    assert each.mean(0).abs().max() < 1e-5 and (each.std(0, correction=0) - 1).abs().max() < 1e-4
    scaled = torch.cat([3 * values[1:, :20] + 7, torch.zeros(1, 5, 6)], 1)
    assert torch.allclose(Normalise("clip")(scaled, lengths[1:])[0, :20], clip, atol=1e-4)


def test_louder_is_the_same(rng: np.random.Generator) -> None:
    wave = torch.from_numpy(0.02 * rng.standard_normal(8000).astype(np.float32))[None]
    features, lengths = Features("fbank", "clip"), torch.tensor([8000])
    assert torch.allclose(features(wave, lengths)[0], features(8 * wave, lengths)[0], atol=1e-3)


def test_nothing_is_saved_or_trained() -> None:
    features = Features("fbank")
    assert not features.state_dict() and not list(features.parameters())


def test_unknown_names() -> None:
    with pytest.raises(UsageError, match=r"'wavelets'.*spectrogram, fbank"):
        Features("wavelets")
    with pytest.raises(UsageError, match=r"'global'.*clip, bin, none"):
        Features("fbank", "global")


def plain_log_mel(wave: np.ndarray) -> np.ndarray:
    def mel(hertz):
        return hertz * 3 / 200 if hertz < 1000 else 15 + np.log(hertz / 1000) * 27 / np.log(6.4)

    centres = np.interp(np.linspace(0, mel(8000), 82), [mel(hertz) for hertz in range(8001)], np.arange(8001))
    padded = np.pad(wave.astype(np.float64), 200, mode="reflect")
    result = []
    for start in range(0, len(wave) // 160 * 160, 160):
        power = np.abs(np.fft.rfft(padded[start : start + 400] * np.hanning(401)[:400])) ** 2
        row = []
        for left, centre, right in zip(centres, centres[1:], centres[2:], strict=False):
            hertz = np.arange(201) * 40
            triangle = np.clip(
                np.minimum((hertz - left) / (centre - left), (right - hertz) / (right - centre)), 0, None
            )
            row.append(np.log10(max(triangle @ power * 2 / (right - left), 1e-10)))
        result.append(row)
    return (np.maximum(result, np.max(result) - 8) + 4) / 4


@pytest.mark.parametrize("samples", [4000, 4159, 161, 160])
def test_log_mel_against_float64(samples: int, rng: np.random.Generator) -> None:
    wave = signal(rng, 5000)[:samples]
    found, lengths = LogMel()(torch.from_numpy(wave)[None], torch.tensor([samples]))
    assert lengths.tolist() == [samples // 160]
    if samples > 200:  # numpy reflects once only
        np.testing.assert_allclose(found[0].numpy(), plain_log_mel(wave), atol=2e-3)


def test_shortest_clips_by_frames() -> None:
    for kind, frames, samples in (("fbank", 8, 1520), ("spectrogram", 1, 400), ("log_mel", 4, 640)):
        features = Features(kind, "none")
        assert features.min_samples(frames) == samples
        for size, expected in ((samples, frames), (samples - 1, frames - 1)):
            assert features(torch.zeros(1, size), torch.tensor([size]))[1].tolist() == [expected]
