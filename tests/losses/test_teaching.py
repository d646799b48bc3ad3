"""Learning from a teacher's posteriors, against loops over frames in float64."""

import math

import pytest
import torch
from torch import Tensor

from ramospeech.losses import teaching
from ramospeech.losses.teaching import CERTAIN_BLANK, frame_divergence, merged_frames

LENGTHS, TAUGHT_LENGTHS = torch.tensor([6, 3, 5]), torch.tensor([5, 4, 5])
LABEL_LENGTHS = torch.tensor([2, 1, 0])


def posteriors(seed: int, size: int = 6, units: int = 4, sharp: float = 3.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (sharp * torch.randn(3, size, units, dtype=torch.float64, generator=generator)).log_softmax(-1)


def spikes(ids: list[int], units: int = 4, height: float = 0.99) -> Tensor:
    """(1, T', V): one unit of each frame has the height, the others share the rest."""
    rest = (1 - height) / (units - 1)
    return torch.full((1, len(ids), units), rest).scatter(2, torch.tensor(ids).view(1, -1, 1), height).double().log()


def plain(log_probs: Tensor, frames: int, taught: Tensor, taught_frames: int) -> float:
    """The divergence of one clip, frame by frame and unit by unit."""
    total = 0.0
    for t in range(min(frames, taught_frames)):
        if min(float(log_probs[t, 0]), float(taught[t, 0])) < CERTAIN_BLANK:
            for own, other in zip(log_probs[t].tolist(), taught[t].tolist(), strict=True):
                total += math.exp(other) * (other - own)
    return total


def plain_merged(frames: Tensor) -> list[float]:
    """Posteriors of some frames as one."""
    blank = math.prod(row[0] for row in frames.exp().tolist())
    sums = frames.exp().sum(0)[1:]
    return [blank, *((1 - blank) * sums / sums.sum()).tolist()]


@pytest.mark.parametrize("seed", range(4))
def test_against_the_plain_sum(seed: int) -> None:
    own, taught = posteriors(seed), posteriors(seed + 10)
    found = frame_divergence(own, LENGTHS, taught, TAUGHT_LENGTHS)
    expected = [plain(own[i], int(LENGTHS[i]), taught[i], int(TAUGHT_LENGTHS[i])) for i in range(3)]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64))
    loss = teaching(own, LENGTHS, taught, TAUGHT_LENGTHS, LABEL_LENGTHS)
    assert loss.sum.item() == pytest.approx(sum(expected)) and (float(loss.count), int(loss.skipped)) == (4, 0)


def test_it_is_zero_for_what_the_teacher_gives() -> None:
    taught = posteriors(0)
    assert frame_divergence(taught, LENGTHS, taught, LENGTHS).abs().max() < 1e-12


@pytest.mark.parametrize(
    ("own", "taught", "counted"),
    [
        ([0, 0, 0], [0, 0, 0], []),
        ([0, 2, 0], [0, 0, 0], [1]),
        ([0, 0, 0], [3, 0, 0], [0]),
        ([1, 0, 2], [1, 0, 3], [0, 2]),
    ],
)
def test_frames_in_which_both_are_blank_do_not_count(own: list[int], taught: list[int], counted: list[int]) -> None:
    log_probs = spikes(own, height=0.97).requires_grad_()
    frames = torch.tensor([3])
    frame_divergence(log_probs, frames, spikes(taught), frames).sum().backward()
    assert log_probs.grad is not None
    assert log_probs.grad[0].abs().sum(1).nonzero().flatten().tolist() == counted


@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_is_numerically_right(seed: int) -> None:
    taught = posteriors(seed + 10)
    logits = posteriors(seed).requires_grad_()
    for factor in (1, 2):
        lengths, others = LENGTHS // factor, TAUGHT_LENGTHS // factor

        def loss(x: Tensor, factor: int = factor, lengths: Tensor = lengths, others: Tensor = others) -> Tensor:
            own = merged_frames(x.log_softmax(-1), factor)
            return frame_divergence(own, lengths, merged_frames(taught, factor), others)

        assert torch.autograd.gradcheck(loss, (logits,))


@pytest.mark.parametrize("junk", [0.0, -1e30, math.inf, math.nan])
def test_padding_changes_nothing(junk: float) -> None:
    own, taught = posteriors(1).requires_grad_(), posteriors(2)
    before = teaching(own, LENGTHS, taught, TAUGHT_LENGTHS, LABEL_LENGTHS)
    before.sum.backward()
    wide, wide_taught = (torch.full((3, 11, 4), junk, dtype=torch.float64) for _ in range(2))
    for row, (frames, others) in enumerate(zip(LENGTHS.tolist(), TAUGHT_LENGTHS.tolist(), strict=True)):
        wide[row, :frames], wide_taught[row, :others] = own.detach()[row, :frames], taught[row, :others]
    wide.requires_grad_()
    after = teaching(wide, LENGTHS, wide_taught, TAUGHT_LENGTHS, LABEL_LENGTHS)
    after.sum.backward()
    torch.testing.assert_close(after, before)
    assert own.grad is not None and wide.grad is not None
    torch.testing.assert_close(wide.grad[:, :6], own.grad)
    assert not wide.grad[:, 6:].any()


@pytest.mark.parametrize("factor", [1, 2, 3])
def test_merged_frames_against_the_plain_formula(factor: int) -> None:
    log_probs = posteriors(3, size=7)
    merged = merged_frames(log_probs, factor).exp()
    assert merged.shape == (3, 7 // factor, 4)
    torch.testing.assert_close(merged.sum(2), torch.ones(3, 7 // factor, dtype=torch.float64))
    for row in range(3):
        for frame in range(7 // factor):
            expected = plain_merged(log_probs[row, frame * factor : (frame + 1) * factor])
            torch.testing.assert_close(merged[row, frame], torch.tensor(expected, dtype=torch.float64))


@pytest.mark.parametrize("at", [0, 1])
def test_a_spike_keeps_its_height_wherever_it_is_in_the_group(at: int) -> None:
    ids = [0, 0]
    ids[at] = 2
    merged = merged_frames(spikes(ids, height=0.9), 2).exp()[0, 0]
    assert merged[2] > 0.8 and merged[0] < 0.1  # of the mean of the two frames: 0.47 each


def test_certain_blanks_are_finite() -> None:
    certain = torch.full((1, 4, 3), -math.inf).scatter(2, torch.zeros(1, 4, 1, dtype=torch.int64), 0.0)
    taught = certain.clamp(min=-1e30)
    own = torch.randn(1, 2, 3).log_softmax(-1).requires_grad_()
    loss = teaching(own, torch.tensor([2]), taught, torch.tensor([4]), torch.tensor([1]), (1, 2))
    loss.sum.backward()
    assert own.grad is not None and loss.sum.isfinite() and own.grad.isfinite().all()


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_clip_that_is_not_finite_is_skipped(bad: float) -> None:
    own, taught = posteriors(1), posteriors(2)
    own[1, 0, 2] = bad
    own.requires_grad_()
    loss = teaching(own, LENGTHS, taught, TAUGHT_LENGTHS, LABEL_LENGTHS)
    loss.sum.backward()
    assert own.grad is not None
    assert (int(loss.skipped), float(loss.count)) == (1, 3) and loss.sum.isfinite()
    assert own.grad[0].any() and not own.grad[1].any()
