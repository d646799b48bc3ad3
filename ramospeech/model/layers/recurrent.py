"""Recurrent layers whose padding changes nothing."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from ramospeech.features import padding_mask
from ramospeech.model.layers.batch_norm import MaskedBatchNorm2d, over_frames
from ramospeech.model.layers.dropout import Dropout
from ramospeech.model.layers.padding import padding_rows

KERNELS: dict[str, Any] = {"LSTM": torch.lstm, "GRU": torch.gru, "RNN_TANH": torch.rnn_tanh}


def in_supported_type(layer: Callable[..., Any], *tensors: Tensor) -> Any:
    """Return what a recurrent layer makes of tensors. Under autocast it is computed in float32 where oneDNN has no LSTM
    in its type, as on CPUs without AVX-512 in bfloat16: torch would raise a RuntimeError."""
    if tensors[0].is_cuda or not torch.is_autocast_enabled("cpu") or not torch.backends.mkldnn.is_available():
        return layer(*tensors)
    supported = {
        torch.bfloat16: torch.ops.mkldnn._is_mkldnn_bf16_supported,
        torch.float16: torch.ops.mkldnn._is_mkldnn_fp16_supported,
    }
    if supported[torch.get_autocast_dtype("cpu")]():
        return layer(*tensors)
    with torch.autocast("cpu", enabled=False):
        return layer(*(tensor.float() for tensor in tensors))


class Bidirectional(nn.RNNBase):
    """A recurrent layer of torch in both directions over clips of different lengths; parameters are named as there.

    With CUDA the batch is packed, for which cuDNN is made. Elsewhere a packed batch takes one small step after
    another, forwards and backwards; running each clip's own reversal through the fused kernel is two to four times
    as fast and gives the same.
    """

    def __init__(self, inputs: int, cells: int, layers: int = 1, dropout: float = 0.0, bias: bool = True) -> None:
        between: Any = {"batch_first": True, "bidirectional": True, "dropout": dropout if layers > 1 else 0.0}
        between["bias"] = bias
        super().__init__(inputs, cells, layers, **between)  # type: ignore[arg-type]  # of a subclass

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:  # type: ignore[override]
        """Map x (B, T', inputs), lengths (B,) on the CPU to (B, T', 2 * cells), 0 in the padding."""
        return self.packed(x, lengths) if x.is_cuda else self.reversing(x, lengths)

    def packed(self, x: Tensor, lengths: Tensor) -> Tensor:
        sequence = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return pad_packed_sequence(super().forward(sequence)[0], batch_first=True, total_length=x.shape[1])[0]

    def reversing(self, x: Tensor, lengths: Tensor) -> Tensor:
        lengths = lengths.to(x.device)
        padding = padding_mask(lengths, x.shape[1])
        time = torch.arange(x.shape[1], device=x.device)
        mirror = torch.where(padding, time, lengths.unsqueeze(1) - 1 - time).unsqueeze(2)  # t -> length - 1 - t
        start = x.new_zeros(1, x.shape[0], self.hidden_size)

        def run(x: Tensor, weights: list[nn.Parameter]) -> Tensor:
            def layer(x: Tensor, start: Tensor) -> Tensor:
                state = (start, start) if self.mode == "LSTM" else start
                return KERNELS[self.mode](x, state, weights, self.bias, 1, 0.0, self.training, False, True)[0]

            return in_supported_type(layer, x, start)

        for layer in range(self.num_layers):
            if layer:
                x = F.dropout(x, self.dropout, self.training)
            forwards = run(x, self.all_weights[2 * layer])
            backwards = run(x.gather(1, mirror.expand_as(x)), self.all_weights[2 * layer + 1])
            x = torch.cat([forwards, backwards.gather(1, mirror.expand_as(backwards))], 2)
        return x.masked_fill(padding.unsqueeze(2), 0.0)


class BiLSTM(Bidirectional, nn.LSTM):  # type: ignore[misc]  # another forward
    """An LSTM in both directions: (B, T', inputs) -> (B, T', 2 * cells)."""


class BiGRU(Bidirectional, nn.GRU):  # type: ignore[misc]  # another forward
    """A GRU in both directions: (B, T', inputs) -> (B, T', 2 * cells)."""


class BiRNN(Bidirectional, nn.RNN):  # type: ignore[misc]  # another forward
    """A plain recurrent layer with tanh in both directions: (B, T', inputs) -> (B, T', 2 * cells)."""


BIDIRECTIONAL: dict[str, type[Bidirectional]] = {"lstm": BiLSTM, "gru": BiGRU, "rnn": BiRNN}


class Normalised(nn.Module):
    """Recurrent layers of a kind in both directions, each followed by a batch normalisation, as in Deep Speech 2
    (Amodei et al., arXiv 1512.02595); dropout before each but the first."""

    def __init__(
        self, kind: type[Bidirectional], inputs: int, cells: int, layers: int = 1, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.layers = nn.ModuleList(kind(2 * cells if layer else inputs, cells) for layer in range(layers))
        self.norms = nn.ModuleList(MaskedBatchNorm2d(2 * cells) for _ in range(layers))
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Map x (B, T', inputs), lengths (B,) on the CPU to (B, T', 2 * cells), 0 in the padding."""
        padding = padding_rows(lengths, x.shape[1], x.device)
        for number, (layer, norm) in enumerate(zip(self.layers, self.norms, strict=True)):
            x = over_frames(norm, layer(self.dropout(x) if number else x, lengths), padding)
        return x


class Forward(nn.RNNBase):
    """A recurrent layer of torch from the first frame to the last; parameters are named as there."""

    def __init__(self, inputs: int, cells: int, bias: bool = True) -> None:
        super().__init__(inputs, cells, batch_first=True, bias=bias)  # type: ignore[arg-type, call-arg]  # of a subclass

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:  # type: ignore[override]
        """Map x (B, T', inputs), lengths (B,) to (B, T', cells), 0 in the padding."""
        padding = padding_mask(lengths.to(x.device), x.shape[1])
        return in_supported_type(super().forward, x)[0].masked_fill(padding.unsqueeze(2), 0.0)


class ForwardLSTM(Forward, nn.LSTM):  # type: ignore[misc]  # another forward
    """An LSTM forwards: (B, T', inputs) -> (B, T', cells)."""


class ForwardGRU(Forward, nn.GRU):  # type: ignore[misc]  # another forward
    """A GRU forwards: (B, T', inputs) -> (B, T', cells)."""


class ForwardRNN(Forward, nn.RNN):  # type: ignore[misc]  # another forward
    """A plain recurrent layer with tanh forwards: (B, T', inputs) -> (B, T', cells)."""


FORWARD: dict[str, type[Forward]] = {"lstm": ForwardLSTM, "gru": ForwardGRU, "rnn": ForwardRNN}


class Lookahead(nn.Module):
    """Row convolution (Wang et al. 2016, "Lookahead convolution layer for unidirectional recurrent neural networks"):
    each state of a frame is a weighted sum of itself and of those of the `context` - 1 frames that follow."""

    def __init__(self, states: int, context: int) -> None:
        super().__init__()
        self.context = context
        self.conv = nn.Conv1d(states, states, context, groups=states, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (B, T', D), 0 in the padding, to (B, T', D), where the padding may hold anything."""
        return self.conv(F.pad(x.transpose(1, 2), (0, self.context - 1))).transpose(1, 2)
