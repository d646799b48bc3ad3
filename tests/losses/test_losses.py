"""Losses against enumerations and formulas in float64, numerical gradients, and everything that could be NaN."""

import itertools
import math
from collections import Counter

import pytest
import torch
from torch import Tensor

from ramospeech.losses import ace, ctc, ctc_ace, ramp

LOSSES = [ctc, ace, ctc_ace]
LENGTHS = torch.tensor([5, 3, 4, 4])
LABELS = torch.tensor([[1, 2, 2], [3, -1, 9], [-1, -1, -1], [2, 1, 3]])  # the padding may hold anything
LABEL_LENGTHS = torch.tensor([3, 1, 0, 3])


def posteriors(dtype: torch.dtype = torch.float64, batch: int = 4, size: int = 6, units: int = 4) -> Tensor:
    torch.manual_seed(0)
    return torch.randn(batch, size, units, dtype=torch.float64).log_softmax(-1).to(dtype)


def plain_ctc(log_probs: Tensor, label: list[int]) -> float:
    """-log of the sum over all paths (T', V) that collapse to the label."""
    total = 0.0
    for path in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
        if [unit for unit, _ in itertools.groupby(path) if unit != 0] == label:
            total += math.exp(sum(float(row[unit]) for row, unit in zip(log_probs, path, strict=True)))
    return -math.log(total) if total else math.inf


def plain_ace(log_probs: Tensor, label: list[int]) -> float:
    """U times the divergence, unit by unit, from equations 1 to 4 of the paper."""
    frames, units = log_probs.shape
    counts = Counter(label)
    counts[0] = frames - len(label)
    loss = 0.0
    for unit in range(units):
        share = counts[unit] / frames
        if share:
            loss += share * (math.log(share) - math.log(float(log_probs[:, unit].exp().sum()) / frames))
    return max(len(label), 1) * loss


def gradient(loss: Tensor, log_probs: Tensor) -> Tensor:
    return torch.autograd.grad(loss, log_probs)[0]


def clips(log_probs: Tensor):
    for row, frames, label, size in zip(log_probs, LENGTHS.tolist(), LABELS, LABEL_LENGTHS.tolist(), strict=True):
        yield row[:frames], label[:size].tolist()


def test_ctc_against_all_paths() -> None:
    log_probs = posteriors()
    loss = ctc(log_probs, LENGTHS, LABELS, LABEL_LENGTHS)
    assert loss.sum.item() == pytest.approx(sum(plain_ctc(*clip) for clip in clips(log_probs)), abs=1e-9)
    assert (float(loss.count), int(loss.skipped)) == (8, 0)  # 3 + 1 + 1 for the empty clip + 3


def test_ace_against_the_formulas() -> None:
    log_probs = posteriors()
    loss = ace(log_probs, LENGTHS, LABELS, LABEL_LENGTHS)
    assert loss.sum.item() == pytest.approx(sum(plain_ace(*clip) for clip in clips(log_probs)), abs=1e-9)
    assert (float(loss.count), int(loss.skipped)) == (8, 0)


def test_ace_is_zero_for_the_right_counts_in_any_order() -> None:
    for order in ([1, 0, 2, 2, 0], [2, 1, 0, 0, 2]):
        right = torch.full((1, 5, 4), -torch.inf).scatter(2, torch.tensor(order).view(1, 5, 1), 0.0)
        loss = ace(right, torch.tensor([5]), torch.tensor([[1, 2, 2]]), torch.tensor([3]))
        assert loss.sum.item() == pytest.approx(0, abs=1e-6) and int(loss.skipped) == 0


def test_ace_gradient_is_that_of_the_paper() -> None:
    """dL/da[t,k] = p[t,k] (sum_j p[t,j] r_j - r_k) with r = share / aggregate, for the logits a."""
    logits = torch.randn(1, 6, 5, dtype=torch.float64, requires_grad=True)
    label = torch.tensor([[2, 4, 2]])
    loss = ace(logits.log_softmax(-1), torch.tensor([6]), label, torch.tensor([3]))
    p = logits.detach().softmax(-1)[0]
    r = torch.tensor([3, 0, 2, 0, 1], dtype=torch.float64) / 6 / p.sum(0)
    assert torch.allclose(gradient(loss.sum, logits)[0], 3 * p * ((p * r).sum(1, keepdim=True) - r), atol=1e-12)


def test_joint_is_the_weighted_sum() -> None:
    given = posteriors(), LENGTHS, LABELS, LABEL_LENGTHS
    joint = ctc_ace(*given, weight=0.3)
    assert float(joint.sum) == pytest.approx(float(ctc(*given).sum + 0.3 * ace(*given).sum))
    assert float(joint.count) == 8
    assert float(ctc_ace(*given, weight=0.0).sum) == float(ctc(*given).sum)


@pytest.mark.parametrize("loss", LOSSES)
def test_numerical_gradient(loss) -> None:
    logits = torch.randn(4, 6, 4, dtype=torch.float64, requires_grad=True)
    torch.autograd.gradcheck(
        lambda a: loss(a.log_softmax(-1), LENGTHS, LABELS, LABEL_LENGTHS).sum, (logits,), check_undefined_grad=False
    )


@pytest.mark.parametrize("loss", LOSSES)
def test_padding_changes_nothing(loss) -> None:
    short = posteriors().requires_grad_()
    given = LENGTHS, LABELS, LABEL_LENGTHS
    expected = gradient(loss(short, *given).sum, short)
    padded = torch.cat([short.detach(), torch.full((4, 3, 4), torch.nan)], 1)
    padded[1, 3:] = torch.nan
    padded.requires_grad_()
    wider = torch.cat([LABELS, torch.full((4, 2), 77)], 1)
    found = loss(padded, LENGTHS, wider, LABEL_LENGTHS)
    assert found.sum.item() == pytest.approx(loss(short, *given).sum.item())
    slope = gradient(found.sum, padded)
    assert torch.allclose(slope[:, :6], expected, atol=1e-12)
    assert slope[1, 3:].eq(0).all() and slope[:, 6:].eq(0).all()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_float32(loss, dtype: torch.dtype) -> None:
    half = posteriors(dtype).requires_grad_()
    found = loss(half, LENGTHS, LABELS, LABEL_LENGTHS)
    assert found.sum.dtype == torch.float32
    expected = loss(half.detach().double(), LENGTHS, LABELS, LABEL_LENGTHS)
    assert found.sum.item() == pytest.approx(expected.sum.item(), rel=1e-5)
    slope = gradient(found.sum, half)
    assert slope.dtype == dtype and slope.isfinite().all()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("trouble", ["too long", "impossible", "nan", "infinite"])
def test_a_hopeless_clip_is_left_out(loss, trouble: str) -> None:
    """It adds to neither sum nor count, its gradient is exactly 0, and its neighbours do not notice."""
    log_probs, labels, label_lengths = posteriors(), LABELS.clone(), LABEL_LENGTHS.clone()
    if trouble == "too long":
        labels, label_lengths[0] = torch.cat([labels, labels], 1), 6  # six labels in five frames
    elif trouble == "impossible":
        log_probs[0, :, 2] = -torch.inf
    else:
        log_probs[0, 2, 2] = torch.nan if trouble == "nan" else torch.inf
    log_probs.requires_grad_()
    found = loss(log_probs, LENGTHS, labels, label_lengths)
    others = posteriors()[1:].requires_grad_()
    expected = loss(others, LENGTHS[1:], LABELS[1:], LABEL_LENGTHS[1:])
    assert found.sum.item() == pytest.approx(expected.sum.item())
    assert (float(found.count), int(found.skipped)) == (5, 1)
    slope = gradient(found.sum, log_probs)
    assert slope[0].eq(0).all()
    assert torch.allclose(slope[1:], gradient(expected.sum, others), atol=1e-12)


def test_repeats_need_a_frame_between() -> None:
    """Three frames hold 'a b c' but not 'a a b': CTC skips the latter, and the joint loss with it."""
    given = posteriors(batch=1, size=3), torch.tensor([3]), torch.tensor([[1, 1, 2]]), torch.tensor([3])
    assert [int(loss(*given).skipped) for loss in LOSSES] == [1, 0, 1]
    assert float(ctc_ace(*given).count) == 0


@pytest.mark.parametrize("loss", LOSSES)
def test_zero_probabilities_off_the_path_are_fine(loss) -> None:
    log_probs = posteriors()
    log_probs[:, :, 3] = -torch.inf
    log_probs.requires_grad_()
    found = loss(log_probs[:1], LENGTHS[:1], LABELS[:1], LABEL_LENGTHS[:1])
    assert int(found.skipped) == 0
    if loss is ctc:
        assert found.sum.item() == pytest.approx(plain_ctc(log_probs[0, :5].detach(), [1, 2, 2]))
    assert gradient(found.sum, log_probs).isfinite().all()


@pytest.mark.parametrize("loss", LOSSES)
def test_arguments_are_not_changed(loss) -> None:
    given = posteriors(), LENGTHS.clone(), LABELS.clone(), LABEL_LENGTHS.clone()
    first = loss(*given)
    assert torch.equal(given[2], LABELS) and torch.equal(given[3], LABEL_LENGTHS)
    assert float(loss(*given).sum) == first.sum.item()


def test_without_any_label_at_all() -> None:
    given = posteriors(), LENGTHS, torch.empty(4, 0, dtype=torch.int64), torch.zeros(4, dtype=torch.int64)
    for loss in LOSSES:
        found = loss(*given)
        assert found.sum.isfinite() and float(found.count) == 4


def test_ramp() -> None:
    assert [ramp(0.2, step, 100) for step in (0, 50, 100, 500)] == [0, 0.1, 0.2, 0.2]
    assert ramp(0.2, 0, 0) == 0.2


def test_smoothing_adds_the_divergence_from_uniform_posteriors() -> None:
    torch.manual_seed(0)
    log_probs = torch.randn(3, 9, 5, dtype=torch.float64).log_softmax(2).requires_grad_()
    lengths, labels, counts = torch.tensor([9, 7, 1]), torch.tensor([[1, 2, 3], [4, 4, 0], [1, 2, 0]]), [3, 2, 2]
    plain = ctc(log_probs, lengths, labels, torch.tensor(counts))
    smooth = ctc(log_probs, lengths, labels, torch.tensor(counts), smoothing=0.25)
    uniform = torch.full((5,), 0.2, dtype=torch.float64)
    expected = 0.75 * plain.sum
    for clip, (length, count) in enumerate([(9, 3), (7, 2)]):  # the third has too few frames
        frames = [torch.nn.functional.kl_div(log_probs[clip, t], uniform, reduction="sum") for t in range(length)]
        expected = expected + 0.25 * count * sum(frames) / length
    torch.testing.assert_close(smooth.sum, expected)
    assert smooth.skipped == 1 and smooth.count == plain.count
    smooth.sum.backward()
    assert not log_probs.grad[2].any() and not log_probs.grad[1, 7:].any()


def test_consistency_draws_each_view_to_the_other() -> None:
    """Rows 0 and 2, 1 and 3 are the two views of a clip."""
    log_probs, lengths = posteriors().requires_grad_(), torch.tensor([6, 3, 6, 3])
    given = log_probs, lengths, LABELS[[0, 1, 0, 1]], LABEL_LENGTHS[[0, 1, 0, 1]]
    expected = ctc(*given).sum
    for view, (other, frames) in enumerate(((2, 6), (3, 3), (0, 6), (1, 3))):
        target = log_probs[other, :frames].detach()
        expected = expected + 0.2 * torch.nn.functional.kl_div(
            log_probs[view, :frames], target, reduction="sum", log_target=True
        )
    found = ctc(*given, consistency=0.2)
    assert found.sum.item() == pytest.approx(expected.item(), abs=1e-12)
    assert torch.allclose(gradient(found.sum, log_probs), gradient(expected, log_probs), atol=1e-12)
    same = log_probs.detach()[[0, 1, 0, 1]]
    assert float(ctc(same, *given[1:], consistency=0.2).sum) == float(ctc(same, *given[1:]).sum)


def test_a_hopeless_view_takes_its_twin_with_it_and_no_other() -> None:
    log_probs, lengths, twins = posteriors(), torch.tensor([6, 3, 6, 3]), [0, 1, 0, 1]
    log_probs[0, 2, 2] = torch.nan
    log_probs.requires_grad_()
    found = ctc(log_probs, lengths, LABELS[twins], LABEL_LENGTHS[twins], consistency=0.2)
    pair = log_probs.detach()[[1, 3]].requires_grad_()
    expected = ctc(pair, lengths[[1, 3]], LABELS[[1, 1]], LABEL_LENGTHS[[1, 1]], consistency=0.2)
    assert (found.sum.item(), float(found.count), int(found.skipped)) == (pytest.approx(expected.sum.item()), 2, 2)
    slope = gradient(found.sum, log_probs)
    assert slope[[0, 2]].eq(0).all()
    assert torch.allclose(slope[[1, 3]], gradient(expected.sum, pair), atol=1e-12)
