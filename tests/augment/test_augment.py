"""Speed perturbation and SpecAugment."""

import numpy as np
import pytest
import torch

from ramospeech.augment import SpecAugment, speed


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
