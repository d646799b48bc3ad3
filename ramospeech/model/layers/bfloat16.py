"""Linear layers in bfloat16 for inference on a CPU that multiplies tiles of it (Intel's AMX): as fast as products of
bytes there and more exact, and attention over what they give is two to three times as fast as in float32."""

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ramospeech.model.layers.int8 import int8_linear

ROWS = 128  # a kernel is made for each number of rows, which takes longer than the product: so there are few of them


class Bfloat16Linear(nn.Module):
    """nn.Linear (..., inputs) -> (..., outputs) bfloat16, with weights in bfloat16. For inference only."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.weight = nn.Parameter(linear.weight.detach().bfloat16(), requires_grad=False)
        self.bias = None if linear.bias is None else nn.Parameter(linear.bias.detach().bfloat16(), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (..., inputs) to (..., outputs) bfloat16; under autocast in its type."""
        count = x.numel() // self.in_features
        rows = x.new_empty(-(-count // ROWS) * ROWS, self.in_features, dtype=torch.bfloat16)
        rows[:count] = x.reshape(count, self.in_features)
        return F.linear(rows, self.weight, self.bias)[:count].view(*x.shape[:-1], self.out_features)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


def fast_linear(linear: nn.Linear) -> nn.Module:
    """Return the fastest layer in place of one: in bfloat16 where the CPU multiplies tiles of it, else in 8 bits where
    it multiplies bytes exactly, else the layer itself; so too on other devices."""
    on_cpu = linear.weight.device.type == "cpu"
    return Bfloat16Linear(linear) if on_cpu and multiplies_bfloat16() else int8_linear(linear)


@lru_cache(maxsize=1)
def multiplies_bfloat16() -> bool:
    """Return whether the CPU has instructions for products of tiles of bfloat16, by which they are some ten times as
    fast as those of float32."""
    capabilities = getattr(torch.cpu, "get_capabilities", None)  # an older torch does not tell
    return capabilities is not None and bool(capabilities().get("amx_bf16"))
