"""Batch normalisation over real frames, against torch's own without padding, and shared between workers."""

import threading

import torch
from torch import Tensor, nn

from ramospeech.model import MaskedBatchNorm2d
from ramospeech.model.layers import padding_rows
from ramospeech.model.layers.batch_norm import sums_by_reductions, sums_of_channels


def pair(channels: int = 3) -> tuple[MaskedBatchNorm2d, nn.BatchNorm2d]:
    """Ours and torch's with the same random parameters, in float64."""
    torch.manual_seed(1)
    ours, theirs = MaskedBatchNorm2d(channels).double(), nn.BatchNorm2d(channels).double()
    nn.init.normal_(theirs.weight)
    nn.init.normal_(theirs.bias)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def batch(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return (3 * torch.randn(*shape, dtype=dtype) + 2).requires_grad_()


def same(ours: nn.Module, theirs: nn.Module, tolerance: float = 1e-9) -> None:
    for (name, mine), (_, other) in zip(ours.state_dict().items(), theirs.state_dict().items(), strict=True):
        assert torch.allclose(mine, other, atol=tolerance), name
    for (name, mine), (_, other) in zip(ours.named_parameters(), theirs.named_parameters(), strict=True):
        if other.grad is not None:
            assert mine.grad is not None and torch.allclose(mine.grad, other.grad, atol=tolerance), name


def test_without_padding_it_is_torchs() -> None:
    ours, theirs = pair()
    for _ in range(3):
        x, weights = batch(2, 3, 7, 4), torch.randn(2, 3, 7, 4, dtype=torch.float64)
        y, z = ours(x), theirs(x)
        assert torch.allclose(y, z, atol=1e-9)
        mine, other = (torch.autograd.grad((out * weights).sum(), x, retain_graph=True)[0] for out in (y, z))
        assert torch.allclose(mine, other, atol=1e-9)
        (y * weights).sum().backward()
        (z * weights).sum().backward()
        same(ours, theirs)
    assert torch.allclose(ours.eval()(x), theirs.eval()(x))


def test_padding_takes_no_part() -> None:
    """Clips of 7 and 4 frames, padded to 9 with anything, give what torch gives for their frames in a row."""
    ours, theirs = pair()
    x = batch(2, 3, 9, 4)
    padding = padding_rows(torch.tensor([7, 4]), 9, x.device)
    weights = torch.randn(2, 3, 9, 4, dtype=torch.float64)
    y = ours(x, padding)
    assert y[0, :, 7:].eq(0).all() and y[1, :, 4:].eq(0).all()

    def row(tensor: Tensor) -> Tensor:
        return torch.cat([tensor[:1, :, :7], tensor[1:, :, :4]], 2)

    z = theirs(row(x))
    assert torch.allclose(row(y), z, atol=1e-9)
    (mine,) = torch.autograd.grad((y * weights).sum(), x, retain_graph=True)
    (other,) = torch.autograd.grad((z * row(weights)).sum(), x, retain_graph=True)
    assert torch.allclose(mine, other, atol=1e-9)
    (y * weights).sum().backward()
    (z * row(weights)).sum().backward()
    same(ours, theirs)


def test_numerical_gradient() -> None:
    ours, _ = pair()
    x = batch(2, 3, 5, 2)
    padding = padding_rows(torch.tensor([3, 5]), 5, x.device)
    # the outputs, unlike their sum, have gradients that are not zero
    torch.autograd.gradcheck(lambda x, *_: ours(x, padding), (x, *ours.parameters()))


def test_workers_share_statistics() -> None:
    """Two workers with half of a batch each are one worker with the whole."""
    whole, _ = pair()
    x, frames = batch(4, 3, 6, 2), torch.tensor([6, 3, 5, 2])
    weights = torch.randn_like(x)
    y = whole(x, padding_rows(frames, 6, x.device))
    (y * weights).sum().backward()

    halves = [pair()[0] for _ in range(2)]  # here: threads would share torch's generator while they draw
    meeting, given = threading.Barrier(2), [torch.empty(0), torch.empty(0)]

    def worker(rank: int, results: list) -> None:
        def all_reduce(values: Tensor) -> Tensor:
            given[rank] = values
            meeting.wait()
            total = given[0] + given[1]
            meeting.wait()
            return total

        half = halves[rank]
        half.all_reduce = all_reduce
        part = slice(2 * rank, 2 * rank + 2)
        mine = x.detach()[part].requires_grad_()
        out = half(mine, padding_rows(frames[part], 6, x.device))
        (out * weights[part]).sum().backward()
        results[rank] = (out, mine.grad, half)

    results: list = [None, None]
    threads = [threading.Thread(target=worker, args=(rank, results)) for rank in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    (first, first_grad, one), (second, second_grad, two) = results
    assert x.grad is not None and whole.weight.grad is not None
    assert torch.allclose(torch.cat([first, second]), y, atol=1e-9)
    assert torch.allclose(torch.cat([first_grad, second_grad]), x.grad, atol=1e-9)
    assert torch.allclose(one.weight.grad + two.weight.grad, whole.weight.grad, atol=1e-9)
    for half in (one, two):
        assert torch.allclose(half.running_var, whole.get_buffer("running_var"))


def test_non_finite_batches_leave_the_running_statistics() -> None:
    ours, _ = pair()
    before = [buffer.clone() for buffer in ours.buffers()][:2]
    ours(torch.full((1, 3, 4, 2), torch.nan, dtype=torch.float64))
    assert all(torch.equal(*pair) for pair in zip(ours.buffers(), before, strict=False))


def test_half_precision_has_float32_statistics() -> None:
    ours = MaskedBatchNorm2d(3)
    x = batch(2, 3, 9, 4, dtype=torch.float32)
    padding = padding_rows(torch.tensor([9, 5]), 9, x.device)
    y = ours(x.bfloat16(), padding)
    assert y.dtype == torch.bfloat16 and ours.get_buffer("running_var").dtype == torch.float32
    assert torch.allclose(y.float(), MaskedBatchNorm2d(3)(x, padding), atol=0.05)
    y.float().square().sum().backward()
    assert x.grad is not None and x.grad.isfinite().all()


def test_sums_on_a_gpu_are_those_on_a_cpu() -> None:
    x = batch(3, 5, 7, 4).detach().contiguous(memory_format=torch.channels_last)
    for mine, other in zip(sums_by_reductions(x, x.dtype), sums_of_channels(x, x.dtype), strict=True):
        assert torch.allclose(mine, other, atol=1e-9)
