"""SpecAugment by counts of frames and bins, and its time warp."""

import pytest
import torch

from ramospeech.augment import SpecAugment, TimeWarp


@pytest.mark.parametrize(("width", "longest"), [(7, 7), (500, 30)])
def test_masks_of_so_many_frames(width: int, longest: int) -> None:
    torch.manual_seed(0)
    features, lengths = torch.ones(400, 40, 3), torch.full((400,), 30)
    masked = SpecAugment(0, 0.0, 1, width)(features, lengths)
    counts = (masked[:, :, 0] == 0).sum(1)
    assert counts.max() <= longest and counts.max() >= longest - 2 and counts.min() == 0
    assert masked[:, 30:].eq(1).all()
    half = SpecAugment(0, 0.0, 1, width)(features, lengths, 0.5)
    assert (half[:, :, 0] == 0).sum(1).max() <= longest / 2


def test_bands_of_so_many_bins() -> None:
    torch.manual_seed(0)
    masked = SpecAugment(1, 12, 0, 0.0)(torch.ones(300, 5, 80), torch.full((300,), 5))
    counts = (masked[:, 0] == 0).sum(1)
    assert 10 <= counts.max() <= 11 and counts.min() == 0  # 0 to 12, rounded down


def test_the_fractions_mask_what_they_did() -> None:
    features, lengths = torch.ones(4, 100, 80), torch.tensor([100, 80, 60, 30])
    torch.manual_seed(3)
    masked = SpecAugment()(features, lengths, 0.7)
    torch.manual_seed(3)
    expected = features.bool()
    for axis, count, width, limits in ((2, 2, 0.7 * 0.2, torch.full((4,), 80)), (1, 2, 0.7 * 0.08, lengths)):
        draws = torch.rand(2, 4, count, 1)
        limit = limits[:, None, None].float()
        widths = (draws[0] * width * limit).floor()
        starts = (draws[1] * (limit - widths + 1)).floor()
        place = torch.arange(features.shape[axis])
        hidden = ((place >= starts) & (place < starts + widths)).any(1)
        expected = expected & ~(hidden[:, None, :] if axis == 2 else hidden[:, :, None])
    assert torch.equal(masked, expected.float())


def ramp(lengths: list[int], size: int) -> torch.Tensor:
    """(B, T, 2): the time of each frame; 0 in the padding."""
    time = torch.arange(size).float().expand(len(lengths), -1)
    return torch.where(time < torch.tensor(lengths)[:, None], time, 0.0).unsqueeze(2).expand(-1, -1, 2).clone()


@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_time_moves_within_the_clip_and_never_backwards(strength: float) -> None:
    torch.manual_seed(1)
    lengths = [100, 60, 23, 5, 1] * 20
    features = ramp(lengths, 110)
    warped = TimeWarp(10)(features, torch.tensor(lengths), strength)
    for row, before, length in zip(warped, features, lengths, strict=True):
        times = row[:length, 0]
        assert (times.diff() >= -1e-4).all() and times[0] == 0 and times[-1] == pytest.approx(length - 1, abs=1e-3)
        assert (times - before[:length, 0]).abs().max() <= strength * 10 + 1e-3
        assert torch.equal(row[length:], before[length:])
        if length < 22:
            assert torch.equal(row, before)
    moved = [(row - before).abs().max() for row, before, n in zip(warped, features, lengths, strict=True) if n == 100]
    assert min(moved) > 0.01 and len({round(float(each), 3) for each in moved}) > 10  # each clip has its own


def test_two_lines_meet_at_the_frame_that_moved() -> None:
    torch.manual_seed(2)
    warped = TimeWarp(20)(ramp([200], 200), torch.tensor([200]))[0, :, 0]
    slopes = warped.diff()
    assert len({round(float(slope), 3) for slope in slopes}) <= 3 and slopes[0] != pytest.approx(float(slopes[-1]))


def test_what_is_moved_keeps_its_gradient_and_type() -> None:
    features = torch.randn(2, 50, 3, dtype=torch.float64, requires_grad=True)
    warped = TimeWarp(5)(features, torch.tensor([50, 40]))
    warped.sum().backward()
    assert warped.dtype == torch.float64 and features.grad is not None and features.grad.isfinite().all()
