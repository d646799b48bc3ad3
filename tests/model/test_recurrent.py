"""The LSTM over reversed clips against the packed one of torch."""

import pytest
import torch

from ramospeech.model.layers import BiLSTM
from ramospeech.model.layers.recurrent import ForwardLSTM


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


@pytest.mark.parametrize("supported", [None, False], ids=["this processor", "no LSTM in bfloat16"])
def test_an_lstm_under_autocast(monkeypatch: pytest.MonkeyPatch, supported: bool | None) -> None:
    """Also on a processor for which oneDNN has none in bfloat16, where torch raises a RuntimeError."""
    if supported is not None:
        monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: supported)
    torch.manual_seed(0)
    both, forwards = BiLSTM(8, 6, 2), ForwardLSTM(8, 6)
    x, lengths = torch.randn(2, 9, 8), torch.tensor([9, 5])
    for layer in (both, forwards):
        expected = layer(x, lengths)
        for given in (x, x.bfloat16()):
            with torch.autocast("cpu", torch.bfloat16):
                found = layer(given, lengths)
            torch.testing.assert_close(found.float(), expected, atol=0.05, rtol=0.05)
