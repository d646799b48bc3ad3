"""Speed perturbation and SpecAugment."""

import numpy as np
import pytest
import torch

from ramospeech.augment import Chain, FrequencyWarp, SpecAugment, speed
from ramospeech.features import Features


@pytest.mark.parametrize("factor", [0.9, 1.1])
def test_speed_changes_length_and_pitch(factor):
    tone = np.sin(2 * np.pi * 440.0 * np.arange(32_000) / 16_000).astype(np.float32)
    faster = speed(tone, factor)
    assert faster.dtype == np.float32
    assert abs(len(faster) - 32_000 / factor) <= 2
    middle = faster[2_000:-2_000]
    peak = np.fft.rfftfreq(len(middle), 1 / 16_000)[np.abs(np.fft.rfft(middle * np.hanning(len(middle)))).argmax()]
    assert abs(peak - 440.0 * factor) < 2.0


def test_speed_refuses_zero():
    with pytest.raises(ValueError, match="positive"):
        speed(np.zeros(100, np.float32), 0.0)


def test_spec_augment_masks_bands_and_spans_within_the_clip():
    torch.manual_seed(3)
    features, lengths = torch.ones(64, 200, 80), torch.full((64,), 100)
    masked = SpecAugment(frequency_masks=1, frequency_width=0.25, time_masks=1, time_width=0.2)(features, lengths)
    zeros = masked == 0
    whole_bins, whole_frames = zeros.all(dim=1), zeros.all(dim=2)
    assert (zeros == (whole_bins[:, None, :] | whole_frames[:, :, None])).all()
    assert 0 < whole_bins.float().mean() < 0.25
    assert whole_bins.sum(dim=1).max() <= 20
    assert 0 < whole_frames.sum(dim=1).max() <= 20
    assert not whole_frames[:, 100:].any()
    assert len({tuple(row.tolist()) for row in whole_bins}) > 10


def test_spec_augment_repeats_with_the_seed():
    features, lengths = torch.randn(4, 50, 20), torch.tensor([50, 40, 30, 20])
    outputs = []
    for _ in range(2):
        torch.manual_seed(5)
        outputs.append(SpecAugment()(features, lengths))
    assert torch.equal(*outputs)


@pytest.mark.parametrize("kind", ["spectrogram", "fbank"])
def test_a_warp_moves_a_tone_to_where_it_would_be(kind):
    """A tone of 1 kHz in a warped picture lies where a tone of 1 kHz / factor lies in a plain one."""
    extract = Features(kind, "none").extract
    time = torch.arange(16_000) / 16_000
    lengths = torch.tensor([16_000])
    tone = extract(0.3 * torch.sin(2 * torch.pi * 1000 * time)[None], lengths)[0]
    warp = FrequencyWarp(extract.frequencies, 0.2)
    torch.manual_seed(1)
    factor = float(1 + 0.2 * (2 * torch.rand(1, 1) - 1))
    assert abs(factor - 1) > 0.05
    torch.manual_seed(1)
    warped = warp(tone, torch.tensor([98]))
    peak = extract.frequencies[warped.mean(1).argmax()]
    wanted = extract(0.3 * torch.sin(2 * torch.pi * 1000 / factor * time)[None], lengths)[0].mean(1).argmax()
    assert abs(float(peak - extract.frequencies[wanted])) <= 80.0


def test_a_warp_of_nothing_changes_nothing_and_padding_stays_zero():
    extract = Features("fbank", "none").extract
    features = torch.randn(3, 20, 80)
    features[1, 10:] = 0
    lengths = torch.tensor([20, 10, 20])
    assert torch.allclose(FrequencyWarp(extract.frequencies, 0.0)(features, lengths), features, atol=1e-5)
    warped = FrequencyWarp(extract.frequencies, 0.1)(features, lengths)
    assert (warped[1, 10:] == 0).all() and not torch.allclose(warped[0], features[0], atol=0.1)


def test_a_chain_does_one_after_another():
    class Add(torch.nn.Module):
        def forward(self, features, lengths, strength):
            return 2 * features + strength

    features = torch.zeros(1, 2, 3)
    chain = Chain([Add(), Add()])
    assert (chain(features, torch.tensor([2])) == 3).all()
    chain.strength = 0.5
    assert (chain(features, torch.tensor([2])) == 1.5).all()
    features, lengths = torch.randn(4, 50, 80), torch.full((4,), 50)
    frequencies = Features("fbank").extract.frequencies
    for augmentation in (FrequencyWarp(frequencies, 0.2), SpecAugment()):
        assert torch.allclose(augmentation(features, lengths, 0.0), features, atol=1e-5)
        assert not torch.allclose(augmentation(features, lengths, 1.0), features, atol=1e-5)
    assert Chain([])(features, torch.tensor([2])) is features
