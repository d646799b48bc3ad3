"""Networks in numpy: transcribing by an ONNX file has no torch."""

from collections.abc import Mapping

import numpy as np

SCALE = ".scale"  # what the name of a matrix in 8 bits or fewer ends in where its rows' scales are


def in_float32(stored: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return weights by their names in float32, those in 8 or 6 bits (R, ...) times the scales (R,) of their rows."""
    weights: dict[str, np.ndarray] = {}
    for name, array in stored.items():
        if not name.endswith(SCALE):
            scale = stored.get(name + SCALE)
            weights[name] = (array if scale is None else unpacked(array)).astype(np.float32)
            if scale is not None:
                weights[name] *= scale.astype(np.float32).reshape(-1, *[1] * (array.ndim - 1))
    return weights


def packed(numbers: np.ndarray) -> np.ndarray:
    """Map whole numbers (..., N) from -32 to 31, N a multiple of 4, to uint8 (..., 3 * N / 4): four in three bytes.

    Each byte has one of them in its lower bits; of the fourth each has two bits above.
    """
    first, second, third, fourth = ((numbers[..., start::4] & 63).astype(np.uint8) for start in range(4))
    result = np.empty((*first.shape[:-1], 3 * first.shape[-1]), np.uint8)
    for start, number in enumerate((first, second, third)):
        result[..., start::3] = number | (fourth >> 2 * start << 6)
    return result


def unpacked(array: np.ndarray) -> np.ndarray:
    """Return int8 (..., N) for what `packed` made of them; arrays of other types as they are.

    Raises ValueError for uint8 that `packed` cannot have made.
    """
    if array.dtype != np.uint8:
        return array
    if array.ndim == 0 or array.shape[-1] % 3:
        raise ValueError(f"an array of shape {array.shape} does not hold four numbers in each three bytes")
    result = np.zeros((*array.shape[:-1], array.shape[-1] // 3 * 4), np.uint8)
    for start in range(3):
        part = array[..., start::3]
        result[..., start::4] = part & 63
        result[..., 3::4] |= part >> 6 << 2 * start
    return (result << 2).astype(np.int8) >> 2  # the sixth bit is the sign


def lstm(inputs: np.ndarray, weights: Mapping[str, np.ndarray], layer: str) -> np.ndarray:
    """Map inputs (T, B, D) to the outputs (T, B, cells) of one direction of torch.nn.LSTM.

    weights: those of a module that is called `lstm`. layer: what their names end in, `l0` or `l0_reverse`; the caller
    turns time around.
    """
    recurrent = np.ascontiguousarray(weights[f"lstm.weight_hh_{layer}"].T)
    bias = weights[f"lstm.bias_ih_{layer}"] + weights[f"lstm.bias_hh_{layer}"]
    of_inputs = inputs @ weights[f"lstm.weight_ih_{layer}"].T + bias
    cells = len(recurrent)
    output = state = np.zeros((inputs.shape[1], cells), np.float32)
    outputs = np.empty((*inputs.shape[:2], cells), np.float32)
    for time, given in enumerate(of_inputs):
        gates = given + output @ recurrent
        keep = _sigmoid(gates[:, : 2 * cells])  # input and forget gates
        state = keep[:, cells:] * state + keep[:, :cells] * np.tanh(gates[:, 2 * cells : 3 * cells])
        output = outputs[time] = _sigmoid(gates[:, 3 * cells :]) * np.tanh(state)
    return outputs


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 0.5 + 0.5 * np.tanh(0.5 * x)
