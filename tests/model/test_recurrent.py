"""The LSTM over reversed clips against the packed one of torch."""

import pytest
import torch

from ramospeech.model.layers import BiLSTM


@pytest.mark.parametrize("lengths", [[7, 3, 5], [7, 7, 7], [1, 7, 2]])
def test_reversing_is_packing(lengths: list[int]) -> None:
    torch.manual_seed(0)
    lstm = BiLSTM(4, 5, 3).double()
    x = torch.randn(3, 7, 4, dtype=torch.float64, requires_grad=True)
    frames = torch.tensor(lengths)
    weights = torch.randn(3, 7, 10, dtype=torch.float64)
    results = []
    for run in (lstm.packed, lstm.reversing):
        y = run(x, frames)
        results.append([y, *torch.autograd.grad((y * weights).sum(), [x, *lstm.parameters()])])
    for packed, reversing in zip(*results, strict=True):
        assert torch.allclose(packed, reversing, atol=1e-10)


def test_parameters_are_those_of_torch() -> None:
    theirs = torch.nn.LSTM(4, 5, 3, batch_first=True, bidirectional=True)
    assert not any(BiLSTM(4, 5, 3).load_state_dict(theirs.state_dict()))  # neither missing nor unexpected ones


def test_dropout_between_layers_in_training_only() -> None:
    lstm, x, frames = BiLSTM(4, 5, 2, dropout=0.5), torch.randn(2, 6, 4), torch.tensor([6, 4])
    assert not torch.equal(lstm(x, frames), lstm(x, frames))
    lstm.eval()
    assert torch.equal(lstm(x, frames), lstm(x, frames))
